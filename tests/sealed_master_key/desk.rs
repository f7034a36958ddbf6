//! An installation whose ring a Transit key seals, and a look into that ring.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypt_keeper_test_services::{VaultAccess, VaultSite};
use crypt_keeper_tests::{Installation, Parts, Server};
use serde_json::json;

const ROLES: [&str; 2] = ["master-key", "master-key-change"];

/// A Transit key, and an installation whose ring it seals.
pub(crate) struct Desk {
    pub(crate) site: VaultSite,
    pub(crate) key: String,
    pub(crate) installation: Installation,
}

impl Desk {
    /// Configured, without a ring.
    pub(crate) fn bare(access: &VaultAccess) -> Self {
        let site = VaultSite::create(access).unwrap();
        let key = site.create_master_key().unwrap();
        let mut installation = Installation::new(&Parts::embedded());
        let ring = installation.path("ring");
        installation.set("KEYS__MASTER_KEY_FILE", ring.to_str().unwrap());
        installation.set("KEYS__MASTER_KEY_TRANSIT", &key);
        installation.set("KEYS__VAULT__ADDRESS", access.address());
        let mut desk = Self {
            site,
            key,
            installation,
        };
        desk.hand_token(&ROLES);
        desk
    }

    /// With a ring, and set up.
    pub(crate) fn set_up(access: &VaultAccess) -> Self {
        let desk = Self::bare(access);
        let ring = desk.ring();
        let made = desk
            .installation
            .succeeds(&["master-key", "new", ring.to_str().unwrap()]);
        assert_eq!(made.trim(), ring.to_str().unwrap());
        desk.installation.succeeds(&["setup"]);
        desk
    }

    pub(crate) fn hand_token(&mut self, roles: &[&str]) {
        let token = self.site.token(roles, 3600).unwrap();
        let file = self.installation.path("vault-token");
        fs::write(&file, token).unwrap();
        self.installation
            .set("KEYS__VAULT__TOKEN_FILE", file.to_str().unwrap());
    }

    pub(crate) fn ring(&self) -> PathBuf {
        self.installation.path("ring")
    }

    pub(crate) fn serve(self) -> (Server, VaultSite) {
        (Server::start_installation(self.installation), self.site)
    }

    /// Tries to start; the one line that it says.
    pub(crate) fn refused(&self) -> String {
        let refused = self.installation.run(&["serve"]);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success(), "{said}");
        let own: Vec<_> = said
            .lines()
            .filter(|line| !line.contains(" WARN "))
            .collect();
        assert_eq!(own.len(), 1, "{said}");
        own[0].to_owned()
    }
}

/// Ids and ciphertexts of a ring file.
pub(crate) fn lines(ring: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(ring).unwrap();
    let lines = text.lines().map(|line| line.split_once(':').unwrap());
    lines
        .map(|(id, sealed)| (id.to_owned(), sealed.to_owned()))
        .collect()
}

/// What a line holds, asked of Transit by its administrator.
pub(crate) fn opened(site: &VaultSite, id: &str, sealed: &str) -> Vec<u8> {
    let id = hex::decode(id).unwrap();
    let context = [b"crypt-keeper/master-key/v1\0".as_slice(), &id].concat();
    let body = json!({ "ciphertext": sealed, "associated_data": STANDARD.encode(context) });
    let path = format!("{}/decrypt/master-key", site.transit());
    let answer = site.access().must("POST", &path, &body).unwrap();
    STANDARD
        .decode(answer["plaintext"].as_str().unwrap())
        .unwrap()
}

pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
