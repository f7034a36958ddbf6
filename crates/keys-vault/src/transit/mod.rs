mod inspect;
mod keys;
mod probe;

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_crypto::wrap::transit::{TransitPublicHalf, ciphertext};
use crypt_keeper_crypto::{self as crypto, random_bytes};
use crypt_keeper_domain::model::{Algorithm, DocumentId, PublicHalf, Scope, Serial, WrappedKey};
use crypt_keeper_domain::ports::{
    KeyRegistry, KeyVault, OldWrap, Purpose, VaultError, WrapContext,
};
use crypt_keeper_keys::{
    PairError, Pairs, ReadyScope, parse_transit_public_half, require_same_algorithm,
};
use crypt_keeper_secret::DocumentKey;
use futures_util::stream::{self, StreamExt as _};

use self::keys::TransitKeys;
use crate::call::CallError;
use crate::config::MountPath;
use crate::session::VaultSession;

/// What a Transit vault may be told.
#[derive(Clone, Debug)]
pub struct TransitConfig {
    /// The scope whose active pair readiness depends on.
    pub ready_scope: ReadyScope,
    /// How long an answer of the registry is trusted, as in
    /// [`VaultConfig`](crypt_keeper_keys::VaultConfig).
    pub registry_life: Duration,
    /// How many pairs are kept in memory.
    pub capacity: NonZeroUsize,
}

impl Default for TransitConfig {
    /// Scope `shared`, one second, 1,024 pairs.
    fn default() -> Self {
        Self {
            ready_scope: ReadyScope::default(),
            registry_life: Duration::from_secs(1),
            capacity: NonZeroUsize::MIN.saturating_add(1023),
        }
    }
}

/// A vault whose private halves are keys of Vault's Transit engine and never leave it:
/// [`Algorithm::TransitRsaOaep256`], one Transit key a serial, `crypt-keeper-<serial>`.
///
/// Wrapping needs the public half alone, which is in the registry, and is done here: uploads go on
/// without Vault. An unwrap is one call.
#[derive(Debug)]
pub struct TransitVault {
    config: TransitConfig,
    pairs: Pairs<TransitPublicHalf>,
    keys: TransitKeys,
    being_made: Mutex<HashSet<Serial>>,
}

/// What can be wrong with a Transit key.
#[derive(Debug, thiserror::Error)]
enum KeyError {
    #[error(
        "the Transit key of key pair {0} is not an RSA-3072 key that stays in Vault: somebody else \
         made it"
    )]
    OfAnotherKind(Serial),
    #[error("Transit does not decrypt a key wrapped under key pair {serial}")]
    DoesNotDecrypt {
        serial: Serial,
        #[source]
        source: CallError,
    },
    #[error("what Transit decrypted under key pair {0} is no document key")]
    NotAKey(Serial),
}

impl TransitVault {
    /// A vault over a mount of Transit.
    #[must_use]
    pub fn new(
        session: Arc<VaultSession>,
        mount: MountPath,
        registry: Arc<dyn KeyRegistry>,
        config: TransitConfig,
    ) -> Self {
        Self {
            pairs: Pairs::new(
                registry,
                parse_transit_public_half,
                config.registry_life,
                config.capacity,
            ),
            keys: TransitKeys { session, mount },
            being_made: Mutex::default(),
            config,
        }
    }

    /// How it wraps new document keys.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        Algorithm::TransitRsaOaep256
    }

    /// Whether Vault is reached and has Transit where it should.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn check_mount(&self) -> Result<(), CallError> {
        self.keys.check_mount().await
    }

    async fn make_key(&self, serial: Serial) -> Result<PublicHalf, VaultError> {
        if self.keys.read(serial).await?.is_some() {
            return Err(PairError::Exists(serial).backend());
        }
        self.keys.create(serial).await?;
        let tested = self.test(serial).await;
        if tested.is_err()
            && let Err(left) = self.keys.delete(serial).await
        {
            tracing::warn!(%serial, error = %left, "a Transit key of no use is left");
        }
        tested
    }

    /// What Transit's public half wraps, Transit unwraps.
    async fn test(&self, serial: Serial) -> Result<PublicHalf, VaultError> {
        let unusable = |error| PairError::wrap(serial, error);
        let missing = || PairError::NotKept {
            serial,
            source: None,
        };
        let key = self.keys.read(serial).await?;
        let public_half = key
            .ok_or_else(|| missing().backend())?
            .public_half(serial)?;
        let random = DocumentKey::try_fill(|bytes| random_bytes(bytes))
            .map_err(|error| VaultError::Backend(Box::new(error)))?;
        let wrapped = public_half.wrap(&random).map_err(unusable)?;
        let text = ciphertext(&wrapped).map_err(unusable)?;
        let failed = crypto::WrapError::SelfTestFailed;
        match self.keys.decrypt(serial, text).await? {
            unwrapped if unwrapped == random => {
                Ok(PublicHalf::new(public_half.as_bytes().to_vec()))
            }
            _ => Err(unusable(failed)),
        }
    }
}

