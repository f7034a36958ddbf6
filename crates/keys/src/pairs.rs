use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_crypto::wrap::transit::TransitPublicHalf;
use crypt_keeper_crypto::{PublicHalf, SealContext, WrapAlgorithm};
use crypt_keeper_domain::model::{Algorithm, KeyPair, KeyState, Scope, Serial, WrappedKey};
use crypt_keeper_domain::ports::{KeyRegistry, Purpose, VaultError};

use crate::cache::Cache;
use crate::error::PairError;

/// The registry, remembered for moments. Few pairs live at a time: one a scope and rotation. `P`
/// is a parsed public half.
#[derive(Debug)]
pub struct Pairs<P> {
    registry: Arc<dyn KeyRegistry>,
    parse: fn(&KeyPair) -> Result<P, VaultError>,
    by_serial: Cache<Serial, KnownPair>,
    active: Cache<(Scope, Algorithm), ActivePair<P>>,
}

/// A pair as the registry knew it moments ago.
#[derive(Clone, Debug)]
pub struct KnownPair {
    /// Where it was in its life.
    pub state: KeyState,
    /// What never changes about it.
    pub identity: Arc<PairIdentity>,
}

impl KnownPair {
    /// Whether its state allows `purpose`.
    #[must_use]
    pub fn allows(&self, purpose: Purpose) -> bool {
        match purpose {
            Purpose::Release => self.state.may_release(),
            Purpose::Rewrap => self.state.may_rewrap(),
        }
    }
}

/// A pair that wraps, its public half parsed.
#[derive(Clone, Debug)]
pub struct ActivePair<P> {
    /// Its serial.
    pub serial: Serial,
    /// Whose documents' keys it wraps.
    pub scope: Scope,
    /// How it wraps.
    pub algorithm: Algorithm,
    /// What it wraps with.
    pub public_half: P,
}

/// What never changes about a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairIdentity {
    /// Its serial.
    pub serial: Serial,
    /// Its scope in its stored form.
    pub scope: String,
    /// How it wraps.
    pub algorithm: Algorithm,
    /// Its public half, encoded.
    pub public_half: Vec<u8>,
}

impl PairIdentity {
    /// Of a pair in the registry.
    #[must_use]
    pub fn of(pair: &KeyPair) -> Self {
        Self {
            serial: pair.serial,
            scope: pair.scope.to_string(),
            algorithm: pair.algorithm,
            public_half: pair.public_half.as_bytes().to_vec(),
        }
    }

    /// What its private half is sealed to.
    ///
    /// # Errors
    /// [`PairError::OtherVault`] for an algorithm whose private halves are sealed by nobody.
    pub fn seal_context(&self) -> Result<SealContext<'_>, VaultError> {
        Ok(SealContext {
            serial: self.serial.get(),
            algorithm: wrap_algorithm(self.serial, self.algorithm)?,
            scope: &self.scope,
            public_half: &self.public_half,
        })
    }
}

impl<P: Clone + Send + Sync + 'static> Pairs<P> {
    /// What it answers was read from the registry at most `life` ago; it remembers `capacity`
    /// pairs. `parse` gives the public half of a pair.
    #[must_use]
    pub fn new(
        registry: Arc<dyn KeyRegistry>,
        parse: fn(&KeyPair) -> Result<P, VaultError>,
        life: Duration,
        capacity: NonZeroUsize,
    ) -> Self {
        Self {
            registry,
            parse,
            by_serial: Cache::new(life, capacity),
            active: Cache::new(life, capacity),
        }
    }

    /// The registry itself.
    #[must_use]
    pub fn registry(&self) -> &Arc<dyn KeyRegistry> {
        &self.registry
    }

    /// The pair of a serial.
    ///
    /// # Errors
    /// [`PairError::NotInRegistry`] as [`VaultError::Corrupt`].
    pub async fn find(&self, serial: Serial) -> Result<KnownPair, VaultError> {
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
    ///
    /// # Errors
    /// [`VaultError::NoActivePair`].
    pub async fn active(
        &self,
        scope: &Scope,
        algorithm: Algorithm,
        refused: Option<Serial>,
    ) -> Result<ActivePair<P>, VaultError> {
        let key = (scope.clone(), algorithm);
        let found = self.remembered_active(&key).await?;
        if refused != Some(found.serial) {
            return Ok(found);
        }
        self.active
            .forget_if(&key, |active| active.serial == found.serial);
        self.remembered_active(&key).await
    }

    /// Forgets a pair: the next who asks reads the registry.
    pub fn forget(&self, serial: Serial) {
        self.by_serial.forget(&serial);
    }

    async fn remembered_active(
        &self,
        key: &(Scope, Algorithm),
    ) -> Result<ActivePair<P>, VaultError> {
        let registry = Arc::clone(&self.registry);
        let (scope, algorithm) = key.clone();
        let parse = self.parse;
        let look_up = || async move {
            let pair = registry
                .active_pair(&scope, algorithm)
                .await?
                .ok_or(VaultError::NoActivePair(scope))?;
            let public_half = parse(&pair)?;
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

/// The public half of a pair that unwraps in this process.
pub(crate) fn parse_public_half(pair: &KeyPair) -> Result<PublicHalf, VaultError> {
    let algorithm = wrap_algorithm(pair.serial, pair.algorithm)?;
    PublicHalf::parse(algorithm, pair.public_half.as_bytes())
        .map_err(|error| PairError::wrap(pair.serial, error))
}

/// The public half of a pair that Transit unwraps.
///
/// # Errors
/// [`VaultError::Corrupt`] if it is not one.
pub fn parse_transit_public_half(pair: &KeyPair) -> Result<TransitPublicHalf, VaultError> {
    TransitPublicHalf::parse(pair.public_half.as_bytes())
        .map_err(|error| PairError::wrap(pair.serial, error))
}

/// The crypto crate's name for an algorithm whose private halves are opened here.
pub(crate) fn wrap_algorithm(
    serial: Serial,
    algorithm: Algorithm,
) -> Result<WrapAlgorithm, VaultError> {
    match algorithm {
        Algorithm::RsaOaep256 => Ok(WrapAlgorithm::RsaOaep256),
        Algorithm::HpkeX25519 => Ok(WrapAlgorithm::HpkeX25519),
        Algorithm::HpkeXWing => Ok(WrapAlgorithm::HpkeXWing),
        Algorithm::TransitRsaOaep256 => Err(PairError::OtherVault { serial, algorithm }.backend()),
    }
}

/// A document's row and the registry must say the same.
///
/// # Errors
/// [`PairError::OtherAlgorithm`] as [`VaultError::Corrupt`].
pub fn require_same_algorithm(wrapped: &WrappedKey, pair: &PairIdentity) -> Result<(), VaultError> {
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
