//! A store with tables of its own on the shared DynamoDB Local.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use crypt_keeper_domain::memory::ManualClock;
use crypt_keeper_domain::model::Timestamp;
use crypt_keeper_store_dynamodb::{DynamoDbConfig, DynamoDbStore};
use crypt_keeper_test_services::{self as services, DynamoDbAccess};
use tokio::runtime::Handle;

/// 2026-03-01T12:00:00.000001Z
const NOON: i64 = 1_772_366_400_000_001;

/// A store, and the names of its tables.
pub(crate) struct Site {
    pub(crate) store: Arc<DynamoDbStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) prefix: String,
    pub(crate) access: DynamoDbAccess,
}

impl Site {
    /// A store whose tables are made; `None`, after saying so, if there is no server.
    pub(crate) async fn new() -> Option<Self> {
        let site = Self::bare()?;
        site.store.migrate().await.expect("migrate");
        Some(site)
    }

    /// A store without tables.
    pub(crate) fn bare() -> Option<Self> {
        let access = services::dynamodb()?;
        let prefix = access.fresh_prefix().unwrap();
        // What tests make up is drawn from the clock, and client request tokens are the server's, not
        // the table's: so no two tests have the same time.
        let random = u64::from_str_radix(&prefix[1..12], 16).unwrap();
        let within_the_hour = i64::try_from(random % 3_600_000_000).unwrap();
        let now = Timestamp::from_micros(NOON + within_the_hour);
        let clock = Arc::new(ManualClock::new(now));
        let store = Arc::new(open(&access, &access.endpoint, &prefix, &clock));
        Some(Self {
            store,
            clock,
            prefix,
            access,
        })
    }

    /// Another process that works on the same tables.
    pub(crate) fn other_process(&self) -> DynamoDbStore {
        open(
            &self.access,
            &self.access.endpoint,
            &self.prefix,
            &self.clock,
        )
    }

    /// Another process, which reaches the server by way of `address`.
    pub(crate) fn through(&self, address: SocketAddr) -> Arc<DynamoDbStore> {
        let endpoint = format!("http://{address}");
        Arc::new(open(&self.access, &endpoint, &self.prefix, &self.clock))
    }

    /// The server's address.
    pub(crate) fn upstream(&self) -> SocketAddr {
        let host = self.access.endpoint.strip_prefix("http://").unwrap();
        host.parse().unwrap()
    }

    /// The SDK itself, to look behind the store's back.
    pub(crate) fn client(&self) -> Client {
        self.client_at(self.upstream())
    }

    /// The same, by way of `address`.
    pub(crate) fn client_at(&self, address: SocketAddr) -> Client {
        let sdk = sdk(&self.access);
        let config = aws_sdk_dynamodb::config::Builder::from(&sdk)
            .endpoint_url(format!("http://{address}"))
            .build();
        Client::from_conf(config)
    }

    /// The names of the tables, without their prefix, in order.
    pub(crate) async fn tables(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut from = Some(self.prefix.clone());
        let client = self.client();
        while let Some(start) = from {
            let list = client.list_tables().exclusive_start_table_name(start);
            let answer = list.send().await.expect("ListTables");
            let names = answer.table_names.unwrap_or_default();
            let mine = names
                .iter()
                .filter_map(|name| name.strip_prefix(&self.prefix));
            found.extend(mine.map(str::to_owned));
            let is_past = names.iter().any(|name| !name.starts_with(&self.prefix));
            from = answer.last_evaluated_table_name.filter(|_| !is_past);
        }
        found
    }

    /// Everything in a table, by its name without the prefix.
    pub(crate) async fn items(&self, table: &str) -> Vec<HashMap<String, AttributeValue>> {
        let table = format!("{}{table}", self.prefix);
        let scan = self.client().scan().table_name(table).consistent_read(true);
        let pages = scan.into_paginator().items().send();
        pages.try_collect().await.expect("Scan")
    }

    pub(crate) async fn remove(self) {
        let client = self.client();
        for table in self.tables().await {
            let name = format!("{}{table}", self.prefix);
            let deleted = client.delete_table().table_name(name).send().await;
            deleted.expect("DeleteTable");
        }
    }
}

pub(crate) fn open(
    access: &DynamoDbAccess,
    endpoint: &str,
    prefix: &str,
    clock: &Arc<ManualClock>,
) -> DynamoDbStore {
    let config = DynamoDbConfig {
        region: None,
        endpoint: Some(endpoint.to_owned()),
        table_prefix: prefix.to_owned(),
    };
    let clock = Arc::clone(clock) as _;
    DynamoDbStore::connect_with(&config, &sdk(access), clock, Handle::current()).unwrap()
}

fn sdk(access: &DynamoDbAccess) -> SdkConfig {
    let credentials = Credentials::builder()
        .access_key_id(&access.access_key)
        .secret_access_key(&access.secret_key)
        .provider_name("tests")
        .build();
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(access.region.clone()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}
