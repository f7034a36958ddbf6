//! What a copy from one installation to another needs of the vaults of both.

use std::sync::Arc;

use async_trait::async_trait;
use crypt_keeper_domain::model::KeyPair;
use crypt_keeper_domain::ports::{PutOutcome, VaultError};
use crypt_keeper_keys_sealed::{CarriesHalves, HalfCopy};
use crypt_keeper_secret::SecretBytes;

use super::Vault;
use crate::config::{KeysBackend, Settings};

/// How the keys of one installation get to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRoute {
    /// Both use the same engine of Transit: there is nothing to move.
    SameTransit,
    /// Private halves are carried over.
    Carried,
    /// Private halves do not leave Transit, and none can be put into it: document keys are wrapped
    /// anew.
    Rewrapped,
}

impl KeyRoute {
    /// By what is configured.
    #[must_use]
    pub fn between(source: &Settings, target: &Settings) -> Self {
        let is_transit = |of: &Settings| of.keys.backend == KeysBackend::VaultTransit;
        match (is_transit(source), is_transit(target)) {
            (false, false) => Self::Carried,
            (true, true) if place(source) == place(target) => Self::SameTransit,
            _ => Self::Rewrapped,
        }
    }
}

/// Where the engine is. Two names of one Vault are two places: then keys are wrapped anew, which is
/// never wrong.
fn place(of: &Settings) -> Option<(&str, Option<&str>, Option<&str>)> {
    let vault = of.keys.vault.as_ref()?;
    let address = vault.address.trim_end_matches('/');
    Some((address, vault.namespace.as_deref(), vault.mount.as_deref()))
}

/// What carries private halves from one vault to another, for [`KeyRoute::Carried`].
#[must_use]
pub fn carry_halves(from: &Arc<Vault>, to: &Arc<Vault>) -> Arc<HalfCopy> {
    Arc::new(HalfCopy {
        from: Arc::clone(from) as _,
        to: Arc::clone(to) as _,
    })
}

#[async_trait]
impl CarriesHalves for Vault {
    async fn take_out(&self, pair: &KeyPair) -> Result<SecretBytes, VaultError> {
        match self {
            Self::Sealed(vault) => vault.take_out(pair).await,
            #[cfg(feature = "vault")]
            Self::Kv(vault) => vault.take_out(pair).await,
            #[cfg(feature = "vault")]
            Self::Transit(_) => Err(never_leaves()),
        }
    }

    async fn take_in(
        &self,
        pair: &KeyPair,
        private_half: &SecretBytes,
    ) -> Result<PutOutcome, VaultError> {
        match self {
            Self::Sealed(vault) => vault.take_in(pair, private_half).await,
            #[cfg(feature = "vault")]
            Self::Kv(vault) => vault.take_in(pair, private_half).await,
            #[cfg(feature = "vault")]
            Self::Transit(_) => Err(never_leaves()),
        }
    }
}

#[cfg(feature = "vault")]
fn never_leaves() -> VaultError {
    VaultError::Backend("private halves neither leave Transit nor are put into it".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Override, load};

    fn settings(given: &[(&str, &str)]) -> Settings {
        let overrides: Vec<_> = given
            .iter()
            .map(|(key, value)| Override::new(*key, *value))
            .collect();
        let loaded = load(None, &Environment::default(), &overrides);
        loaded.unwrap().settings
    }

    #[test]
    fn keys_are_carried_where_they_may_be_and_else_wrapped_anew() {
        let sealed = settings(&[]);
        let kv = settings(&[
            ("keys.backend", "vault-kv"),
            ("keys.vault.address", "https://vault.example"),
            ("keys.vault.token_file", "token"),
        ]);
        let transit = |address: &str, mount: &str| {
            settings(&[
                ("keys.backend", "vault-transit"),
                ("keys.vault.address", address),
                ("keys.vault.mount", mount),
                ("keys.vault.token_file", "token"),
            ])
        };
        let one = transit("https://vault.example", "transit");
        for (target, route) in [
            (&sealed, KeyRoute::Carried),
            (&kv, KeyRoute::Carried),
            (&one, KeyRoute::Rewrapped),
        ] {
            assert_eq!(KeyRoute::between(&sealed, target), route);
            assert_eq!(KeyRoute::between(target, &sealed), route);
        }
        for (target, route) in [
            (
                transit("https://vault.example/", "transit"),
                KeyRoute::SameTransit,
            ),
            (
                transit("https://vault.example", "other"),
                KeyRoute::Rewrapped,
            ),
            (
                transit("https://other.example", "transit"),
                KeyRoute::Rewrapped,
            ),
        ] {
            assert_eq!(KeyRoute::between(&one, &target), route);
        }
    }
}
