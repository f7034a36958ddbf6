use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypt_keeper_domain::model::Serial;
use crypt_keeper_domain::ports::{KeyRegistry, VaultError};
use crypt_keeper_keys::{LocalVault, PairError, PairIdentity, PrivateHalves, VaultConfig};
use crypt_keeper_secret::{ExposeSecret as _, SecretBytes, Zeroize as _};
use serde::{Deserialize, Serialize};
use vaultrs::api::kv2::requests::SetSecretRequestOptions;
use vaultrs::kv2;

use crate::call::{Call, CallError};
use crate::config::MountPath;
use crate::mounts::Engine;
use crate::session::VaultSession;

const STORE: &str = "Vault";

/// A vault whose private halves lie in KV version 2 and are used in this process, on threads of the
/// vault's own.
///
/// # Errors
/// [`std::io::Error`] if the operating system gives no threads.
pub fn kv_vault(
    session: Arc<VaultSession>,
    mount: MountPath,
    registry: Arc<dyn KeyRegistry>,
    config: VaultConfig,
) -> std::io::Result<LocalVault<KvHalves>> {
    let halves = Arc::new(KvHalves { session, mount });
    LocalVault::new(registry, halves, config)
}

/// Private halves in KV version 2, one entry a serial at `<mount>/crypt-keeper/keys/<serial>`.
#[derive(Debug)]
pub struct KvHalves {
    session: Arc<VaultSession>,
    mount: MountPath,
}

/// What an entry holds. Vault's barrier seals it; our master key does not.
#[derive(Deserialize, Serialize)]
struct Entry {
    serial: String,
    algorithm: String,
    scope: String,
    /// The private half's bytes in standard Base64.
    private: String,
}

/// An entry that is not what the registry says it is. Never its content.
#[derive(Debug, thiserror::Error)]
enum EntryError {
    #[error("the entry of key pair {0} in Vault is not one of Crypt-Keeper's")]
    Form(Serial),
    #[error("the entry of key pair {serial} in Vault has another {field} than the registry")]
    Other { serial: Serial, field: &'static str },
    #[error("the entry of key pair {serial} in Vault cannot be read")]
    Gone {
        serial: Serial,
        #[source]
        source: CallError,
    },
}

impl KvHalves {
    /// Whether Vault is reached and has KV version 2 where it should.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn check(&self) -> Result<(), CallError> {
        Engine::Kv2.require_at(&self.session, &self.mount).await
    }

    fn path(serial: Serial) -> String {
        format!("crypt-keeper/keys/{serial}")
    }
}

#[async_trait]
impl PrivateHalves for KvHalves {
    async fn keep(
        &self,
        pair: &PairIdentity,
        private_half: &SecretBytes,
    ) -> Result<(), VaultError> {
        const KEEP: Call = Call {
            doing: "write private halves of new key pairs",
            policy: "rotate",
            is_repeatable: false,
        };
        let (session, mount) = (&self.session, &self.mount);
        Engine::Kv2.require_at(session, mount).await?;
        let entry = Arc::new(Entry::new(pair, private_half));
        let path = Self::path(pair.serial);
        let kept = session
            .call(KEEP, |token| {
                let (path, mount, entry) = (path.clone(), mount.clone(), Arc::clone(&entry));
                async move {
                    let options = SetSecretRequestOptions { cas: 0 };
                    let client = token.client();
                    let set =
                        kv2::set_with_options(client, mount.as_str(), &path, &*entry, options);
                    set.await.map(drop)
                }
            })
            .await;
        kept.map_err(|error| match error {
            CallError::Taken => PairError::Exists(pair.serial).backend(),
            other => other.into(),
        })
    }

    async fn fetch(&self, pair: &PairIdentity) -> Result<SecretBytes, VaultError> {
        const FETCH: Call = Call {
            doing: "read private halves",
            policy: "serve",
            is_repeatable: true,
        };
        let (session, mount) = (&self.session, &self.mount);
        let serial = pair.serial;
        let path = Self::path(serial);
        let found = session
            .call(FETCH, |token| {
                let (path, mount) = (path.clone(), mount.clone());
                async move {
                    kv2::read::<serde_json::Value>(token.client(), mount.as_str(), &path).await
                }
            })
            .await;
        match found {
            Ok(found) => {
                let entry: Entry = serde_json::from_value(found)
                    .map_err(|_| EntryError::Form(serial).corrupt())?;
                entry.private_half_of(pair)
            }
            Err(CallError::NotFound) => {
                // Elsewhere than in KV version 2, nothing is found either.
                Engine::Kv2.require_at(session, mount).await?;
                let store = STORE;
                Err(PairError::NoPrivateHalf { serial, store }.corrupt())
            }
            Err(source @ CallError::Deleted) => Err(EntryError::Gone { serial, source }.corrupt()),
            Err(error) => Err(error.into()),
        }
    }

    /// The metadata with all versions: what is merely deleted can be brought back.
    async fn erase(&self, serial: Serial) -> Result<(), VaultError> {
        const ERASE: Call = Call {
            doing: "destroy private halves",
            policy: "destroy",
            is_repeatable: true,
        };
        let (session, mount) = (&self.session, &self.mount);
        // Version 1 would take the path for another entry's, and say that all is well.
        Engine::Kv2.require_at(session, mount).await?;
        let path = Self::path(serial);
        let erased = session
            .call(ERASE, |token| {
                let (path, mount) = (path.clone(), mount.clone());
                async move { kv2::delete_metadata(token.client(), mount.as_str(), &path).await }
            })
            .await;
        match erased {
            Ok(()) | Err(CallError::NotFound) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Entry {
    fn new(pair: &PairIdentity, private_half: &SecretBytes) -> Self {
        Self {
            serial: pair.serial.to_string(),
            algorithm: pair.algorithm.to_string(),
            scope: pair.scope.clone(),
            private: STANDARD.encode(private_half.expose_secret()),
        }
    }

    /// That the private half belongs to the pair's public half is checked where it is parsed.
    fn private_half_of(&self, pair: &PairIdentity) -> Result<SecretBytes, VaultError> {
        let serial = pair.serial;
        for (field, found, expected) in [
            ("serial", &self.serial, &serial.to_string()),
            ("algorithm", &self.algorithm, &pair.algorithm.to_string()),
            ("scope", &self.scope, &pair.scope),
        ] {
            if found != expected {
                return Err(EntryError::Other { serial, field }.corrupt());
            }
        }
        match STANDARD.decode(&self.private) {
            Ok(bytes) => Ok(SecretBytes::new(bytes)),
            Err(_) => Err(EntryError::Form(serial).corrupt()),
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.private.zeroize();
    }
}

impl EntryError {
    fn corrupt(self) -> VaultError {
        VaultError::Corrupt(Box::new(self))
    }
}