/// How many calls a rewrap has under way.
const REWRAPS_AT_ONCE: usize = 8;

impl TransitVault {
    async fn rewrap_one(&self, old: &OldWrap) -> Result<WrappedKey, VaultError> {
        let key = self.unwrap(&old.wrapped, old.document, Purpose::Rewrap);
        self.wrap(&key.await?, &old.context()).await
    }
}

#[async_trait]
impl KeyVault for TransitVault {
    async fn create(
        &self,
        serial: Serial,
        _scope: &Scope,
        algorithm: Algorithm,
    ) -> Result<PublicHalf, VaultError> {
        if algorithm != self.algorithm() {
            return Err(PairError::OtherVault { serial, algorithm }.backend());
        }
        self.keys.check_mount().await?;
        let claim = Claim::take(&self.being_made, serial);
        let claim = claim.ok_or_else(|| PairError::Exists(serial).backend())?;
        let made = self.make_key(serial).await;
        drop(claim);
        made
    }

    async fn destroy(&self, serial: Serial) -> Result<(), VaultError> {
        self.pairs.forget(serial);
        self.keys.delete(serial).await
    }

    async fn wrap(
        &self,
        key: &DocumentKey,
        context: &WrapContext,
    ) -> Result<WrappedKey, VaultError> {
        crypt_keeper_keys::wrap(&self.pairs, self.algorithm(), key, context).await
    }

    async fn unwrap(
        &self,
        wrapped: &WrappedKey,
        document: DocumentId,
        purpose: Purpose,
    ) -> Result<DocumentKey, VaultError> {
        let serial = wrapped.serial;
        let pair = self.pairs.find(serial).await?;
        require_same_algorithm(wrapped, &pair.identity)?;
        let algorithm = pair.identity.algorithm;
        if algorithm != self.algorithm() {
            return Err(PairError::OtherVault { serial, algorithm }.backend());
        }
        if !pair.allows(purpose) {
            return Err(VaultError::Refused(serial));
        }
        let text = ciphertext(&wrapped.bytes).map_err(|error| PairError::wrap(serial, error))?;
        let key = self.keys.decrypt(serial, text).await?;
        crypto::KeyCommitment::from_bytes(*wrapped.commitment.as_bytes())
            .check(&key, document.as_bytes())
            .map_err(|error| PairError::commitment(serial, error))?;
        Ok(key)
    }

    /// As many calls at once as keep a Vault busy that others need, too.
    async fn rewrap(&self, old: &[OldWrap]) -> Vec<Result<WrappedKey, VaultError>> {
        let works: Vec<_> = old.iter().map(|one| self.rewrap_one(one)).collect();
        stream::iter(works)
            .buffered(REWRAPS_AT_ONCE)
            .collect()
            .await
    }
}

/// A serial that is being made in this process. Transit answers a second creation as it does the
/// first; between processes, a serial of 63 random bits is not made twice.
struct Claim<'a> {
    being_made: &'a Mutex<HashSet<Serial>>,
    serial: Serial,
}

impl<'a> Claim<'a> {
    fn take(being_made: &'a Mutex<HashSet<Serial>>, serial: Serial) -> Option<Self> {
        let mut made = being_made.lock().unwrap_or_else(PoisonError::into_inner);
        made.insert(serial).then(|| Self { being_made, serial })
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let made = self.being_made.lock();
        made.unwrap_or_else(PoisonError::into_inner)
            .remove(&self.serial);
    }
}
