use std::sync::Arc;

use crypt_keeper_crypto::PrivateHalf;
use crypt_keeper_domain::model::Serial;
use crypt_keeper_domain::ports::VaultError;
use crypt_keeper_secret::SecretBytes;

use crate::error::PairError;
use crate::key_cache::{CacheStats, KeyCache, Trouble};
use crate::pairs::{PairIdentity, wrap_algorithm};
use crate::pool::Pool;
use crate::private_halves::PrivateHalves;
use crate::vault::VaultConfig;

/// Private halves, opened, parsed and held. This is where they are cached: a decorator of the vault
/// would see document keys alone, which are each asked for once, and a decorator of
/// [`PrivateHalves`] would hold bytes that each request had to parse and to check anew.
#[derive(Debug)]
pub(crate) struct Opened<H> {
    source: Arc<H>,
    pool: Arc<Pool>,
    held: KeyCache<Serial, PrivateHalf>,
}

impl<H: PrivateHalves> Opened<H> {
    pub(crate) fn new(source: Arc<H>, pool: Arc<Pool>, config: &VaultConfig) -> Self {
        let clock = Arc::clone(&config.clock);
        Self {
            source,
            pool,
            held: KeyCache::new(config.cache, config.capacity, clock),
        }
    }

    pub(crate) fn source(&self) -> &Arc<H> {
        &self.source
    }

    /// The private half of a pair, from memory if it is held.
    pub(crate) async fn get(&self, pair: &Arc<PairIdentity>) -> Result<PrivateHalf, VaultError> {
        let (source, pool, pair) = (
            Arc::clone(&self.source),
            Arc::clone(&self.pool),
            Arc::clone(pair),
        );
        let serial = pair.serial;
        let read = || async move { fetch_and_open(&*source, &pool, pair).await };
        self.held.get(&serial, read).await
    }

    /// Opens the private half of a pair as it is kept now.
    pub(crate) async fn open(&self, pair: &Arc<PairIdentity>) -> Result<PrivateHalf, VaultError> {
        fetch_and_open(&*self.source, &self.pool, Arc::clone(pair)).await
    }

    pub(crate) fn forget(&self, serial: Serial) {
        self.held.forget(&serial);
    }

    pub(crate) fn forgiver(&self) -> impl Fn() + Send + Sync + use<H> {
        self.held.forgiver()
    }

    /// Drops what has been held for as long as it may; the serials of the rest.
    pub(crate) fn sweep(&self) -> Vec<Serial> {
        self.held.sweep()
    }

    pub(crate) fn trouble(&self, serial: Serial) -> Option<Trouble> {
        self.held.trouble(&serial)
    }

    pub(crate) fn stats(&self) -> CacheStats {
        self.held.stats()
    }
}

async fn fetch_and_open<H: PrivateHalves>(
    source: &H,
    pool: &Pool,
    pair: Arc<PairIdentity>,
) -> Result<PrivateHalf, VaultError> {
    let bytes = source.fetch(&pair).await?;
    pool.run(move || open(&pair, &bytes)).await
}

/// Parses, and checks that it belongs to the public half in the registry.
pub(crate) fn open(pair: &PairIdentity, bytes: &SecretBytes) -> Result<PrivateHalf, VaultError> {
    let serial = pair.serial;
    let private_half = PrivateHalf::parse(wrap_algorithm(serial, pair.algorithm)?, bytes)
        .map_err(|error| PairError::wrap(serial, error))?;
    let public_half = private_half
        .public_half()
        .map_err(|error| PairError::wrap(serial, error))?;
    if public_half.as_bytes() == pair.public_half {
        Ok(private_half)
    } else {
        Err(PairError::OtherPublicHalf(serial).corrupt())
    }
}
