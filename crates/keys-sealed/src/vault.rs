use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_crypto::{self as crypto, MasterKeyRing};
use crypt_keeper_domain::model::{
    Algorithm, DocumentId, KeyCommitment, PublicHalf, Scope, Serial, WrappedKey,
};
use crypt_keeper_domain::ports::{
    KeyRegistry, KeyVault, PrivateKeys, Purpose, VaultError, WrapContext,
};
use crypt_keeper_secret::DocumentKey;

use crate::error::PairError;
use crate::pairs::{PairIdentity, Pairs};
use crate::pool::{Pool, Workers};
use crate::private_halves::PrivateHalves;

/// What a sealed vault may be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedVaultConfig {
    /// How new document keys are wrapped.
    pub algorithm: Algorithm,
    /// The scope whose active pair readiness depends on.
    pub default_scope: Scope,
    /// How long an answer of the registry is trusted; see [`SealedVault`].
    pub registry_life: Duration,
    /// How long an opened private half is kept in memory.
    pub private_half_life: Duration,
    /// How many pairs, and private halves, are kept in memory.
    pub capacity: NonZeroUsize,
    /// The threads that unwrap.
    pub workers: Workers,
}

impl Default for SealedVaultConfig {
    /// [`Algorithm::DEFAULT`], scope `shared`, one second, ten minutes, 1,024 pairs.
    fn default() -> Self {
        Self {
            algorithm: Algorithm::DEFAULT,
            default_scope: Scope::Shared,
            registry_life: Duration::from_secs(1),
            private_half_life: Duration::from_secs(600),
            capacity: NonZeroUsize::MIN.saturating_add(1023),
            workers: Workers::default(),
        }
    }
}

/// A vault over a registry and a store of sealed private halves.
///
/// **How fresh it is.** A pair's state, and which pair is active, may be as old as
/// [`registry_life`](SealedVaultConfig::registry_life), one second by default, so that a request
/// costs no statement of the vault's own. Nothing rests on that second: a download reads the
/// state with the document's row before it comes here and has it checked again in the statement
/// that records the release, and an insert is refused by the store if the pair that wrapped its key
/// is no longer active; [`WrapContext::refused`] then makes the vault look again at once. A pair
/// that was stopped is thus refused by the vault itself within that time, in every process.
///
/// **Private halves** are opened when first needed, checked against the registry's public half, and
/// kept parsed for [`private_half_life`](SealedVaultConfig::private_half_life). [`destroy`] forgets
/// at once in its own process; elsewhere the state in the registry stops their use, and they leave
/// memory with their life's end.
///
/// **CPU work** with private halves is done on [`Workers`] of the vault's own; if too many requests
/// wait for them, more are turned away as [`VaultError::Unavailable`]. Wrapping takes some 0.1 ms at
/// most and is done in place.
///
/// [`destroy`]: KeyVault::destroy
#[derive(Debug)]
pub struct SealedVault {
    pub(crate) config: SealedVaultConfig,
    pub(crate) pairs: Pairs,
    pub(crate) private_halves: PrivateHalves,
    pub(crate) pool: Arc<Pool>,
}

impl SealedVault {
    /// A vault; starts its threads.
    ///
    /// # Errors
    /// [`std::io::Error`] if the operating system gives no threads.
    pub fn new(
        registry: Arc<dyn KeyRegistry>,
        private_keys: Arc<dyn PrivateKeys>,
        ring: MasterKeyRing,
        config: SealedVaultConfig,
    ) -> std::io::Result<Self> {
        let pool = Arc::new(Pool::start(config.workers)?);
        Ok(Self {
            pairs: Pairs::new(registry, config.registry_life, config.capacity),
            private_halves: PrivateHalves::new(
                private_keys,
                Arc::new(ring),
                Arc::clone(&pool),
                config.private_half_life,
                config.capacity,
            ),
            pool,
            config,
        })
    }

    /// How it wraps new document keys.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.config.algorithm
    }
}

#[async_trait]
impl KeyVault for SealedVault {
    async fn create(
        &self,
        serial: Serial,
        scope: &Scope,
        algorithm: Algorithm,
    ) -> Result<PublicHalf, VaultError> {
        self.make_pair(serial, scope, algorithm).await
    }

    async fn destroy(&self, serial: Serial) -> Result<(), VaultError> {
        let erased = self.private_halves.store().erase(serial).await;
        // Whatever became of it: what is in memory is of no use to anyone any more.
        self.pairs.forget(serial);
        self.private_halves.forget(serial);
        Ok(erased?)
    }

    async fn wrap(
        &self,
        key: &DocumentKey,
        context: &WrapContext,
    ) -> Result<WrappedKey, VaultError> {
        let active = self
            .pairs
            .active(&context.scope, self.config.algorithm, context.refused)
            .await?;
        let serial = active.serial;
        let document = context.document.as_bytes();
        let bytes = active
            .public_half
            .wrap(key, serial.get(), document)
            .map_err(|error| PairError::wrap(serial, error))?;
        let commitment = crypto::KeyCommitment::of(key, document)
            .map_err(|error| VaultError::Backend(Box::new(error)))?;
        Ok(WrappedKey {
            algorithm: active.algorithm,
            serial,
            scope: active.scope,
            bytes,
            commitment: KeyCommitment::from_bytes(*commitment.as_bytes()),
        })
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
        let allowed = match purpose {
            Purpose::Release => pair.state.may_release(),
            Purpose::Rewrap => pair.state.may_rewrap(),
        };
        if !allowed {
            if !pair.state.may_rewrap() {
                self.private_halves.forget(serial);
            }
            return Err(VaultError::Refused(serial));
        }
        let private_half = self.private_halves.get(&pair.identity).await?;
        let bytes = wrapped.bytes.clone();
        let commitment = crypto::KeyCommitment::from_bytes(*wrapped.commitment.as_bytes());
        self.pool
            .run(move || {
                let key = private_half
                    .unwrap(&bytes, serial.get(), document.as_bytes())
                    .map_err(|error| PairError::wrap(serial, error))?;
                commitment
                    .check(&key, document.as_bytes())
                    .map_err(|error| PairError::commitment(serial, error))?;
                Ok(key)
            })
            .await
    }
}

fn require_same_algorithm(wrapped: &WrappedKey, pair: &PairIdentity) -> Result<(), VaultError> {
    if wrapped.algorithm == pair.algorithm {
        return Ok(());
    }
    Err(PairError::OtherAlgorithm {
        serial: pair.serial,
        found: wrapped.algorithm,
        expected: pair.algorithm,
    }
    .corrupt())
}
