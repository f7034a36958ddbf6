use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypt_keeper_secret::{ExposeSecret as _, SecretBytes, Zeroize as _};
use rustify::endpoint::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use serde::{Deserialize, Serialize};
use vaultrs::api::transit::KeyType;
use vaultrs::api::transit::requests::EncryptDataRequest;
use vaultrs::transit;

use crate::call::{Call, CallError};
use crate::config::{InvalidPath, MountPath};
use crate::mounts::Engine;
use crate::session::VaultSession;

/// A Transit key by its path: `transit/master-key` is the key `master-key` of the mount `transit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransitKeyPath {
    mount: MountPath,
    name: String,
}

/// A text that names no Transit key that may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeyPath {
    /// It is no such path.
    #[error("not the path of a Transit key: mount and name, like transit/master-key")]
    Form(#[from] InvalidPath),
    /// The names of key pairs.
    #[error(
        "names that begin with `crypt-keeper-` are those of key pairs, which a role may be allowed \
         to destroy: take another"
    )]
    OfKeyPairs,
}

impl TransitKeyPath {
    /// The mount.
    #[must_use]
    pub const fn mount(&self) -> &MountPath {
        &self.mount
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for TransitKeyPath {
    type Err = InvalidKeyPath;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path: MountPath = text.parse()?;
        let (mount, name) = path.as_str().rsplit_once('/').ok_or(InvalidPath)?;
        if name.starts_with("crypt-keeper-") {
            return Err(InvalidKeyPath::OfKeyPairs);
        }
        Ok(Self {
            mount: mount.parse()?,
            name: name.to_owned(),
        })
    }
}

impl fmt::Display for TransitKeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.mount, self.name)
    }
}

/// Seals small secrets under a symmetric Transit key, each bound to a context: it opens with that
/// context alone.
#[derive(Clone, Debug)]
pub struct TransitSeal {
    session: Arc<VaultSession>,
    key: TransitKeyPath,
}

/// Why nothing was sealed, or did not open. Never a secret.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// There is no such key.
    #[error(
        "Vault has no Transit key `{0}`: make it, restore it, or see `keys.master_key_transit`"
    )]
    NoKey(TransitKeyPath),
    /// It is a key of another kind.
    #[error(
        "the Transit key `{0}` is of another kind than needed: aes256-gcm96 or another that \
         authenticates associated data, neither derived nor exportable nor open to plaintext backups"
    )]
    OfAnotherKind(TransitKeyPath),
    /// It does not open.
    #[error(
        "the Transit key `{0}` does not open it: it was sealed by another key or for another \
         place, or was altered since"
    )]
    DoesNotOpen(TransitKeyPath),
    /// Its version is not used any more.
    #[error(
        "the Transit key `{0}` does not open what its old versions have sealed any more: set its \
         `min_decryption_version` back until all is sealed anew"
    )]
    VersionRefused(TransitKeyPath),
    /// The call failed.
    #[error("the Transit key `{key}` cannot be used")]
    Call {
        /// Which.
        key: TransitKeyPath,
        /// Why not.
        source: CallError,
    },
}

impl SealError {
    /// Whether it may be better in a moment.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Call { source, .. } if source.is_outage())
    }
}

/// Decrypts several ciphertexts in one call, which the client library does not know.
struct DecryptBatch {
    path: String,
    items: Vec<Item>,
}

#[derive(Serialize)]
struct Item {
    ciphertext: String,
    associated_data: String,
}

#[derive(Deserialize)]
struct Decrypted {
    batch_results: Vec<Plaintext>,
}

#[derive(Deserialize)]
struct Plaintext {
    #[serde(default)]
    plaintext: Encoded,
}

impl Endpoint for DecryptBatch {
    type Response = Decrypted;
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        self.path.clone()
    }

    fn method(&self) -> RequestMethod {
        RequestMethod::POST
    }

    fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
        let body = serde_json::json!({ "batch_input": self.items });
        Ok(Some(body.to_string().into_bytes()))
    }
}

impl TransitSeal {
    /// Seals under this key.
    #[must_use]
    pub const fn new(session: Arc<VaultSession>, key: TransitKeyPath) -> Self {
        Self { session, key }
    }

