use std::collections::BTreeMap;

use async_trait::async_trait;

use super::MemoryStore;
use crate::model::{Algorithm, KeyPair, KeyPairChange, KeyState, PageLimit, Record, Scope, Serial};
use crate::ports::{DuePairs, KeyRegistry, RegistryChange, StoreError};

#[async_trait]
impl KeyRegistry for MemoryStore {
    async fn insert_pair(
        &self,
        pair: &KeyPair,
        record: &Record,
    ) -> Result<RegistryChange, StoreError> {
        let mut rows = self.rows()?;
        if rows.pairs.contains_key(&pair.serial) {
            return Err(StoreError::Conflict);
        }
        if another_is_active(&rows.pairs, pair) {
            return Ok(RegistryChange::AnotherIsActive);
        }
        rows.record(std::slice::from_ref(record))?;
        rows.pairs.insert(pair.serial, pair.clone());
        Ok(RegistryChange::Changed)
    }

    async fn find_pair(&self, serial: Serial) -> Result<Option<KeyPair>, StoreError> {
        Ok(self.rows()?.pairs.get(&serial).cloned())
    }

    async fn active_pair(
        &self,
        scope: &Scope,
        algorithm: Algorithm,
    ) -> Result<Option<KeyPair>, StoreError> {
        let rows = self.rows()?;
        let active = rows.pairs.values().find(|pair| {
            pair.state == KeyState::Active && pair.scope == *scope && pair.algorithm == algorithm
        });
        Ok(active.cloned())
    }

    async fn list_pairs(&self) -> Result<Vec<KeyPair>, StoreError> {
        let mut pairs: Vec<KeyPair> = self.rows()?.pairs.values().cloned().collect();
        pairs.sort_by_key(|pair| (pair.created_at, pair.serial));
        Ok(pairs)
    }

    async fn due_pairs(&self, due: DuePairs, limit: PageLimit) -> Result<Vec<KeyPair>, StoreError> {
        let mut pairs = self.list_pairs().await?;
        pairs.retain(|pair| match due {
            DuePairs::ActiveSince(moment) => {
                pair.state == KeyState::Active && pair.activated_at.is_some_and(|at| at <= moment)
            }
            DuePairs::ActiveOtherThan(algorithm) => {
                pair.state == KeyState::Active && pair.algorithm != algorithm
            }
            DuePairs::DestroyBy(moment) => pair.destruction_is_due(moment),
        });
        pairs.truncate(limit.get());
        Ok(pairs)
    }

    async fn change_pairs(
        &self,
        changes: &[KeyPairChange],
        records: &[Record],
    ) -> Result<RegistryChange, StoreError> {
        let mut rows = self.rows()?;
        let mut pairs = rows.pairs.clone();
        for KeyPairChange {
            seen_version,
            after,
        } in changes
        {
            match pairs.get(&after.serial) {
                Some(pair) if pair.version == *seen_version => {}
                _ => return Ok(RegistryChange::Stale),
            }
            if another_is_active(&pairs, after) {
                return Ok(RegistryChange::AnotherIsActive);
            }
            pairs.insert(after.serial, after.clone());
        }
        rows.record(records)?;
        rows.pairs = pairs;
        Ok(RegistryChange::Changed)
    }
}

/// Whether `pair` is active, and would not be the only one of its scope and algorithm.
pub(super) fn another_is_active(pairs: &BTreeMap<Serial, KeyPair>, pair: &KeyPair) -> bool {
    pair.state == KeyState::Active
        && pairs.values().any(|other| {
            other.serial != pair.serial
                && other.state == KeyState::Active
                && other.scope == pair.scope
                && other.algorithm == pair.algorithm
        })
}
