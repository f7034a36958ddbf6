use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::FaultSwitch;
use crate::model::Serial;
use crate::ports::{PrivateKeys, SealedPrivateHalf, StoreError};

/// Sealed private halves in memory.
#[derive(Debug, Default)]
pub struct MemoryPrivateKeys {
    faults: FaultSwitch,
    halves: Mutex<BTreeMap<Serial, SealedPrivateHalf>>,
}

impl MemoryPrivateKeys {
    /// What makes it fail.
    #[must_use]
    pub fn faults(&self) -> &FaultSwitch {
        &self.faults
    }

    fn halves(&self) -> Result<MutexGuard<'_, BTreeMap<Serial, SealedPrivateHalf>>, StoreError> {
        self.faults.pass()?;
        Ok(self.halves.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl PrivateKeys for MemoryPrivateKeys {
    async fn put(&self, serial: Serial, sealed: &SealedPrivateHalf) -> Result<(), StoreError> {
        match self.halves()?.entry(serial) {
            Slot::Occupied(_) => Err(StoreError::Conflict),
            Slot::Vacant(slot) => {
                slot.insert(sealed.clone());
                Ok(())
            }
        }
    }

    async fn get(&self, serial: Serial) -> Result<Option<SealedPrivateHalf>, StoreError> {
        Ok(self.halves()?.get(&serial).cloned())
    }

    async fn serials(&self) -> Result<Vec<Serial>, StoreError> {
        Ok(self.halves()?.keys().copied().collect())
    }

    async fn replace(
        &self,
        serial: Serial,
        seen: &SealedPrivateHalf,
        sealed: &SealedPrivateHalf,
    ) -> Result<bool, StoreError> {
        let mut halves = self.halves()?;
        match halves.get_mut(&serial) {
            Some(held) if held == seen => {
                held.clone_from(sealed);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    async fn erase(&self, serial: Serial) -> Result<(), StoreError> {
        self.halves()?.remove(&serial);
        Ok(())
    }
}