    /// Whether the key is there and of the right kind: before something is sealed that is to open
    /// years later.
    ///
    /// # Errors
    /// [`SealError`].
    pub async fn check_key(&self) -> Result<(), SealError> {
        const READ: Call = Call {
            doing: "look at the Transit key that seals master keys",
            policy: "master-key-change",
            is_repeatable: true,
        };
        let mount = &self.key.mount;
        let checked = Engine::Transit.require_at(&self.session, mount).await;
        checked.map_err(|error| self.failed(error))?;
        let read = self.session.call(READ, |token| {
            let (mount, name) = (mount.to_string(), self.key.name.clone());
            async move { transit::key::read(token.client(), &mount, &name).await }
        });
        let key = match read.await {
            Err(CallError::NotFound) => return Err(SealError::NoKey(self.key.clone())),
            read => read.map_err(|error| self.failed(error))?,
        };
        let authenticates = matches!(
            key.key_type,
            KeyType::Aes128Gcm96 | KeyType::Aes256Gcm96 | KeyType::Chacha20Poly1305
        );
        if authenticates && !key.derived && !key.exportable && !key.allow_plaintext_backup {
            Ok(())
        } else {
            Err(SealError::OfAnotherKind(self.key.clone()))
        }
    }

    /// Seals a secret under the newest version of the key: text that begins with `vault:v`.
    ///
    /// # Errors
    /// [`SealError`].
    pub async fn seal(&self, secret: &SecretBytes, context: &[u8]) -> Result<String, SealError> {
        const ENCRYPT: Call = Call {
            doing: "seal master keys",
            policy: "master-key-change",
            is_repeatable: true,
        };
        let secret = Arc::new(Encoded(STANDARD.encode(secret.expose_secret())));
        let context = STANDARD.encode(context);
        let sealed = self.session.call(ENCRYPT, |token| {
            let (mount, name) = (self.key.mount.to_string(), self.key.name.clone());
            let (secret, context) = (Arc::clone(&secret), context.clone());
            async move {
                let mut request = EncryptDataRequest::builder();
                request.associated_data(context);
                let client = token.client();
                transit::data::encrypt(client, &mount, &name, &secret.0, Some(&mut request)).await
            }
        });
        let sealed = sealed.await.map_err(|error| self.failed(error))?;
        Ok(sealed.ciphertext)
    }

    /// Opens what [`seal`](Self::seal) gave, each with its context, in one call.
    ///
    /// # Errors
    /// [`SealError`]; all or nothing.
    pub async fn open(&self, sealed: &[(&str, &[u8])]) -> Result<Vec<SecretBytes>, SealError> {
        const DECRYPT: Call = Call {
            doing: "open the master keys",
            policy: "master-key",
            is_repeatable: true,
        };
        let opened = self.session.call(DECRYPT, |token| {
            let path = format!("{}/decrypt/{}", self.key.mount, self.key.name);
            let items = sealed.iter().map(|(ciphertext, context)| Item {
                ciphertext: (*ciphertext).to_owned(),
                associated_data: STANDARD.encode(context),
            });
            let batch = DecryptBatch {
                path,
                items: items.collect(),
            };
            async move { vaultrs::api::exec_with_result(token.client(), batch).await }
        });
        let opened = opened.await.map_err(|error| self.failed(error))?;
        if opened.batch_results.len() != sealed.len() {
            return Err(self.failed(CallError::NotUnderstood));
        }
        let mut secrets = Vec::with_capacity(sealed.len());
        for item in &opened.batch_results {
            match STANDARD.decode(&item.plaintext.0) {
                Ok(bytes) if !bytes.is_empty() => secrets.push(SecretBytes::new(bytes)),
                _ => return Err(self.failed(CallError::NotUnderstood)),
            }
        }
        Ok(secrets)
    }

    fn failed(&self, error: CallError) -> SealError {
        let key = self.key.clone();
        match error {
            CallError::NoKey => SealError::NoKey(key),
            CallError::DoesNotDecrypt => SealError::DoesNotOpen(key),
            CallError::VersionRefused => SealError::VersionRefused(key),
            source => SealError::Call { key, source },
        }
    }
}

/// A secret in Base64, wiped when dropped.
#[derive(Default, Deserialize)]
struct Encoded(String);

impl Drop for Encoded {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_path_is_a_mount_and_a_name_that_no_key_pair_has() {
        for (good, mount, name) in [
            ("transit/master-key", "transit", "master-key"),
            ("/team/transit/mk/", "team/transit", "mk"),
        ] {
            let path: TransitKeyPath = good.parse().unwrap();
            assert_eq!((path.mount.as_str(), path.name.as_str()), (mount, name));
            assert_eq!(path.to_string(), format!("{mount}/{name}"));
        }
        for bad in ["", "master-key", "transit/", "a b/c", "transit/../x"] {
            let refused = bad.parse::<TransitKeyPath>();
            assert_eq!(refused, Err(InvalidKeyPath::Form(InvalidPath)), "{bad}");
        }
        let refused = "transit/crypt-keeper-17".parse::<TransitKeyPath>();
        assert_eq!(refused, Err(InvalidKeyPath::OfKeyPairs));
    }
}
