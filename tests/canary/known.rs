//! The secrets of the flow, each known from the one place that it belongs to.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypt_keeper_crypto::{
    ExposeSecret as _, MasterKeyRing, PrivateHalf, Purpose, SealContext, SecretBytes, WrapAlgorithm,
};
use crypt_keeper_test_services::VaultSite;
use crypt_keeper_tests::{Account, Database, Secrets, Upload};
use openssl::md::Md;
use openssl::pkey::{Id, PKey};
use openssl::pkey_ctx::PkeyCtx;
use openssl::symm::{Cipher, decrypt_aead};

use crate::Evidence;

/// The header of a stored object, and one whole segment: document-format.md.
const HEADER: usize = 40;
const TAG: usize = 16;

#[derive(Default)]
pub(crate) struct Known {
    pub(crate) secrets: Secrets,
}

impl Known {
    /// A secret that stands in `origin`, which proves that the search would find it.
    fn add(&mut self, what: &str, secret: &[u8], origin: &[u8]) {
        self.secrets.add(what, secret);
        let mut found = self.secrets.find("its origin", origin).into_iter();
        assert!(found.any(|found| found.secret == what), "{what}");
    }

    /// The whole API key, and its secret part alone.
    pub(crate) fn api_key(&mut self, what: &str, account: &Account) {
        let key = account.key.as_bytes();
        let (_, secret) = account.key.rsplit_once('_').unwrap();
        assert_eq!(secret.len(), 43);
        self.add(&format!("{what}: API key"), key, key);
        self.add(
            &format!("{what}: secret of the API key"),
            secret.as_bytes(),
            key,
        );
    }

    pub(crate) fn password(&mut self, what: &str, password: &str) {
        self.add(what, password.as_bytes(), password.as_bytes());
    }

    /// What a file holds to log in with.
    pub(crate) fn word_in_file(&mut self, what: &str, file: &Path) {
        let origin = fs::read(file).unwrap();
        self.add(what, origin.trim_ascii(), &origin);
    }

