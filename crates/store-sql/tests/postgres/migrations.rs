//! Migrations of PostgreSQL databases.

use crypt_keeper_store_sql::{OpenError, PostgresPrivateKeys, PostgresStore, SchemaStatus};

use crate::database::{Database, options};
use crate::scripts::{names, script};

const DEFINITIONS: &str = "
    SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, collation_name)
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION SELECT pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
    UNION SELECT concat_ws(' ', pg_get_functiondef(oid), proacl) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace
    ORDER BY 1";

#[tokio::test]
async fn every_migration_goes_down_and_up_again() {
    for set in ["postgres", "private-keys/postgres"] {
        let Some(database) = Database::create().await else {
            return;
        };
        let mut client = database.client().await;
        for name in names(set) {
            let before = client.texts(DEFINITIONS).await;
            client.run(&script(set, &name, "up.sql")).await;
            let after = client.texts(DEFINITIONS).await;
            assert_ne!(before, after, "{set}/{name} does nothing");
            client.run(&script(set, &name, "down.sql")).await;
            assert_eq!(client.texts(DEFINITIONS).await, before, "{set}/{name} down");
            client.run(&script(set, &name, "up.sql")).await;
            assert_eq!(client.texts(DEFINITIONS).await, after, "{set}/{name} up");
        }
        drop(client);
        database.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_is_said_and_applied_once() {
    let Some(database) = Database::create().await else {
        return;
    };
    let url = database.url();
    let store = PostgresStore::connect(options(&url)).await.unwrap();
    let all = names("postgres");
    assert_eq!(
        store.schema_status().await.unwrap(),
        SchemaStatus::NeedsMigration(all.clone())
    );
    assert_eq!(store.pending_migrations().await.unwrap(), all);
    let others = PostgresStore::connect(options(&url)).await.unwrap();
    let (one, other) = tokio::join!(store.migrate(), others.migrate());
    let mut applied = one.unwrap();
    applied.extend(other.unwrap());
    applied.sort_unstable();
    assert_eq!(applied, all, "two that migrate at once do it once");
    assert_eq!(store.schema_status().await.unwrap(), SchemaStatus::UpToDate);
    assert!(store.migrate().await.unwrap().is_empty());
    store.shutdown().await;
    others.shutdown().await;
    database.drop().await;
}

#[tokio::test]
async fn the_key_store_keeps_to_its_own_schema_and_refuses_a_newer_one() {
    let Some(database) = Database::create().await else {
        return;
    };
    let url = database.url();
    let store = PostgresStore::connect(options(&url)).await.unwrap();
    let keys = PostgresPrivateKeys::connect(options(&url)).await.unwrap();
    let all = names("private-keys/postgres");
    store.migrate().await.unwrap();
    assert_eq!(
        keys.schema_status().await.unwrap(),
        SchemaStatus::NeedsMigration(all.clone()),
        "the metadata's migrations are not the keys'"
    );
    assert_eq!(keys.migrate().await.unwrap(), all);
    let mut client = database.client().await;
    let schemas = client
        .texts("SELECT schemaname FROM pg_tables WHERE tablename = 'private_keys'")
        .await;
    assert_eq!(schemas, ["crypt_keeper_keys"]);

    client
        .run(
            "INSERT INTO crypt_keeper_keys.__diesel_schema_migrations (version) \
             VALUES ('29990101')",
        )
        .await;
    let error = keys.migrate().await.unwrap_err();
    assert!(matches!(error, OpenError::Newer { .. }), "{error}");
    assert_eq!(
        store.schema_status().await.unwrap(),
        SchemaStatus::UpToDate,
        "the metadata is as new as before"
    );
    drop(client);
    store.shutdown().await;
    keys.shutdown().await;
    database.drop().await;
}
