//! The key pairs.

use std::collections::BTreeMap;

use async_trait::async_trait;
use crypt_keeper_domain::model::{
    Algorithm, KeyPair, KeyPairChange, KeyState, PageLimit, Record, Scope, Serial,
};
use crypt_keeper_domain::ports::{DuePairs, KeyRegistry, RegistryChange, StoreError};

use crate::calls::call;
use crate::error::unavailable;
use crate::expression::Expression;
use crate::items::{
    Item, PAIRS, Writer, active_key, active_serial, key_pair, number, pair_item, text,
};
use crate::retry::Retry;
use crate::store::{Core, DynamoDbStore, on_runtime};
use crate::transaction::{Committed, Transaction};

#[async_trait]
impl KeyRegistry for DynamoDbStore {
    async fn insert_pair(
        &self,
        pair: &KeyPair,
        record: &Record,
    ) -> Result<RegistryChange, StoreError> {
        on_runtime!(self.insert_pair(pair, record))
    }

    async fn find_pair(&self, serial: Serial) -> Result<Option<KeyPair>, StoreError> {
        on_runtime!(self.find_pair(serial))
    }

    async fn active_pair(
        &self,
        scope: &Scope,
        algorithm: Algorithm,
    ) -> Result<Option<KeyPair>, StoreError> {
        on_runtime!(self.active_pair(scope, algorithm))
    }

    async fn list_pairs(&self) -> Result<Vec<KeyPair>, StoreError> {
        on_runtime!(self.list_pairs())
    }

    async fn due_pairs(&self, due: DuePairs, limit: PageLimit) -> Result<Vec<KeyPair>, StoreError> {
        on_runtime!(self.due_pairs(due, limit))
    }

    async fn change_pairs(
        &self,
        changes: &[KeyPairChange],
        records: &[Record],
    ) -> Result<RegistryChange, StoreError> {
        on_runtime!(self.change_pairs(changes, records))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Pair,
    /// What names the active pair of a scope and algorithm.
    Active,
}

/// A scope and an algorithm.
pub(crate) type Seat = (Scope, Algorithm);

/// The pairs and seats that a change is about: as they were seen, and as they shall be.
#[derive(Debug, Default)]
struct Plan {
    seen: BTreeMap<Serial, KeyPair>,
    after: BTreeMap<Serial, KeyPair>,
    seats_seen: BTreeMap<Seat, Option<Serial>>,
    seats: BTreeMap<Seat, Option<Serial>>,
}

impl Core {
    pub(crate) async fn insert_pair(
        &self,
        pair: &KeyPair,
        record: &Record,
    ) -> Result<RegistryChange, StoreError> {
        self.ready_for(record).await?;
        let table = self.calls.tables.key_pairs();
        let mut act = Transaction::new().insert(Part::Pair, &table, pair_item(pair));
        if pair.state == KeyState::Active {
            act = act.insert(Part::Active, &table, active_item(&seat(pair), pair.serial));
        }
        let committed = act
            .record(&self.calls.tables.audit(), record, 0)
            .commit(&self.calls, None)
            .await?;
        match committed {
            Committed::Done => Ok(RegistryChange::Changed),
            Committed::Refused(parts) if parts.contains(&Part::Pair) => Err(StoreError::Conflict),
            Committed::Refused(_) => Ok(RegistryChange::AnotherIsActive),
        }
    }

    pub(crate) async fn find_pair(&self, serial: &Serial) -> Result<Option<KeyPair>, StoreError> {
        self.pair(*serial).await
    }

    pub(crate) async fn active_pair(
        &self,
        scope: &Scope,
        algorithm: &Algorithm,
    ) -> Result<Option<KeyPair>, StoreError> {
        let seat = (scope.clone(), *algorithm);
        let mut retry = Retry::new();
        loop {
            let Some(serial) = self.seated(&seat).await? else {
                return Ok(None);
            };
            let pair = self.pair(serial).await?;
            if let Some(pair) = pair.filter(|pair| pair.state == KeyState::Active) {
                return Ok(Some(pair));
            }
            // It was rotated out between the two reads.
            if !retry.once_more().await {
                return Err(unavailable("the active key pair changes all the time"));
            }
        }
    }

    async fn seated(&self, (scope, algorithm): &Seat) -> Result<Option<Serial>, StoreError> {
        let table = self.calls.tables.key_pairs();
        let found = self
            .calls
            .get(&table, &active_key(scope, *algorithm))
            .await?;
        found.as_ref().map(active_serial).transpose()
    }

    pub(crate) async fn list_pairs(&self) -> Result<Vec<KeyPair>, StoreError> {
        let table = self.calls.tables.key_pairs();
        let mut pairs = Vec::new();
        let mut from = None;
        loop {
            let request = self
                .calls
                .client
                .scan()
                .table_name(&table)
                .consistent_read(true)
                .filter_expression("begins_with(id, :pairs)")
                .expression_attribute_values(":pairs", text(PAIRS))
                .set_exclusive_start_key(from);
            let answer = call("Scan", &table, || request.clone().send()).await?;
            for item in answer.items.unwrap_or_default() {
                pairs.push(key_pair(&item)?);
            }
            from = answer.last_evaluated_key.filter(|key| !key.is_empty());
            if from.is_none() {
                break;
            }
        }
        pairs.sort_by_key(|pair| (pair.created_at, pair.serial));
        Ok(pairs)
    }

