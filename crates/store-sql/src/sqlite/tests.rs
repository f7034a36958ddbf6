//! Settings of connections, and a disk that is full.

use std::path::Path;

use crypt_keeper_conformance::fixtures::Fixtures;
use crypt_keeper_domain::model::{
    AuditAction, DocumentId, KeyState, PageLimit, PageRequest, Principal, Scope, Timestamp,
};
use crypt_keeper_domain::ports::{
    ExpiredDocument, InsertOutcome, KeyRegistry as _, MetadataStore as _, StoreError,
};
use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::Sqlite;
use diesel_async::SimpleAsyncConnection as _;
use futures_util::FutureExt as _;
use tempfile::TempDir;
use tokio::runtime::Handle;

use super::open::{self, Access};
use super::queries::newest::{self, Span};
use super::queries::{Done, sweeps};
use super::{SqliteStore, dialect};
use crate::sql_types::SqlUuid;

fn pragma(conn: &mut SqliteConnection, name: &str) -> i64 {
    diesel::select(sql::<BigInt>(&format!(
        "(SELECT {name} FROM pragma_{name})"
    )))
    .get_result(conn)
    .unwrap()
}

#[test]
fn connections_are_set_up_to_keep_what_they_acknowledge() {
    let folder = TempDir::new().unwrap();
    let path = open::create(&folder.path().join("x.db")).unwrap();
    for access in [Access::Write, Access::Read] {
        let mut conn = open::connect(&path, access).unwrap();
        for (name, expected) in [
            ("synchronous", 2),
            ("foreign_keys", 1),
            ("secure_delete", 1),
            ("trusted_schema", 0),
            ("query_only", i64::from(access == Access::Read)),
        ] {
            assert_eq!(pragma(&mut conn, name), expected, "{name}");
        }
        let timeout: i64 =
            diesel::select(sql::<BigInt>("(SELECT timeout FROM pragma_busy_timeout)"))
                .get_result(&mut conn)
                .unwrap();
        assert_eq!(timeout, 5000);
        let written =
            conn.batch_execute("CREATE TABLE IF NOT EXISTS t (x); INSERT INTO t VALUES (1)");
        assert_eq!(written.is_err(), access == Access::Read);
    }
}

async fn migrated(path: &Path) -> SqliteStore {
    let store = SqliteStore::open(path, Handle::current()).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// Limits the pages of the file, as a full disk would.
async fn limit_pages(store: &SqliteStore, pages: &'static str) {
    store
        .write(move |conn| {
            async move {
                conn.batch_execute(&format!("PRAGMA max_page_count = {pages}"))
                    .await?;
                Ok(Done::Keep(()))
            }
            .boxed()
        })
        .await
        .unwrap();
}

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_that_expire_early_are_found_by_their_index_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.db");
    let store = migrated(&path).await;
    let mut conn = open::connect(&path, Access::Read).unwrap();
    let make = Fixtures::new(Timestamp::EPOCH);
    let pair = make.pair(Scope::Shared, KeyState::Active);
    let seen = ExpiredDocument {
        expired_at: make.at(),
        id: make.document(make.user_id(), &pair).id,
        version: 1,
    };
    for after in [None, Some(seen)] {
        let limit = PageLimit::clamped(50);
        let due = sweeps::due(make.at(), &PageRequest { after, limit });
        let statement = diesel::debug_query::<Sqlite, _>(&due).to_string();
        let (statement, _) = statement.split_once(" -- binds").unwrap();
        let plan: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {statement}"))
            .load(&mut conn)
            .unwrap();
        let [Step { detail }] = plan.as_slice() else {
            panic!("one step: {}", plan.len());
        };
        let by = "SEARCH documents USING INDEX documents_expiring_early";
        assert!(detail.starts_with(by), "{detail}");
    }
    store.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_are_read_backwards_in_an_index_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.db");
    let store = migrated(&path).await;
    let mut conn = open::connect(&path, Access::Read).unwrap();
    let user = Fixtures::new(Timestamp::EPOCH).user_id();
    let owned = newest::owned(user, 0, Span::WHOLE, 51);
    let visible = newest::visible(Principal::User(user), 0, Span::WHOLE, 51);
    let rows = newest::by_ids(0, vec![SqlUuid(user.uuid()); 51]);
    for (statement, by) in [
        (
            diesel::debug_query::<Sqlite, _>(&owned).to_string(),
            "SEARCH documents USING COVERING INDEX documents_by_owner \
             (owner=? AND retention_class=? AND id>? AND id<?)",
        ),
        (
            diesel::debug_query::<Sqlite, _>(&visible).to_string(),
            "SEARCH entries USING COVERING INDEX entries_by_principal (principal_id=? AND \
             principal_kind=? AND retention_class=? AND document_id>? AND document_id<?)",
        ),
        (
            diesel::debug_query::<Sqlite, _>(&rows).to_string(),
            "SEARCH documents USING INDEX sqlite_autoindex_documents_1 (retention_class=? AND id=?)",
        ),
    ] {
        let (statement, _) = statement.split_once(" -- binds").unwrap();
        let plan: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {statement}"))
            .load(&mut conn)
            .unwrap();
        assert_eq!(plan[0].detail, by);
        let mut others = plan[1..].iter().map(|step| &*step.detail);
        assert!(others.all(|detail| detail.contains("key_pairs")));
    }
    store.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_unavailable_and_leaves_nothing_half_done() {
    let folder = TempDir::new().unwrap();
    let store = migrated(&folder.path().join("x.db")).await;
    let now = store.read(|conn| dialect_now(conn)).await.unwrap();
    let make = Fixtures::new(now);
    let pair = make.pair(Scope::Shared, KeyState::Active);
    let record = make.record(AuditAction::KeyPairCreated);
    store.insert_pair(&pair, &record).await.unwrap();
    // The least it can be: as many pages as there are.
    limit_pages(&store, "1").await;

    let owner = make.user_id();
    let mut stored: Vec<DocumentId> = Vec::new();
    let mut refused = 0;
    while refused < 3 {
        let document = make.document(owner, &pair);
        let record = make.record_on(AuditAction::DocumentCreated, document.id);
        let entry = make.owner_entry(&document);
        match store.insert(&document, &entry, &record).await {
            Ok(outcome) => {
                assert_eq!(outcome, InsertOutcome::Inserted);
                stored.push(document.id);
            }
            Err(StoreError::Unavailable(_)) => {
                refused += 1;
                assert!(store.find(document.id, &[]).await.unwrap().is_none());
                assert!(store.entries(document.id).await.unwrap().is_empty());
            }
            Err(error) => panic!("a full disk is not {error:?}"),
        }
        assert!(stored.len() < 1000, "the limit was not felt");
    }

    limit_pages(&store, "1000000").await;
    let document = make.document(owner, &pair);
    let record = make.record_on(AuditAction::DocumentCreated, document.id);
    let entry = make.owner_entry(&document);
    let again = store.insert(&document, &entry, &record).await;
    assert_eq!(again.unwrap(), InsertOutcome::Inserted);
    for id in stored {
        assert!(store.find(id, &[]).await.unwrap().is_some());
    }
    store.shutdown().await;
}

fn dialect_now(
    conn: &mut super::Conn,
) -> futures_util::future::BoxFuture<'_, Result<Timestamp, crate::error::Failure>> {
    async move { Ok(dialect::now(conn).await?) }.boxed()
}
