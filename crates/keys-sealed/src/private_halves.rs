use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_crypto::{MasterKeyRing, PrivateHalf};
use crypt_keeper_domain::model::Serial;
use crypt_keeper_domain::ports::{PrivateKeys, SealedPrivateHalf, VaultError};

use crate::cache::Cache;
use crate::error::PairError;
use crate::pairs::{PairIdentity, wrap_algorithm};
use crate::pool::Pool;

/// Private halves, opened and parsed once.
#[derive(Debug)]
pub(crate) struct PrivateHalves {
    store: Arc<dyn PrivateKeys>,
    ring: Arc<MasterKeyRing>,
    pool: Arc<Pool>,
    opened: Cache<Serial, PrivateHalf>,
}

impl PrivateHalves {
    pub(crate) fn new(
        store: Arc<dyn PrivateKeys>,
        ring: Arc<MasterKeyRing>,
        pool: Arc<Pool>,
        life: Duration,
        capacity: NonZeroUsize,
    ) -> Self {
        Self {
            store,
            ring,
            pool,
            opened: Cache::new(life, capacity),
        }
    }

    pub(crate) fn store(&self) -> &Arc<dyn PrivateKeys> {
        &self.store
    }

    pub(crate) fn ring(&self) -> &Arc<MasterKeyRing> {
        &self.ring
    }

    /// The private half of a pair, from memory if it was opened lately.
    pub(crate) async fn get(&self, pair: &Arc<PairIdentity>) -> Result<PrivateHalf, VaultError> {
        let (store, ring, pool, pair) = (
            Arc::clone(&self.store),
            Arc::clone(&self.ring),
            Arc::clone(&self.pool),
            Arc::clone(pair),
        );
        let serial = pair.serial;
        let look_up = || async move { open_stored(&*store, ring, &pool, pair).await };
        self.opened.get(&serial, look_up).await
    }

    /// Opens the private half of a pair as the store holds it now.
    pub(crate) async fn open(&self, pair: &Arc<PairIdentity>) -> Result<PrivateHalf, VaultError> {
        let ring = Arc::clone(&self.ring);
        open_stored(&*self.store, ring, &self.pool, Arc::clone(pair)).await
    }

    pub(crate) fn forget(&self, serial: Serial) {
        self.opened.forget(&serial);
    }
}

async fn open_stored(
    store: &dyn PrivateKeys,
    ring: Arc<MasterKeyRing>,
    pool: &Pool,
    pair: Arc<PairIdentity>,
) -> Result<PrivateHalf, VaultError> {
    let sealed = store
        .get(pair.serial)
        .await?
        .ok_or_else(|| PairError::NoPrivateHalf(pair.serial).corrupt())?;
    pool.run(move || open(&ring, &pair, &sealed)).await
}

/// Opens, parses, and checks that it belongs to the public half in the registry.
pub(crate) fn open(
    ring: &MasterKeyRing,
    pair: &PairIdentity,
    sealed: &SealedPrivateHalf,
) -> Result<PrivateHalf, VaultError> {
    let serial = pair.serial;
    let plain = ring
        .open(&pair.seal_context(), sealed.as_bytes())
        .map_err(|error| PairError::sealed(serial, error))?;
    let private_half = PrivateHalf::parse(wrap_algorithm(pair.algorithm), &plain)
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
