use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_crypto::PrivateHalf;
use crypt_keeper_domain::model::Serial;
use crypt_keeper_domain::ports::VaultError;
use crypt_keeper_secret::SecretBytes;

use crate::cache::Cache;
use crate::error::PairError;
use crate::pairs::{PairIdentity, wrap_algorithm};
use crate::pool::Pool;
use crate::private_halves::PrivateHalves;

/// Private halves, opened and parsed once.
#[derive(Debug)]
pub(crate) struct Opened<H> {
    source: Arc<H>,
    pool: Arc<Pool>,
    kept: Cache<Serial, PrivateHalf>,
}

impl<H: PrivateHalves> Opened<H> {
    pub(crate) fn new(
        source: Arc<H>,
        pool: Arc<Pool>,
        life: Duration,
        capacity: NonZeroUsize,
    ) -> Self {
        Self {
            source,
            pool,
            kept: Cache::new(life, capacity),
        }
    }

    pub(crate) fn source(&self) -> &Arc<H> {
        &self.source
    }

    /// The private half of a pair, from memory if it was opened lately.
    pub(crate) async fn get(&self, pair: &Arc<PairIdentity>) -> Result<PrivateHalf, VaultError> {
        let (source, pool, pair) = (
            Arc::clone(&self.source),
            Arc::clone(&self.pool),
            Arc::clone(pair),
        );
        let serial = pair.serial;
        let look_up = || async move { fetch_and_open(&*source, &pool, pair).await };
        self.kept.get(&serial, look_up).await
    }

    /// Opens the private half of a pair as it is kept now.
    pub(crate) async fn open(&self, pair: &Arc<PairIdentity>) -> Result<PrivateHalf, VaultError> {
        fetch_and_open(&*self.source, &self.pool, Arc::clone(pair)).await
    }

    pub(crate) fn forget(&self, serial: Serial) {
        self.kept.forget(&serial);
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