    /// What an answer 201 or 200 gave.
    pub(crate) fn released(&mut self, what: &str, upload: &Upload, body: &[u8]) {
        let key = STANDARD.decode(&upload.key).unwrap();
        assert_eq!(key.len(), 32);
        self.add(&format!("{what}: document key"), &key, body);
        let (_, query) = upload.url.split_once('?').unwrap();
        self.add(&format!("{what}: query of the URL"), query.as_bytes(), body);
        let signature = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(name, _)| name.to_lowercase().ends_with("signature"))
            .map(|(_, value)| value.to_owned())
            .unwrap();
        self.add(
            &format!("{what}: signature"),
            &hex::decode(signature).unwrap(),
            body,
        );
    }

    /// The key that segments are really encrypted with. That it is the one is proved by opening a
    /// segment with it.
    pub(crate) fn derived(&mut self, upload: &Upload, object: &[u8]) {
        let id = hex::decode(upload.id.replace('-', "")).unwrap();
        let mut derivation = PkeyCtx::new_id(Id::HKDF).unwrap();
        derivation.derive_init().unwrap();
        derivation.set_hkdf_md(Md::sha256()).unwrap();
        derivation
            .set_hkdf_key(&STANDARD.decode(&upload.key).unwrap())
            .unwrap();
        derivation.set_hkdf_salt(&object[1..33]).unwrap();
        let info = [b"crypt-keeper/document/v1\0".as_slice(), &id].concat();
        derivation.add_hkdf_info(&info).unwrap();
        let mut key = [0; 32];
        derivation.derive(Some(&mut key)).unwrap();

        // One segment, number 0, the last.
        let nonce = [&object[33..HEADER], &[0, 0, 0, 0, 1]].concat();
        let (ciphertext, tag) = object[HEADER..].split_at(object.len() - HEADER - TAG);
        let gcm = Cipher::aes_256_gcm();
        decrypt_aead(gcm, &key, Some(&nonce), &[], ciphertext, tag).expect("the derived key");
        self.secrets
            .add(&format!("{}: derived document key", upload.id), &key);
    }

    /// The keys of a ring, and all that is derived from them.
    pub(crate) fn ring(&mut self, file: &Path) -> MasterKeyRing {
        let text = fs::read(file).unwrap();
        let ring = MasterKeyRing::parse(&SecretBytes::new(text.clone())).unwrap();
        for line in String::from_utf8(text.clone()).unwrap().lines() {
            if let Some((id, encoded)) = line.split_once(':') {
                let key = STANDARD.decode(encoded).unwrap();
                self.add(&format!("master key {id}"), &key, &text);
            }
        }
        for key in ring.keys() {
            for purpose in Purpose::ALL {
                let what = format!("subkey {} of {}", purpose.name(), key.id());
                let subkey = key.subkey(purpose).unwrap();
                self.secrets.add(&what, subkey.expose_secret());
            }
        }
        ring
    }

    /// Every private half that lies sealed in the key store.
    pub(crate) fn private_halves(&mut self, database: &Database, ring: &MasterKeyRing) -> usize {
        let pairs = database.key_pairs();
        for pair in &pairs {
            let sealed = database.sealed_private_half(pair.serial);
            let context = SealContext {
                serial: u64::try_from(pair.serial).unwrap(),
                algorithm: WrapAlgorithm::from_name(&pair.algorithm).unwrap(),
                scope: &pair.scope,
                public_half: &pair.public_half,
            };
            let half = ring.open(&context, &sealed).expect("a sealed private half");
            let what = format!("private half {}", pair.serial);
            self.private_half(&what, context.algorithm, &half);
        }
        pairs.len()
    }

    /// Every private half that lies in KV of Vault. That it is the one is proved by the public half
    /// that belongs to it.
    pub(crate) fn private_halves_in_kv(&mut self, database: &Database, site: &VaultSite) -> usize {
        let mut read = BTreeMap::new();
        // Those of pairs that came to nothing, too.
        for (serial, entry) in site.entries().unwrap() {
            let bytes = STANDARD.decode(entry["private"].as_str().unwrap());
            let half = SecretBytes::new(bytes.unwrap());
            let algorithm = WrapAlgorithm::from_name(entry["algorithm"].as_str().unwrap()).unwrap();
            let what = format!("private half {serial}");
            self.add(&what, half.expose_secret(), entry.to_string().as_bytes());
            self.private_half(&what, algorithm, &half);
            let parsed = PrivateHalf::parse(algorithm, &half).unwrap();
            read.insert(serial, parsed.public_half().unwrap());
        }
        let pairs = database.key_pairs();
        for pair in &pairs {
            let public_half = &read[&pair.serial.to_string()];
            assert!(
                public_half.as_bytes() == pair.public_half,
                "{}",
                pair.serial
            );
        }
        pairs.len()
    }

    /// A private half as it is stored; for RSA its secret numbers, too.
    fn private_half(&mut self, what: &str, algorithm: WrapAlgorithm, half: &SecretBytes) {
        self.secrets.add(what, half.expose_secret());
        if algorithm == WrapAlgorithm::RsaOaep256 {
            let half = PKey::private_key_from_pkcs8(half.expose_secret()).unwrap();
            let numbers = half.rsa().unwrap();
            self.secrets
                .add(&format!("{what}: d"), &numbers.d().to_vec());
            for prime in [numbers.p(), numbers.q()] {
                let what = format!("{what}: a prime");
                self.secrets.add(&what, &prime.unwrap().to_vec());
            }
        }
    }

    /// A search that finds nothing must be able to: into every piece a secret is put, and found.
    pub(crate) fn every_search_can_find(&self, evidence: &Evidence) {
        let canary = crypt_keeper_tests::random::<32>();
        let mut secrets = Secrets::default();
        secrets.add("the canary", &canary);
        let ways = [
            canary.to_vec(),
            hex::encode(canary).into_bytes(),
            STANDARD.encode(canary).into_bytes(),
            format!("{canary:?}").into_bytes(),
        ];
        let mut places = 0;
        for ((place, piece), planted) in evidence.places().zip(ways.iter().cycle()) {
            let mut spoiled = piece.to_vec();
            let middle = spoiled.len() / 2;
            spoiled.splice(middle..middle, planted.iter().copied());
            assert!(!secrets.find(place, &spoiled).is_empty(), "{place}");
            places += 1;
        }
        assert!(places > 100, "{places} pieces of evidence");
    }
}
