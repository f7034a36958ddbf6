//! TLS to PostgreSQL, with libpq's meanings of `sslmode`.

use crypt_keeper_store_sql::{OpenError, PostgresPrivateKeys, PostgresStore, SchemaStatus};
use crypt_keeper_test_services::{
    Postgres, PostgresOptions as ServerOptions, PostgresTls, TlsFiles, require_or_skip,
};

use crate::database::options;

/// A server of the test's own.
async fn server(tls: PostgresTls) -> Option<Postgres> {
    let options = ServerOptions {
        tls,
        ..ServerOptions::default()
    };
    tokio::task::spawn_blocking(move || {
        require_or_skip("PostgreSQL with TLS", Postgres::start(&options))
    })
    .await
    .unwrap()
}

async fn try_to_connect(url: &str) -> Result<(), OpenError> {
    let store = PostgresStore::connect(options(url)).await?;
    store.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_requires_tls_is_reached_as_far_as_it_is_trusted() {
    let Some(server) = server(PostgresTls::Required).await else {
        return;
    };
    let port = server.port();
    let root = server.tls_files().unwrap().authority.display();
    let folder = tempfile::TempDir::new().unwrap();
    let stranger = TlsFiles::create(folder.path()).unwrap();
    let stranger = stranger.authority.display();
    let url = |host: &str, parameters: &str| {
        format!("postgres://postgres@{host}:{port}/postgres?hostaddr=127.0.0.1&{parameters}")
    };

    for (host, parameters) in [
        (
            "127.0.0.1",
            format!("sslmode=verify-full&sslrootcert={root}"),
        ),
        (
            "localhost",
            format!("sslmode=verify-full&sslrootcert={root}"),
        ),
        (
            "db.example",
            format!("sslmode=verify-ca&sslrootcert={root}"),
        ),
        ("db.example", format!("sslmode=require&sslrootcert={root}")),
        ("db.example", "sslmode=require".to_owned()),
        ("db.example", "sslmode=prefer".to_owned()),
        ("db.example", String::new()),
    ] {
        let connected = try_to_connect(&url(host, &parameters)).await;
        assert!(connected.is_ok(), "{host} {parameters}: {connected:?}");
    }
    for (host, parameters) in [
        (
            "db.example",
            format!("sslmode=verify-full&sslrootcert={root}"),
        ),
        (
            "127.0.0.1",
            format!("sslmode=verify-full&sslrootcert={stranger}"),
        ),
        (
            "127.0.0.1",
            format!("sslmode=verify-ca&sslrootcert={stranger}"),
        ),
        (
            "127.0.0.1",
            format!("sslmode=require&sslrootcert={stranger}"),
        ),
        (
            "127.0.0.1",
            "sslmode=verify-full&sslrootcert=system".to_owned(),
        ),
        ("127.0.0.1", "sslmode=disable".to_owned()),
    ] {
        let refused = try_to_connect(&url(host, &parameters)).await;
        assert!(refused.is_err(), "{host} {parameters} connected");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrations_and_acts_use_tls_too() {
    let Some(server) = server(PostgresTls::Required).await else {
        return;
    };
    let url = server.tls_url("postgres").unwrap();
    let store = PostgresStore::connect(options(&url)).await.unwrap();
    assert!(!store.migrate().await.unwrap().is_empty());
    assert_eq!(store.schema_status().await.unwrap(), SchemaStatus::UpToDate);
    let keys = PostgresPrivateKeys::connect(options(&url)).await.unwrap();
    assert!(!keys.migrate().await.unwrap().is_empty());
    store.shutdown().await;
    keys.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_is_preferred_and_can_be_done_without() {
    let Some(server) = server(PostgresTls::Offered).await else {
        return;
    };
    for (parameters, encrypted) in [
        ("", "t"),
        ("?sslmode=prefer", "t"),
        ("?sslmode=disable", "f"),
    ] {
        let url = format!("{}{parameters}", server.url());
        let store = PostgresStore::connect(options(&url)).await.unwrap();
        let mut client = crate::database::Client::connect(&server.url()).await;
        let used = client
            .texts(
                "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                 WHERE application_name = 'crypt-keeper'",
            )
            .await;
        assert_eq!(used, [encrypted], "{parameters}");
        store.shutdown().await;
        gone(&mut client).await;
    }
}

/// Waits until the server has noticed that a store is shut down.
async fn gone(client: &mut crate::database::Client) {
    for _ in 0..100 {
        let open = client
            .texts("SELECT pid FROM pg_stat_activity WHERE application_name = 'crypt-keeper'")
            .await;
        if open.is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("a store that was shut down keeps connections");
}

#[tokio::test]
async fn certificate_files_of_no_use_are_named() {
    let folder = tempfile::TempDir::new().unwrap();
    let files = TlsFiles::create(folder.path()).unwrap();
    let path = |file: &std::path::Path| file.display().to_string();
    let readable = folder.path().join("readable.key");
    std::fs::copy(&files.key, &readable).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&readable, mode).unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();

    let root = path(&files.authority);
    let certificate = path(&files.certificate);
    for (parameters, named) in [
        (
            "sslmode=verify-full&sslrootcert=/nowhere.pem".to_owned(),
            "sslrootcert",
        ),
        (
            format!("sslmode=verify-full&sslrootcert={}", path(&empty)),
            "sslrootcert",
        ),
        (
            format!(
                "sslrootcert={root}&sslmode=verify-ca&sslcert=/nowhere&sslkey={}",
                path(&files.key)
            ),
            "sslcert",
        ),
        (
            format!(
                "sslrootcert={root}&sslmode=verify-ca&sslcert={certificate}&sslkey={}",
                path(&readable)
            ),
            "sslkey",
        ),
        (
            format!(
                "sslrootcert={root}&sslmode=verify-ca&sslcert={root}&sslkey={}",
                path(&files.key)
            ),
            "sslkey",
        ),
    ] {
        let url = format!("postgres://u:hunter2@127.0.0.1:1/db?{parameters}");
        let error = try_to_connect(&url).await.unwrap_err();
        let OpenError::Settings(message) = error else {
            panic!("{parameters}: {error:?}");
        };
        assert!(message.starts_with(named), "{parameters}: {message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
}
