//! Migrations of SQLite files.

use crypt_keeper_store_sql::{OpenError, SchemaStatus, SqlitePrivateKeys, SqliteStore};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::Text;
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::scripts::{names, script};

#[derive(QueryableByName)]
struct Definition {
    #[diesel(sql_type = Text)]
    sql: String,
}

fn definitions(conn: &mut SqliteConnection) -> Vec<String> {
    diesel::sql_query(
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL \
         AND name <> '__diesel_schema_migrations' ORDER BY name",
    )
    .load::<Definition>(conn)
    .unwrap()
    .into_iter()
    .map(|definition| definition.sql)
    .collect()
}

/// It is here for its name, which both databases have.
fn concerns_postgres_alone(name: &str) -> bool {
    [
        "_ingest_functions",
        "_first_ranges",
        "_first_ranges_checked",
        "_time_partitions",
    ]
    .iter()
    .any(|end| name.ends_with(end))
}

#[test]
fn every_migration_goes_down_and_up_again() {
    for set in ["sqlite", "private-keys/sqlite"] {
        let mut conn = SqliteConnection::establish(":memory:").unwrap();
        for name in names(set) {
            let before = definitions(&mut conn);
            if concerns_postgres_alone(&name) {
                conn.batch_execute(&script(set, &name, "up.sql")).unwrap();
                assert_eq!(
                    before,
                    definitions(&mut conn),
                    "{set}/{name} does something"
                );
                continue;
            }
            conn.batch_execute(&script(set, &name, "up.sql")).unwrap();
            let after = definitions(&mut conn);
            assert_ne!(before, after, "{set}/{name} does nothing");
            conn.batch_execute(&script(set, &name, "down.sql")).unwrap();
            assert_eq!(definitions(&mut conn), before, "{set}/{name} down");
            conn.batch_execute(&script(set, &name, "up.sql")).unwrap();
            assert_eq!(definitions(&mut conn), after, "{set}/{name} up again");
        }
    }
}

#[tokio::test]
async fn what_is_missing_is_said_and_applied_once() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("metadata.db");
    let store = SqliteStore::open(&path, Handle::current()).await.unwrap();
    let all = names("sqlite");
    assert_eq!(
        store.schema_status().await.unwrap(),
        SchemaStatus::NeedsMigration(all.clone())
    );
    assert_eq!(store.pending_migrations().await.unwrap(), all);
    let others = SqliteStore::open(&path, Handle::current()).await.unwrap();
    let (one, other) = tokio::join!(store.migrate(), others.migrate());
    let mut applied = one.unwrap();
    applied.extend(other.unwrap());
    assert_eq!(applied, all, "two that migrate at once do it once");
    assert_eq!(store.schema_status().await.unwrap(), SchemaStatus::UpToDate);
    assert!(store.migrate().await.unwrap().is_empty());
    store.shutdown().await;
    others.shutdown().await;
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("keys.db");
    let keys = SqlitePrivateKeys::open(&path, Handle::current())
        .await
        .unwrap();
    keys.migrate().await.unwrap();
    SqliteConnection::establish(path.to_str().unwrap())
        .unwrap()
        .batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101')")
        .unwrap();
    let version = "29990101".to_owned();
    assert_eq!(
        keys.schema_status().await.unwrap(),
        SchemaStatus::Newer { version }
    );
    for error in [
        keys.migrate().await.unwrap_err(),
        keys.pending_migrations().await.unwrap_err(),
    ] {
        assert!(matches!(error, OpenError::Newer { .. }), "{error}");
        assert!(error.to_string().contains("29990101"), "{error}");
    }
    keys.shutdown().await;
}
