use async_trait::async_trait;
use crypt_keeper_domain::model::{
    Algorithm, KeyPair, KeyPairChange, KeyState, PageLimit, Record, Scope, Serial,
};
use crypt_keeper_domain::ports::{DuePairs, KeyRegistry, RegistryChange, StoreError};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::FutureExt as _;

use super::super::{Conn, Database, Store, dialect};
use super::{Done, InsertAnswers, end_insert, record};
use crate::error::Failure;
use crate::rows::{AuditRow, KeyPairRow, sql_time};
use crate::schema::key_pairs;

#[async_trait]
impl KeyRegistry for Store {
    async fn insert_pair(
        &self,
        pair: &KeyPair,
        act: &Record,
    ) -> Result<RegistryChange, StoreError> {
        let row = KeyPairRow::from(pair);
        let audit = AuditRow::from(&act.audit);
        self.write(move |conn| insert_pair(conn, row, audit).boxed())
            .await
    }

    async fn find_pair(&self, serial: Serial) -> Result<Option<KeyPair>, StoreError> {
        self.read(move |conn| {
            async move {
                let row = key_pairs::table
                    .find(serial.as_i64())
                    .select(KeyPairRow::as_select())
                    .first(conn)
                    .await
                    .optional()?;
                Ok(row.map(KeyPair::try_from).transpose()?)
            }
            .boxed()
        })
        .await
    }

    async fn active_pair(
        &self,
        scope: &Scope,
        algorithm: Algorithm,
    ) -> Result<Option<KeyPair>, StoreError> {
        let scope = scope.to_string();
        self.read(move |conn| {
            async move {
                let row = key_pairs::table
                    .filter(key_pairs::scope.eq(scope))
                    .filter(key_pairs::algorithm.eq(algorithm.as_str()))
                    .filter(key_pairs::state.eq(KeyState::Active.as_str()))
                    .select(KeyPairRow::as_select())
                    .first(conn)
                    .await
                    .optional()?;
                Ok(row.map(KeyPair::try_from).transpose()?)
            }
            .boxed()
        })
        .await
    }

    async fn list_pairs(&self) -> Result<Vec<KeyPair>, StoreError> {
        self.read(move |conn| {
            async move {
                let rows = key_pairs::table
                    .order((key_pairs::created_at.asc(), key_pairs::serial.asc()))
                    .select(KeyPairRow::as_select())
                    .load(conn)
                    .await?;
                Ok(rows
                    .into_iter()
                    .map(KeyPair::try_from)
                    .collect::<Result<_, _>>()?)
            }
            .boxed()
        })
        .await
    }

    async fn due_pairs(&self, due: DuePairs, limit: PageLimit) -> Result<Vec<KeyPair>, StoreError> {
        self.read(move |conn| {
            async move {
                let mut query = key_pairs::table
                    .order((key_pairs::created_at.asc(), key_pairs::serial.asc()))
                    .limit(i64::try_from(limit.get()).unwrap_or(i64::MAX))
                    .select(KeyPairRow::as_select())
                    .into_boxed::<Database>();
                query = match due {
                    DuePairs::ActiveSince(moment) => query
                        .filter(key_pairs::state.eq(KeyState::Active.as_str()))
                        .filter(key_pairs::activated_at.le(sql_time(moment))),
                    DuePairs::ActiveOtherThan(algorithm) => query
                        .filter(key_pairs::state.eq(KeyState::Active.as_str()))
                        .filter(key_pairs::algorithm.ne(algorithm.as_str())),
                    DuePairs::DestroyBy(moment) => query
                        .filter(key_pairs::state.eq(KeyState::DestroyScheduled.as_str()))
                        .filter(key_pairs::destroy_at.le(sql_time(moment))),
                };
                let rows: Vec<KeyPairRow> = query.load(conn).await?;
                Ok(rows
                    .into_iter()
                    .map(KeyPair::try_from)
                    .collect::<Result<_, _>>()?)
            }
            .boxed()
        })
        .await
    }

    async fn change_pairs(
        &self,
        changes: &[KeyPairChange],
        acts: &[Record],
    ) -> Result<RegistryChange, StoreError> {
        let changes: Vec<_> = changes
            .iter()
            .map(|change| (change.seen_version, KeyPairRow::from(&change.after)))
            .collect();
        let audit: Vec<_> = acts.iter().map(|act| AuditRow::from(&act.audit)).collect();
        self.write(move |conn| change_pairs(conn, changes, audit).boxed())
            .await
    }
}

async fn insert_pair(
    conn: &mut Conn,
    row: KeyPairRow,
    audit: AuditRow,
) -> Result<Done<RegistryChange>, Failure> {
    let rows = diesel::insert_into(key_pairs::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    let of_the_serial = key_pairs::table.find(row.serial);
    let answers = InsertAnswers {
        stored: RegistryChange::Changed,
        refused: RegistryChange::AnotherIsActive,
    };
    end_insert(conn, rows, audit, answers, |conn| {
        diesel::select(exists(of_the_serial))
            .get_result(conn)
            .boxed()
    })
    .await
}

async fn change_pairs(
    conn: &mut Conn,
    changes: Vec<(i64, KeyPairRow)>,
    audit: Vec<AuditRow>,
) -> Result<Done<RegistryChange>, Failure> {
    let mut serials: Vec<_> = changes.iter().map(|(_, after)| after.serial).collect();
    serials.sort_unstable();
    dialect::lock_pairs(conn, &serials).await?;
    for (seen_version, after) in &changes {
        let changed = diesel::update(key_pairs::table.find(after.serial))
            .filter(key_pairs::version.eq(*seen_version))
            .set(after)
            .execute(conn)
            .await;
        match changed {
            Ok(0) => return Ok(Done::Undo(RegistryChange::Stale)),
            Ok(_) => {}
            // The only unique index that an update can meet is that of active pairs.
            Err(error) if Failure::is_unique_violation(&error) => {
                return Ok(Done::Undo(RegistryChange::AnotherIsActive));
            }
            Err(error) => return Err(error.into()),
        }
    }
    record(conn, &audit).await?;
    Ok(Done::Keep(RegistryChange::Changed))
}
