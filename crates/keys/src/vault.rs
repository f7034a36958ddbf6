use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_crypto::{PrivateHalf, PublicHalf as ParsedPublicHalf};
use crypt_keeper_domain::model::{Algorithm, DocumentId, PublicHalf, Scope, Serial, WrappedKey};
use crypt_keeper_domain::ports::{
    Clock, KeyRegistry, KeyVault, OldWrap, Purpose, VaultError, WrapContext,
};
use crypt_keeper_secret::{DocumentKey, SecretBytes};

use crate::key_cache::{CacheConfig, CacheStats};
use crate::monotonic::MonotonicClock;
use crate::opened::{self, Opened};
use crate::pairs::{PairIdentity, Pairs, parse_public_half, require_same_algorithm};
use crate::pool::{Pool, Workers};
use crate::private_halves::PrivateHalves;
use crate::ready_scope::ReadyScope;
use crate::{unwrapping, wrapping};

/// What a vault may be told.
#[derive(Clone, Debug)]
pub struct VaultConfig {
    /// How new document keys are wrapped.
    pub algorithm: Algorithm,
    /// The scope whose active pair readiness depends on.
    pub ready_scope: ReadyScope,
    /// How long an answer of the registry is trusted; see [`LocalVault`].
    pub registry_life: Duration,
    /// How long private halves are held in memory.
    pub cache: CacheConfig,
    /// What their age is told by; it must not go back.
    pub clock: Arc<dyn Clock>,
    /// How many pairs, and private halves, are kept in memory.
    pub capacity: NonZeroUsize,
    /// The threads that unwrap.
    pub workers: Workers,
}

impl Default for VaultConfig {
    /// [`Algorithm::DEFAULT`], scope `shared`, one second, [`CacheConfig::DEFAULT`] by a
    /// [`MonotonicClock`], 1,024 pairs.
    fn default() -> Self {
        Self {
            algorithm: Algorithm::DEFAULT,
            ready_scope: ReadyScope::default(),
            registry_life: Duration::from_secs(1),
            cache: CacheConfig::DEFAULT,
            clock: Arc::new(MonotonicClock::start()),
            capacity: NonZeroUsize::MIN.saturating_add(1023),
            workers: Workers::default(),
        }
    }
}

/// A vault over a registry and whatever keeps private halves: it unwraps in this process.
///
/// **How fresh it is.** A pair's state, and which pair is active, may be as old as
/// [`registry_life`](VaultConfig::registry_life), one second by default, so that a request
/// costs no statement of the vault's own. Nothing rests on that second: a download reads the
/// state with the document's row before it comes here and has it checked again in the statement
/// that records the release, and an insert is refused by the store if the pair that wrapped its key
/// is no longer active; [`WrapContext::refused`] then makes the vault look again at once. A pair
/// that was stopped is thus refused by the vault itself within that time, in every process.
///
/// **Private halves** are opened when first needed, checked against the registry's public half, and
/// held parsed as [`CacheConfig`] has it: read anew in the background for as long as they are asked
/// for, and used up to the hard TTL while they cannot be. [`destroy`] forgets at once in its own
/// process; elsewhere the state in the registry stops their use, and [`keep_swept`] takes them out
/// of memory.
///
/// **CPU work** with private halves is done on [`Workers`] of the vault's own; if too many requests
/// wait for them, more are turned away as [`VaultError::Unavailable`]. Wrapping takes some 0.1 ms at
/// most and is done in place.
///
/// [`destroy`]: KeyVault::destroy
/// [`keep_swept`]: Self::keep_swept
#[derive(Debug)]
pub struct LocalVault<H> {
    pub(crate) config: VaultConfig,
    pub(crate) pairs: Pairs<ParsedPublicHalf>,
    pub(crate) opened: Opened<H>,
    pub(crate) pool: Arc<Pool>,
}

