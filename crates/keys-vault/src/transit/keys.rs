use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypt_keeper_crypto::wrap::transit::TransitPublicHalf;
use crypt_keeper_domain::model::Serial;
use crypt_keeper_domain::ports::VaultError;
use crypt_keeper_keys::PairError;
use crypt_keeper_secret::{DocumentKey, Zeroize as _};
use vaultrs::api::transit::KeyType;
use vaultrs::api::transit::requests::{CreateKeyRequest, UpdateKeyConfigurationRequest};
use vaultrs::api::transit::responses::{ReadKeyData, ReadKeyResponse};
use vaultrs::transit;

use super::KeyError;
use crate::call::{Call, CallError};
use crate::config::MountPath;
use crate::mounts::Engine;
use crate::session::VaultSession;

pub(super) const STORE: &str = "Vault's Transit";

/// The keys of a Transit mount that are ours.
#[derive(Debug)]
pub(super) struct TransitKeys {
    pub(super) session: Arc<VaultSession>,
    pub(super) mount: MountPath,
}

/// What Transit shows of a key.
pub(super) struct TransitKey(ReadKeyResponse);

impl TransitKeys {
    fn name(serial: Serial) -> String {
        format!("crypt-keeper-{serial}")
    }

    pub(super) async fn check_mount(&self) -> Result<(), CallError> {
        Engine::Transit.require_at(&self.session, &self.mount).await
    }

    /// Creation of a key that is there changes nothing, and is answered in the same way.
    pub(super) async fn create(&self, serial: Serial) -> Result<(), VaultError> {
        const CREATE: Call = Call {
            doing: "make Transit keys",
            policy: "rotate",
            is_repeatable: false,
        };
        let created = self.session.make_key(CREATE, |token| {
            let (mount, name) = (self.mount.to_string(), Self::name(serial));
            async move {
                let mut request = CreateKeyRequest::builder();
                request
                    .key_type(KeyType::Rsa3072)
                    .exportable(false)
                    .allow_plaintext_backup(false);
                transit::key::create(token.client(), &mount, &name, Some(&mut request)).await
            }
        });
        Ok(created.await?)
    }

    pub(super) async fn read(&self, serial: Serial) -> Result<Option<TransitKey>, VaultError> {
        const READ: Call = Call {
            doing: "read the public halves of Transit keys",
            policy: "rotate",
            is_repeatable: true,
        };
        let read = self.session.call(READ, |token| {
            let (mount, name) = (self.mount.to_string(), Self::name(serial));
            async move { transit::key::read(token.client(), &mount, &name).await }
        });
        match read.await {
            Ok(key) => Ok(Some(TransitKey(key))),
            Err(CallError::NotFound) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn decrypt(
        &self,
        serial: Serial,
        ciphertext: &str,
    ) -> Result<DocumentKey, VaultError> {
        const DECRYPT: Call = Call {
            doing: "decrypt with Transit keys",
            policy: "serve",
            is_repeatable: true,
        };
        let decrypted =
            self.session.call(DECRYPT, |token| {
                let (mount, name) = (self.mount.to_string(), Self::name(serial));
                let ciphertext = ciphertext.to_owned();
                async move {
                    transit::data::decrypt(token.client(), &mount, &name, &ciphertext, None).await
                }
            });
        let mut answer = decrypted.await.map_err(|error| match error {
            CallError::NoKey => {
                let store = STORE;
                PairError::NoPrivateHalf { serial, store }.corrupt()
            }
            source @ CallError::DoesNotDecrypt => {
                VaultError::Corrupt(Box::new(KeyError::DoesNotDecrypt { serial, source }))
            }
            other => other.into(),
        })?;
        let decoded = STANDARD.decode(&answer.plaintext);
        answer.plaintext.zeroize();
        let not_a_key = || VaultError::Corrupt(Box::new(KeyError::NotAKey(serial)));
        let mut bytes = decoded.map_err(|_| not_a_key())?;
        let key = DocumentKey::from_slice(&bytes);
        bytes.zeroize();
        key.ok_or_else(not_a_key)
    }

    /// Deletes a key with all its versions, which must be allowed first, by itself.
    pub(super) async fn delete(&self, serial: Serial) -> Result<(), VaultError> {
        const DELETE: Call = Call {
            doing: "destroy Transit keys",
            policy: "destroy",
            is_repeatable: true,
        };
        self.check_mount().await?;
        let allowed = self.session.call(DELETE, |token| {
            let (mount, name) = (self.mount.to_string(), Self::name(serial));
            async move {
                let mut request = UpdateKeyConfigurationRequest::builder();
                request.deletion_allowed(true);
                transit::key::update(token.client(), &mount, &name, Some(&mut request)).await
            }
        });
        match allowed.await {
            Ok(()) => {}
            Err(CallError::NoKey) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let deleted = self.session.call(DELETE, |token| {
            let (mount, name) = (self.mount.to_string(), Self::name(serial));
            async move { transit::key::delete(token.client(), &mount, &name).await }
        });
        match deleted.await {
            // Somebody else was faster.
            Ok(()) | Err(CallError::NoKey) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl TransitKey {
    /// The public half, if the key is one of ours: a powerful token's `encrypt` under a name that
    /// is not there makes a symmetric key of that name.
    pub(super) fn public_half(&self, serial: Serial) -> Result<TransitPublicHalf, VaultError> {
        let other = || VaultError::Corrupt(Box::new(KeyError::OfAnotherKind(serial)));
        let key = &self.0;
        let stays = !key.exportable && !key.allow_plaintext_backup && !key.derived;
        if !matches!(key.key_type, KeyType::Rsa3072) || !stays {
            return Err(other());
        }
        let ReadKeyData::Asymmetric(versions) = &key.keys else {
            return Err(other());
        };
        let first = versions.get("1").ok_or_else(other)?;
        TransitPublicHalf::from_pem(&first.public_key)
            .map_err(|error| PairError::wrap(serial, error))
    }
}
