//! Metadata of Crypt-Keeper on DynamoDB.
//!
//! [`DynamoDbStore`] implements the domain's `MetadataStore`, `MetadataTransfer`, `Partitions`,
//! `Sweeps`, `Holds`, `Accounts`, `AuditLog`, `KeyRegistry` and `Probe`; [`DynamoDbStore::held`] is a
//! `MetadataStore` of the documents under legal hold. Private halves do not lie here: they have a store, and backups, of their own.
//! Credentials come by the AWS chain. `docs/dynamodb.md` says what each request reads and writes.
//!
//! - Documents and their entries lie in one table for each retention class and period, named from
//!   the document's id, which goes with its period; what legal holds keep, accounts, key pairs and
//!   the audit log have a table each; the catalogue knows what there is.
//! - What must be atomic is one transaction, with the audit id as its client request token. What
//!   decides is read consistently, from the tables; the one index finds the documents of a user.
//! - Nothing is written, or checked in a transaction, by every request.
//! - There are no row locks: see the 60 seconds of `store.rs`.
//!
//! What the credentials must allow, on the tables of the prefix: `GetItem`, `BatchGetItem`, `Query`
//! (also on `index/*`), `Scan`, `PutItem`, `UpdateItem`, `DeleteItem`, `ConditionCheckItem`,
//! `DescribeTable`; to set up, and for partitions that nobody made ahead, `CreateTable`; for those
//! that expire, `DeleteTable`.

mod accounts;
mod audit_log;
mod calls;
mod catalogue;
mod clock_skew;
mod coalesce;
mod config;
mod documents;
mod error;
mod expression;
mod holds;
mod items;
mod key_registry;
mod partitions;
mod probe;
mod query;
mod retry;
mod schema;
mod store;
mod sweeps;
mod tables;
mod transaction;
mod transfer;

pub use config::{ConfigError, DynamoDbConfig};
pub use error::{CallError, Fault, OpenError};
pub use schema::SchemaStatus;
pub use store::DynamoDbStore;