impl<H: PrivateHalves> LocalVault<H> {
    /// A vault; starts its threads. It reads private halves on the Tokio runtime that it is made
    /// on; made on none, on that of the request.
    ///
    /// # Errors
    /// [`std::io::Error`] if the operating system gives no threads.
    pub fn new(
        registry: Arc<dyn KeyRegistry>,
        private_halves: Arc<H>,
        config: VaultConfig,
    ) -> std::io::Result<Self> {
        let pool = Arc::new(Pool::start(config.workers)?);
        let (life, capacity) = (config.registry_life, config.capacity);
        Ok(Self {
            pairs: Pairs::new(registry, parse_public_half, life, capacity),
            opened: Opened::new(private_halves, Arc::clone(&pool), &config),
            pool,
            config,
        })
    }

    /// Where its private halves are kept.
    #[must_use]
    pub fn private_halves(&self) -> &H {
        self.opened.source()
    }

    /// The registry that it looks into.
    #[must_use]
    pub fn registry(&self) -> &Arc<dyn KeyRegistry> {
        self.pairs.registry()
    }

    /// Parses a private half, and checks that it belongs to the pair's public half.
    ///
    /// # Errors
    /// [`VaultError::Corrupt`] if it does not.
    pub async fn verify(
        &self,
        pair: Arc<PairIdentity>,
        private_half: SecretBytes,
    ) -> Result<(), VaultError> {
        self.pool
            .run(move || opened::open(&pair, &private_half).map(drop))
            .await
    }

    /// What opens a wrapped key, if the state of its pair allows it.
    pub(crate) async fn private_half(
        &self,
        wrapped: &WrappedKey,
        purpose: Purpose,
    ) -> Result<PrivateHalf, VaultError> {
        let serial = wrapped.serial;
        let pair = self.pairs.find(serial).await?;
        require_same_algorithm(wrapped, &pair.identity)?;
        if !pair.allows(purpose) {
            if !pair.state.may_rewrap() {
                self.opened.forget(serial);
            }
            return Err(VaultError::Refused(serial));
        }
        self.opened.get(&pair.identity).await
    }

    /// How it wraps new document keys.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.config.algorithm
    }

    /// Has private halves read again at once that could not be read or opened a moment ago, whenever
    /// it is called: for whoever learns of a new master key.
    pub fn forgiver(&self) -> impl Fn() + Send + Sync + use<H> {
        self.opened.forgiver()
    }

    /// What has been read, and what is held.
    #[must_use]
    pub fn cache_stats(&self) -> CacheStats {
        self.opened.stats()
    }
}

#[async_trait]
impl<H: PrivateHalves> KeyVault for LocalVault<H> {
    async fn create(
        &self,
        serial: Serial,
        scope: &Scope,
        algorithm: Algorithm,
    ) -> Result<PublicHalf, VaultError> {
        self.make_pair(serial, scope, algorithm).await
    }

    async fn destroy(&self, serial: Serial) -> Result<(), VaultError> {
        let erased = self.opened.source().erase(serial).await;
        // Whatever became of it: what is in memory is of no use to anyone any more.
        self.pairs.forget(serial);
        self.opened.forget(serial);
        erased
    }

    async fn wrap(
        &self,
        key: &DocumentKey,
        context: &WrapContext,
    ) -> Result<WrappedKey, VaultError> {
        wrapping::wrap(&self.pairs, self.config.algorithm, key, context).await
    }

    async fn unwrap(
        &self,
        wrapped: &WrappedKey,
        document: DocumentId,
        purpose: Purpose,
    ) -> Result<DocumentKey, VaultError> {
        let private_half = self.private_half(wrapped, purpose).await?;
        let wrapped = wrapped.clone();
        self.pool
            .run(move || unwrapping::unwrap(&private_half, &wrapped, document))
            .await
    }

    async fn rewrap(&self, old: &[OldWrap]) -> Vec<Result<WrappedKey, VaultError>> {
        self.rewrap_all(old).await
    }
}
