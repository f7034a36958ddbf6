//! A PostgreSQL database for each test.

use crypt_keeper_store_sql::{PostgresOptions, PostgresStore};
use crypt_keeper_test_services::{self as services, PostgresAccess};
use tokio::runtime::Handle;

/// A database of a test's own, on the server that tests share.
pub(crate) struct Database {
    access: PostgresAccess,
    name: String,
}

impl Database {
    /// `None` if there is no server, and that is no failure: it has been said.
    pub(crate) async fn create() -> Option<Self> {
        // Finding, starting and asking a server blocks.
        tokio::task::spawn_blocking(|| {
            let access = services::postgres()?;
            let name = access.create_fresh_database("store_sql", None).unwrap();
            Some(Self { access, name })
        })
        .await
        .unwrap()
    }

    pub(crate) fn url(&self) -> String {
        self.access.url(&self.name)
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(&self.url()).await
    }

    pub(crate) async fn drop(self) {
        tokio::task::spawn_blocking(move || self.access.drop_database(&self.name).unwrap())
            .await
            .unwrap();
    }
}

pub(crate) fn options(url: &str) -> PostgresOptions {
    PostgresOptions {
        url: url.to_owned().into(),
        pool_size: 8,
        runtime: Handle::current(),
    }
}

/// A store with all its tables.
pub(crate) async fn migrated(url: &str) -> PostgresStore {
    let store = PostgresStore::connect(options(url)).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// A connection of the test's own, beside the store's.
pub(crate) struct Client(tokio_postgres::Client);

impl Client {
    pub(crate) async fn connect(url: &str) -> Self {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        Self(client)
    }

    /// Runs statements.
    pub(crate) async fn run(&mut self, statements: &str) {
        self.0.batch_execute(statements).await.unwrap();
    }

    /// The first column of every row.
    pub(crate) async fn texts(&mut self, query: &str) -> Vec<String> {
        let rows = self.0.simple_query(query).await.unwrap();
        rows.into_iter()
            .filter_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => {
                    Some(row.get(0).unwrap_or_default().to_owned())
                }
                _ => None,
            })
            .collect()
    }
}
