//! A PostgreSQL database for each test.

use std::net::{SocketAddr, ToSocketAddrs as _};

use crypt_keeper_domain::model::{Lifetime, Partition, RetentionClass};
use crypt_keeper_domain::ports::Partitions as _;
use crypt_keeper_store_sql::{PostgresOptions, PostgresStore};
use crypt_keeper_test_services::{self as services, Fault, FaultProxy, PostgresAccess};
use tokio::runtime::Handle;
use tokio_postgres::config::Host;

use crate::clock::machine_clock;

/// A database of a test's own, on the server that tests share.
pub(crate) struct Database {
    access: PostgresAccess,
    name: String,
    proxy: FaultProxy,
}

/// The connections of a test's store.
pub(crate) const POOL_SIZE: u16 = 8;

/// Where a server is, by its URL.
fn server_of(url: &str) -> (String, u16) {
    let config: tokio_postgres::Config = url.parse().unwrap();
    let Some(Host::Tcp(host)) = config.get_hosts().first() else {
        panic!("the tests reach PostgreSQL by TCP");
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    (host.clone(), port)
}

impl Database {
    /// `None` if there is no server, and that is no failure: it has been said.
    pub(crate) async fn create() -> Option<Self> {
        // Finding, starting and asking a server blocks.
        tokio::task::spawn_blocking(|| {
            let access = services::postgres()?;
            let name = access.create_fresh_database("store_sql", None).unwrap();
            let (host, port) = server_of(&access.url(&name));
            let mut upstream = (host.as_str(), port).to_socket_addrs().unwrap();
            let upstream: SocketAddr = upstream.next().unwrap();
            let proxy = FaultProxy::start(upstream).unwrap();
            Some(Self {
                access,
                name,
                proxy,
            })
        })
        .await
        .unwrap()
    }

    pub(crate) fn url(&self) -> String {
        self.access.url(&self.name)
    }

    /// The same through a proxy that can be cut.
    pub(crate) fn proxied_url(&self) -> String {
        let url = self.url();
        let (host, port) = server_of(&url);
        let server = format!("{host}:{port}");
        assert!(url.contains(&server), "the URL names host and port");
        url.replacen(&server, &self.proxy.address().to_string(), 1)
    }

    /// Resets the proxy's connections, and refuses new ones.
    pub(crate) fn cut_off(&self) {
        self.proxy.set(Fault::Refuse).unwrap();
    }

    /// Takes connections again.
    pub(crate) fn bring_back(&self) {
        self.proxy.set(Fault::None).unwrap();
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
        pool_size: POOL_SIZE,
        runtime: Handle::current(),
    }
}

/// A store with all its tables, and the partitions of class 0 of this month and the next two.
pub(crate) async fn migrated(url: &str) -> PostgresStore {
    let store = PostgresStore::connect(options(url)).await.unwrap();
    store.migrate().await.unwrap();
    let now = machine_clock();
    let first = Partition::at(RetentionClass::DEFAULT, now);
    let months = std::iter::successors(Some(first), |month| month.next());
    for month in months.take(3) {
        let made = store.ensure_partition(month, Lifetime::SHORTEST, now);
        made.await.unwrap();
    }
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

    /// Waits until `count` of the database's other connections wait for a lock.
    pub(crate) async fn until_waiting(&mut self, count: usize) {
        for _ in 0..500 {
            let waiting = self
                .texts(
                    "SELECT pid FROM pg_stat_activity
                     WHERE datname = current_database() AND wait_event_type = 'Lock'",
                )
                .await;
            if waiting.len() >= count {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("nobody waits for a lock");
    }

    /// Why statements are refused, the code first; `None` if they were done.
    pub(crate) async fn refusal(&mut self, statements: &str) -> Option<String> {
        let error = self.0.batch_execute(statements).await.err()?;
        let refusal = error.as_db_error().expect("the server says why");
        Some(format!("{} {}", refusal.code().code(), refusal.message()))
    }

    /// Whether the connection breaks before statements are done.
    pub(crate) async fn broken(&mut self, statements: &str) -> bool {
        self.0.batch_execute(statements).await.is_err()
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
