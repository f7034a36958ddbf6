//! Real servers for tests: found or installed, started, stopped.
//!
//! A test takes the servers that all tests share, and isolates itself by a database or a bucket:
//! ```no_run
//! # fn test() -> Result<(), crypt_keeper_test_services::Error> {
//! use crypt_keeper_test_services as services;
//!
//! let Some(postgres) = services::postgres() else { return Ok(()) };
//! let database = postgres.create_fresh_database("store", None)?;
//! let url = postgres.url(&database);
//! # let _ = url; Ok(()) }
//! ```
//! A test that stops, restarts or kills its server starts one of its own: [`Postgres::start`],
//! [`S3Server::start_minio`], [`S3Server::start_versitygw`], [`OpenBao::start`],
//! [`DynamoDb::start`]. One that wants the network to fail, or several
//! servers behind one address, puts a [`FaultProxy`] between; one that wants DynamoDB to throttle or
//! fail, which DynamoDB Local never does, a [`dynamodb_injector`]. One that runs the service or the
//! client as a process asks [`binary`].
//!
//! Servers listen on 127.0.0.1 alone ([`DynamoDb`], which cannot be told so, on all interfaces), on
//! ports that were free; their data lies below `/var/tmp` and goes with them. Programs come from the
//! machine or are installed, once, in pinned versions, into the [`Cache`]. This crate is for tests
//! and developer commands, and for Linux.

mod binaries;
mod cache;
mod cycles;
mod dynamodb;
pub mod dynamodb_injector;
mod error;
mod identity;
mod install;
mod matrix;
mod minio;
mod openbao;
mod ports;
mod postgres;
mod postgres_access;
mod process;
mod proxy;
mod random;
mod run_folder;
mod s3;
mod s3_server;
mod service;
mod settings;
pub mod shared;
mod tls;
mod tools;
mod unix_user;
mod vault_access;
mod vault_site;
mod versitygw;
mod workspace;

pub use binaries::{BUILT, SERVER_FEATURES, binary};
pub use cache::Cache;
pub use cycles::{CYCLES, cycles};
pub use dynamodb::{DynamoDb, DynamoDbAccess, DynamoDbOptions};
pub use error::{Error, Result};
pub use identity::{ProcessIdentity, Signal};
pub use install::go_main::program as go_program;
pub use install::python::interpreter as python_interpreter;
pub use matrix::{MATRIX, whole_matrix};
pub use openbao::{OpenBao, OpenBaoOptions};
pub use ports::PortLease;
pub use postgres::{Postgres, PostgresOptions, PostgresTls, StopMode};
pub use postgres_access::PostgresAccess;
pub use proxy::{Direction, Fault, FaultProxy};
pub use s3::S3Access;
pub use s3_server::{S3Options, S3Server};
pub use shared::{dynamodb, minio, openbao, postgres, require_or_skip, versitygw};
pub use tls::TlsFiles;
pub use tools::run;
pub use vault_access::{VaultAccess, VaultAnswer};
pub use vault_site::VaultSite;
pub use workspace::workspace;
