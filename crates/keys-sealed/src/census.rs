use std::collections::{BTreeMap, BTreeSet};

use crypt_keeper_crypto::MasterKeyId;
use crypt_keeper_crypto::seal::sealed_under;
use crypt_keeper_domain::model::Serial;
use crypt_keeper_domain::ports::{KeyRegistry, PrivateKeys, StoreError, VaultError};

use crate::vault::SealedVault;

/// Which master keys the private halves in a key store are sealed under. Nothing is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Private halves of key pairs in the registry, by the master key that they name.
    pub sealed_under: BTreeMap<MasterKeyId, u64>,
    /// Private halves of serials that are not in the registry: of pairs whose making was
    /// interrupted, or is under way.
    pub unregistered: Vec<(Serial, MasterKeyId)>,
    /// Rows that are no sealed private half at all.
    pub unreadable: Vec<Serial>,
}

impl Census {
    /// How many private halves need this master key.
    #[must_use]
    pub fn needing(&self, id: MasterKeyId) -> u64 {
        let registered = self.sealed_under.get(&id).copied().unwrap_or_default();
        let others = self.unregistered.iter().filter(|(_, under)| *under == id);
        registered + others.count() as u64
    }
}

impl SealedVault {
    /// Counts private halves by their master keys.
    ///
    /// # Errors
    /// [`VaultError`] if the registry or the key store cannot be read.
    pub async fn census(&self) -> Result<Census, VaultError> {
        let store = &*self.local.private_halves().store;
        Ok(count(store, &**self.local.registry()).await?)
    }

    /// Erases the private half of a serial that is not in the registry: no document can be under
    /// it. Whether it was erased; it is not if the serial is registered by now.
    ///
    /// # Errors
    /// [`VaultError`] if the registry or the key store does not answer.
    pub async fn erase_unregistered(&self, serial: Serial) -> Result<bool, VaultError> {
        if self.local.registry().find_pair(serial).await?.is_some() {
            return Ok(false);
        }
        self.local.private_halves().store.erase(serial).await?;
        Ok(true)
    }
}

async fn count(store: &dyn PrivateKeys, registry: &dyn KeyRegistry) -> Result<Census, StoreError> {
    let mut census = Census::default();
    // In this order: a pair is registered after its private half is there.
    let serials = store.serials().await?;
    let registered: BTreeSet<Serial> = registry
        .list_pairs()
        .await?
        .into_iter()
        .map(|pair| pair.serial)
        .collect();
    for serial in serials {
        let Some(sealed) = store.get(serial).await? else {
            continue;
        };
        match sealed_under(sealed.as_bytes()) {
            Ok(id) if registered.contains(&serial) => {
                *census.sealed_under.entry(id).or_default() += 1;
            }
            Ok(id) => census.unregistered.push((serial, id)),
            Err(_) => census.unreadable.push(serial),
        }
    }
    Ok(census)
}

/// The master keys that any private half names.
pub(crate) async fn needed_keys(
    store: &dyn PrivateKeys,
) -> Result<BTreeSet<MasterKeyId>, StoreError> {
    let mut needed = BTreeSet::new();
    for serial in store.serials().await? {
        let sealed = store.get(serial).await?;
        needed.extend(sealed.and_then(|sealed| sealed_under(sealed.as_bytes()).ok()));
    }
    Ok(needed)
}
