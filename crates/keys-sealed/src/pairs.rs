use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_crypto::{PublicHalf, SealContext, WrapAlgorithm};
use crypt_keeper_domain::model::{Algorithm, KeyPair, KeyState, Scope, Serial};
use crypt_keeper_domain::ports::{KeyRegistry, VaultError};

use crate::cache::Cache;
use crate::error::PairError;

/// The registry, remembered for moments. Few pairs live at a time: one a scope and rotation.
#[derive(Debug)]
pub(crate) struct Pairs {
    registry: Arc<dyn KeyRegistry>,
    by_serial: Cache<Serial, KnownPair>,
    active: Cache<(Scope, Algorithm), ActivePair>,
}

/// A pair as the registry knew it moments ago.
#[derive(Clone, Debug)]
pub(crate) struct KnownPair {
    pub(crate) state: KeyState,
    pub(crate) identity: Arc<PairIdentity>,
}

/// A pair that wraps, its public half parsed.
#[derive(Clone, Debug)]
pub(crate) struct ActivePair {
    pub(crate) serial: Serial,
    pub(crate) scope: Scope,
    pub(crate) algorithm: Algorithm,
    pub(crate) public_half: PublicHalf,
}

/// What never changes about a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PairIdentity {
    pub(crate) serial: Serial,
    /// In its stored form.
    pub(crate) scope: String,
    pub(crate) algorithm: Algorithm,
    /// Encoded.
    pub(crate) public_half: Vec<u8>,
}

impl PairIdentity {
    pub(crate) fn of(pair: &KeyPair) -> Self {
        Self {
            serial: pair.serial,
            scope: pair.scope.to_string(),
            algorithm: pair.algorithm,
            public_half: pair.public_half.as_bytes().to_vec(),
        }
    }

    /// What its private half is sealed to.
    pub(crate) fn seal_context(&self) -> SealContext<'_> {
        SealContext {
            serial: self.serial.get(),
            algorithm: wrap_algorithm(self.algorithm),
            scope: &self.scope,
            public_half: &self.public_half,
        }
    }
}

impl Pairs {
    pub(crate) fn new(
        registry: Arc<dyn KeyRegistry>,
        life: Duration,
        capacity: NonZeroUsize,
    ) -> Self {
        Self {
            registry,
            by_serial: Cache::new(life, capacity),
            active: Cache::new(life, capacity),
        }
    }

    pub(crate) fn registry(&self) -> &Arc<dyn KeyRegistry> {
        &self.registry
    }

    pub(crate) async fn find(&self, serial: Serial) -> Result<KnownPair, VaultError> {
        let registry = Arc::clone(&self.registry);
        let look_up = || async move {
            match registry.find_pair(serial).await? {
                Some(pair) => Ok(KnownPair {
                    state: pair.state,
                    identity: Arc::new(PairIdentity::of(&pair)),
                }),
                None => Err(PairError::NotInRegistry(serial).corrupt()),
            }
        };
        self.by_serial.get(&serial, look_up).await
    }

    /// The active pair of a scope; looked up anew if the one that is remembered was refused.
    pub(crate) async fn active(
        &self,
        scope: &Scope,
        algorithm: Algorithm,
        refused: Option<Serial>,
    ) -> Result<ActivePair, VaultError> {
        let key = (scope.clone(), algorithm);
        let found = self.remembered_active(&key).await?;
        if refused != Some(found.serial) {
            return Ok(found);
        }
        self.active
            .forget_if(&key, |active| active.serial == found.serial);
        self.remembered_active(&key).await
    }

    pub(crate) fn forget(&self, serial: Serial) {
        self.by_serial.forget(&serial);
    }

    async fn remembered_active(&self, key: &(Scope, Algorithm)) -> Result<ActivePair, VaultError> {
        let registry = Arc::clone(&self.registry);
        let (scope, algorithm) = key.clone();
        let look_up = || async move {
            let pair = registry
                .active_pair(&scope, algorithm)
                .await?
                .ok_or(VaultError::NoActivePair(scope))?;
            let public_half =
                PublicHalf::parse(wrap_algorithm(pair.algorithm), pair.public_half.as_bytes())
                    .map_err(|error| PairError::wrap(pair.serial, error))?;
            Ok(ActivePair {
                serial: pair.serial,
                scope: pair.scope,
                algorithm: pair.algorithm,
                public_half,
            })
        };
        self.active.get(key, look_up).await
    }
}

/// The crypto crate's name for an algorithm.
pub(crate) fn wrap_algorithm(algorithm: Algorithm) -> WrapAlgorithm {
    match algorithm {
        Algorithm::RsaOaep256 => WrapAlgorithm::RsaOaep256,
        Algorithm::HpkeX25519 => WrapAlgorithm::HpkeX25519,
        Algorithm::HpkeXWing => WrapAlgorithm::HpkeXWing,
    }
}
