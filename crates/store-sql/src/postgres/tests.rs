//! A database for tests from within, and the plans of statements that are not of every request.

mod lists;

use crypt_keeper_conformance::fixtures::Fixtures;
use crypt_keeper_domain::model::{
    AuditAction, KeyState, Lifetime, PageLimit, PageRequest, Partition, RetentionClass, Scope,
    Timestamp,
};
use crypt_keeper_domain::ports::{
    ExpiredDocument, KeyRegistry as _, MetadataStore as _, Partitions as _, Sweeps as _,
};
use crypt_keeper_test_services as services;
use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::Text;
use diesel_async::{RunQueryDsl as _, SimpleAsyncConnection as _};
use futures_util::FutureExt as _;
use tokio::runtime::Handle;

use super::connect::{Connector, Purpose};
use super::queries::sweeps;
use super::{Conn, PostgresOptions, PostgresStore, dialect};

struct Explain<S> {
    how: &'static str,
    statement: S,
}

impl<S> QueryId for Explain<S> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<S> Query for Explain<S> {
    type SqlType = Text;
}

impl<S: QueryFragment<Pg>> QueryFragment<Pg> for Explain<S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql(self.how);
        self.statement.walk_ast(out)
    }
}

/// A migrated database of the test's own, with the partitions of class 0 of this month and the next
/// two.
pub(super) struct Rig {
    access: services::PostgresAccess,
    name: String,
    pub(super) store: PostgresStore,
    pub(super) connector: Connector,
}

impl Rig {
    pub(super) async fn new() -> Option<Self> {
        let (access, name) = tokio::task::spawn_blocking(|| {
            let access = services::postgres()?;
            let name = access.create_fresh_database("store_sql", None).unwrap();
            Some((access, name))
        })
        .await
        .unwrap()?;
        let url: crypt_keeper_secret::SecretString = access.url(&name).into();
        let connector = Connector::new(&url, None).unwrap();
        let store = PostgresStore::connect(PostgresOptions {
            url,
            pool_size: 6,
            runtime: Handle::current(),
        })
        .await
        .unwrap();
        store.migrate().await.unwrap();
        let now = store.read(|conn| async move { Ok(dialect::now(conn).await?) }.boxed());
        let now = now.await.unwrap();
        let first = Partition::at(RetentionClass::DEFAULT, now);
        for month in std::iter::successors(Some(first), |month| month.next()).take(3) {
            let made = store.ensure_partition(month, Lifetime::SHORTEST, now);
            made.await.unwrap();
        }
        Some(Self {
            access,
            name,
            store,
            connector,
        })
    }

    pub(super) async fn drop(self) {
        self.store.shutdown().await;
        tokio::task::spawn_blocking(move || self.access.drop_database(&self.name).unwrap())
            .await
            .unwrap();
    }
}

/// How the server would go about a statement.
pub(super) async fn plan<S>(conn: &mut Conn, statement: S) -> String
where
    S: QueryFragment<Pg> + Send + 'static,
{
    explain(conn, "EXPLAIN ", statement).await
}

async fn explain<S>(conn: &mut Conn, how: &'static str, statement: S) -> String
where
    S: QueryFragment<Pg> + Send + 'static,
{
    let explain = Explain { how, statement };
    let lines: Vec<String> = explain.load(conn).await.unwrap();
    lines.join("\n")
}

/// Thousands of documents, of which every hundredth expires early.
async fn fill(rig: &Rig, conn: &mut Conn) -> Timestamp {
    let now = rig
        .store
        .read(|conn| async move { Ok(dialect::now(conn).await?) }.boxed())
        .await
        .unwrap();
    let make = Fixtures::new(now);
    let pair = make.pair(Scope::Shared, KeyState::Active);
    let record = make.record(AuditAction::KeyPairCreated);
    rig.store.insert_pair(&pair, &record).await.unwrap();
    let document = make.document(make.user_id(), &pair);
    let record = make.record_on(AuditAction::DocumentCreated, document.id);
    let entry = make.owner_entry(&document);
    rig.store.insert(&document, &entry, &record).await.unwrap();
    let id = document.id.to_string();
    conn.batch_execute(&format!(
        "INSERT INTO documents SELECT (jsonb_populate_record(d, jsonb_build_object( \
           'id', '{}' || lpad(to_hex(n), 12, '0'), \
           'expires_at', d.created_at - n * interval '1 second', \
           'expires_early', n % 100 = 0))).* \
         FROM documents d, generate_series(1, 20000) n; \
         ANALYZE documents",
        &id[..24]
    ))
    .await
    .unwrap();
    now
}

#[tokio::test]
async fn documents_that_expire_early_are_found_by_their_index_alone() {
    let Some(rig) = Rig::new().await else {
        return;
    };
    let mut conn = rig.connector.connect(Purpose::Pooled).await.unwrap();
    let now = fill(&rig, &mut conn).await;
    let mut page: PageRequest<ExpiredDocument> = PageRequest {
        after: None,
        limit: PageLimit::clamped(50),
    };
    for _ in 0..2 {
        let plan = plan(&mut conn, sweeps::due(now, &page)).await;
        assert!(plan.contains("Index Scan"), "{plan}");
        assert!(plan.contains("expires_at <="), "{plan}");
        assert!(!plan.contains("Seq Scan"), "{plan}");
        assert!(
            !plan.contains("Sort  ("),
            "in the order of the index: {plan}"
        );
        let found = rig.store.expired_early(now, &page).await.unwrap();
        assert_eq!(found.items.len(), 50);
        page.after = found.next;
    }
    rig.drop().await;
}