    pub(crate) async fn due_pairs(
        &self,
        due: &DuePairs,
        limit: &PageLimit,
    ) -> Result<Vec<KeyPair>, StoreError> {
        let mut pairs = self.list_pairs().await?;
        pairs.retain(|pair| match *due {
            DuePairs::ActiveSince(moment) => {
                pair.state == KeyState::Active && pair.activated_at.is_some_and(|at| at <= moment)
            }
            DuePairs::DestroyBy(moment) => pair.destruction_is_due(moment),
            DuePairs::ActiveOtherThan(algorithm) => {
                pair.state == KeyState::Active && pair.algorithm != algorithm
            }
        });
        pairs.truncate(limit.get());
        Ok(pairs)
    }

    /// All changes in one transaction, in which an item may be written once: so they are applied,
    /// in their order, to what was seen, and the end of it is written where nothing has changed.
    pub(crate) async fn change_pairs(
        &self,
        changes: &[KeyPairChange],
        records: &[Record],
    ) -> Result<RegistryChange, StoreError> {
        for record in records {
            self.ready_for(record).await?;
        }
        let mut retry = Retry::new();
        for round in 0.. {
            let plan = match self.plan(changes).await? {
                Ok(plan) => plan,
                Err(refused) => return Ok(refused),
            };
            let mut act = plan.transaction(&self.calls.tables.key_pairs());
            for record in records {
                act = act.record(&self.calls.tables.audit(), record, round);
            }
            if act.commit(&self.calls, None).await? == Committed::Done {
                return Ok(RegistryChange::Changed);
            }
            // Somebody was faster: look again, at what he has left.
            if !retry.once_more().await {
                break;
            }
        }
        Err(unavailable("others change the same key pairs all the time"))
    }

    /// What the changes come to, or why they are refused.
    async fn plan(
        &self,
        changes: &[KeyPairChange],
    ) -> Result<Result<Plan, RegistryChange>, StoreError> {
        let mut plan = Plan::default();
        for change in changes {
            let serial = change.after.serial;
            let before = match plan.after.get(&serial) {
                Some(pair) => pair.clone(),
                None => {
                    let Some(pair) = self.pair(serial).await? else {
                        return Ok(Err(RegistryChange::Stale));
                    };
                    plan.seen.insert(serial, pair.clone());
                    pair
                }
            };
            if before.version != change.seen_version {
                return Ok(Err(RegistryChange::Stale));
            }
            for seat in [seat(&before), seat(&change.after)] {
                if !plan.seats.contains_key(&seat) {
                    let serial = self.seated(&seat).await?;
                    plan.seats_seen.insert(seat.clone(), serial);
                    plan.seats.insert(seat, serial);
                }
            }
            if before.state == KeyState::Active {
                plan.seats.insert(seat(&before), None);
            }
            if change.after.state == KeyState::Active {
                let seat = seat(&change.after);
                if plan.seats.get(&seat).is_some_and(Option::is_some) {
                    return Ok(Err(RegistryChange::AnotherIsActive));
                }
                plan.seats.insert(seat, Some(serial));
            }
            plan.after.insert(serial, change.after.clone());
        }
        Ok(Ok(plan))
    }
}

impl Plan {
    fn transaction(&self, table: &str) -> Transaction<Part> {
        let mut act = Transaction::new();
        for (serial, after) in &self.after {
            let seen = self.seen.get(serial).map(|pair| number(pair.version));
            let is_as_seen = Expression::is_there().and_is("version", seen);
            act = act.replace(Part::Pair, table, pair_item(after), &is_as_seen);
        }
        for (seat, after) in &self.seats {
            let seen = self.seats_seen.get(seat).copied().flatten();
            if *after == seen {
                continue;
            }
            let key = active_key(&seat.0, seat.1);
            act = match (seen, after) {
                (None, Some(serial)) => act.insert(Part::Active, table, active_item(seat, *serial)),
                (Some(seen), Some(serial)) => {
                    let item = active_item(seat, *serial);
                    act.replace(Part::Active, table, item, &is_of(seen))
                }
                (Some(seen), None) => act.delete(Part::Active, table, key, &is_of(seen)),
                (None, None) => act,
            };
        }
        act
    }
}

pub(crate) fn seat(pair: &KeyPair) -> Seat {
    (pair.scope.clone(), pair.algorithm)
}

pub(crate) fn active_item((scope, algorithm): &Seat, serial: Serial) -> Item {
    let mut item = active_key(scope, *algorithm);
    item.extend(Writer::default().number("serial", serial.as_i64()).done());
    item
}

fn is_of(serial: Serial) -> Expression {
    Expression::is_there().and_is("serial", Some(number(serial.as_i64())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_and_algorithms_have_a_seat_each() {
        let mut keys = std::collections::BTreeSet::new();
        for scope in ["shared", "hold", "partition:0:20260301"] {
            for algorithm in Algorithm::ALL {
                let key = active_key(&scope.parse().unwrap(), *algorithm);
                keys.insert(format!("{key:?}"));
            }
        }
        assert_eq!(keys.len(), 3 * Algorithm::ALL.len());
    }
}
