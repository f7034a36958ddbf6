//! A server that speaks another language. Its errors are told apart all the same.

use std::io::Write as _;

use crypt_keeper_conformance::fixtures::Fixtures;
use crypt_keeper_domain::model::{AuditAction, KeyState, Scope, UserState};
use crypt_keeper_domain::ports::{Accounts as _, KeyRegistry as _, MetadataStore as _, StoreError};
use crypt_keeper_store_sql::PostgresStore;
use crypt_keeper_test_services::{Postgres, PostgresOptions as ServerOptions, require_or_skip};

use crate::database::{Client, migrated, options};

/// A server that speaks German, if its build can: where gettext's `LANGUAGE` is heard and the
/// catalogues are installed.
async fn german_server() -> Option<Postgres> {
    let server = tokio::task::spawn_blocking(|| {
        let options = ServerOptions {
            settings: vec![("lc_messages".into(), "C.UTF-8".into())],
            environment: vec![("LANGUAGE".into(), "de".into())],
            ..ServerOptions::default()
        };
        require_or_skip("PostgreSQL", Postgres::start(&options))
    })
    .await
    .unwrap()?;
    let mut client = Client::connect(&server.url()).await;
    let words = client.refusal("SELECT 1 / 0").await.unwrap();
    if words.contains("division by zero") {
        // Past libtest's capture: nobody should take this for a result.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED language: this build of PostgreSQL speaks no German"
        );
        return None;
    }
    client
        .run("CREATE ROLE clerk LOGIN; GRANT ALL ON SCHEMA public TO clerk")
        .await;
    Some(server)
}

/// Cancels what waits for a lock, as an operator might.
async fn cancel_whoever_waits(client: &mut Client) {
    client.until_waiting(1).await;
    client
        .run(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_that_may_pass_is_known_in_every_language() {
    let Some(server) = german_server().await else {
        return;
    };
    let administrator = migrated(&server.url()).await;
    administrator.shutdown().await;
    let mut client = Client::connect(&server.url()).await;
    client
        .run("GRANT ALL ON ALL TABLES IN SCHEMA public TO clerk")
        .await;
    // The clerk may not choose the server's language; the superuser may.
    for user in ["clerk", "postgres"] {
        let url = server.url().replacen("postgres@", &format!("{user}@"), 1);
        let store = PostgresStore::connect(options(&url)).await.unwrap();
        let make = Fixtures::new(crate::clock::machine_clock());
        let alice = make.user(&format!("alice of {user}"));
        let record = make.record(AuditAction::UserCreated);
        store.insert_user(&alice, &record).await.unwrap();
        let scope = Scope::Customer(alice.id);
        let pair = make.pair(scope, KeyState::Active);
        let record = make.record(AuditAction::KeyPairCreated);
        store.insert_pair(&pair, &record).await.unwrap();

        let mut holder = Client::connect(&server.url()).await;
        holder
            .run("BEGIN; LOCK TABLE users, key_pairs IN ACCESS EXCLUSIVE MODE")
            .await;
        // By the pool, and gathered.
        let record = make.record(AuditAction::UserDisabled);
        let disabled = store.set_user_state(alice.id, UserState::Disabled, &record);
        let (disabled, ()) = tokio::join!(disabled, cancel_whoever_waits(&mut client));
        assert!(
            matches!(disabled, Err(StoreError::Unavailable(_))),
            "{user}: {disabled:?}"
        );
        let document = make.document(alice.id, &pair);
        let entry = make.owner_entry(&document);
        let record = make.record_on(AuditAction::DocumentCreated, document.id);
        let inserted = store.insert(&document, &entry, &record);
        let (inserted, ()) = tokio::join!(inserted, cancel_whoever_waits(&mut client));
        assert!(
            matches!(inserted, Err(StoreError::Unavailable(_))),
            "{user}: {inserted:?}"
        );
        holder.run("COMMIT").await;
        store.insert(&document, &entry, &record).await.unwrap();

        // What will not pass is still said to be that: the statement names what is not there.
        client.run("ALTER TABLE entries RENAME TO gone").await;
        let entries = store.entries(document.id).await;
        assert!(
            matches!(entries, Err(StoreError::Backend(_))),
            "{user}: {entries:?}"
        );
        client.run("ALTER TABLE gone RENAME TO entries").await;
        store.shutdown().await;
    }
}
