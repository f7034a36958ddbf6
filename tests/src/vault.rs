//! Installations whose private halves are in an OpenBao.

use std::path::PathBuf;

use crypt_keeper_test_services::{VaultAccess, VaultSite};
use serde_json::Value;

use crate::{Installation, Parts};

/// Which of its engines keeps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// `keys.backend` = `vault-kv`
    Kv,
    /// `keys.backend` = `vault-transit`
    Transit,
}

/// A place in an OpenBao, and how it is used.
#[derive(Clone, Debug)]
pub struct KeysInVault {
    /// Which engine.
    pub engine: Engine,
    /// Where.
    pub site: VaultSite,
}

impl KeysInVault {
    /// A new place in this OpenBao.
    ///
    /// # Panics
    /// If the OpenBao refuses.
    #[must_use]
    pub fn create(engine: Engine, access: &VaultAccess) -> Self {
        let site = VaultSite::create(access).expect("a place in OpenBao");
        Self { engine, site }
    }

    /// A new installation over `parts` with its keys there, and all that its operator makes before
    /// it starts. A master key is made only if objects lie in the local folder.
    ///
    /// # Panics
    /// If a command fails.
    #[must_use]
    pub fn set_up(&self, parts: &Parts) -> Installation {
        let mut installation = self.configure(parts);
        if parts.s3.is_none() {
            let file = installation.path("master.key");
            let file = file.to_str().expect("a UTF-8 path").to_owned();
            installation.succeeds(&["master-key", "new", &file]);
            installation.set("KEYS__MASTER_KEY_FILE", &file);
        }
        installation.succeeds(&["setup"]);
        installation
    }

    /// A new installation that is configured, and not set up. It has a token for all that a service
    /// and its operator do.
    ///
    /// # Panics
    /// If the OpenBao makes no token.
    #[must_use]
    pub fn configure(&self, parts: &Parts) -> Installation {
        let mut installation = Installation::new(parts);
        let (backend, mount) = match self.engine {
            Engine::Kv => ("vault-kv", self.site.kv()),
            Engine::Transit => ("vault-transit", self.site.transit()),
        };
        installation.set("KEYS__BACKEND", backend);
        installation.set("KEYS__VAULT__ADDRESS", self.site.access().address());
        installation.set("KEYS__VAULT__MOUNT", mount);
        self.hand_token(&mut installation, &["serve", "rotate", "destroy"]);
        installation
    }

    /// Gives the installation a token with the policies of these roles; the file it lies in.
    ///
    /// # Panics
    /// If the OpenBao makes none, or it cannot be written.
    pub fn hand_token(&self, installation: &mut Installation, roles: &[&str]) -> PathBuf {
        let token = self.site.token(roles, 3600).expect("a token");
        let file = installation.path("vault-token");
        std::fs::write(&file, token).expect("a file for the token");
        installation.set("KEYS__VAULT__TOKEN_FILE", file.to_str().expect("UTF-8"));
        file
    }

    /// How many private halves there are.
    ///
    /// # Panics
    /// If the OpenBao does not answer.
    #[must_use]
    pub fn private_halves(&self) -> usize {
        match self.engine {
            Engine::Kv => self.site.entries().expect("the entries of KV").len(),
            Engine::Transit => {
                let path = format!("{}/keys", self.site.transit());
                let listed = self.site.access().ask("LIST", &path, &Value::Null);
                let (_, listed) = listed.expect("an answer");
                // It answers 404 where there are none.
                listed["data"]["keys"].as_array().map_or(0, Vec::len)
            }
        }
    }
}
