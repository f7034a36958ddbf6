//! The servers that all tests of a process share: named by the environment, else started here.
//!
//! `cargo xtask test` and `cargo xtask services up` start one of each and name it to every test
//! process. A test process that finds nothing named starts its own, once, when a test first asks;
//! it ends with the process.

use std::sync::OnceLock;

use crate::dynamodb::{DynamoDb, DynamoDbAccess, DynamoDbOptions};
use crate::error::{Error, Result};
use crate::openbao::{OpenBao, OpenBaoOptions};
use crate::postgres::{Postgres, PostgresOptions};
use crate::postgres_access::PostgresAccess;
use crate::s3::{REGION, S3Access};
use crate::s3_server::{S3Options, S3Server};
use crate::vault_access::VaultAccess;
use crate::{settings, tools};

/// Names a PostgreSQL that is there already: `postgres://USER[:PASSWORD]@HOST:PORT`.
pub const POSTGRES_URL: &str = "CK_TEST_POSTGRES_URL";
/// Names a MinIO that is there already, with [`MINIO_ACCESS_KEY`] and [`MINIO_SECRET_KEY`].
pub const MINIO_URL: &str = "CK_TEST_MINIO_URL";
/// The access key id of that MinIO.
pub const MINIO_ACCESS_KEY: &str = "CK_TEST_MINIO_ACCESS_KEY";
/// The secret access key of that MinIO.
pub const MINIO_SECRET_KEY: &str = "CK_TEST_MINIO_SECRET_KEY";
/// Names a versitygw that is there already, with [`VERSITYGW_ACCESS_KEY`] and
/// [`VERSITYGW_SECRET_KEY`].
pub const VERSITYGW_URL: &str = "CK_TEST_VERSITYGW_URL";
/// The access key id of that versitygw.
pub const VERSITYGW_ACCESS_KEY: &str = "CK_TEST_VERSITYGW_ACCESS_KEY";
/// The secret access key of that versitygw.
pub const VERSITYGW_SECRET_KEY: &str = "CK_TEST_VERSITYGW_SECRET_KEY";
/// Names an OpenBao or a Vault that is there already, over plain HTTP, with [`OPENBAO_TOKEN`].
pub const OPENBAO_URL: &str = "CK_TEST_OPENBAO_URL";
/// A token of that Vault that may do everything.
pub const OPENBAO_TOKEN: &str = "CK_TEST_OPENBAO_TOKEN";

/// Names a DynamoDB Local that is there already, such as `http://127.0.0.1:8000`.
pub const DYNAMODB_URL: &str = "CK_TEST_DYNAMODB_URL";

/// The shared PostgreSQL, fsync off. Make a database for each test; restart only a server of your
/// own ([`Postgres::start`]).
///
/// `None` if there is none and tests may be skipped: it has been said.
///
/// # Panics
/// If there is none and `CK_TEST_REQUIRE=1`.
#[must_use]
pub fn postgres() -> Option<PostgresAccess> {
    static OWN: OnceLock<std::result::Result<Postgres, String>> = OnceLock::new();
    let access = match settings::text(POSTGRES_URL) {
        Ok(Some(url)) => PostgresAccess::from_url(POSTGRES_URL, &url),
        Ok(None) => once(&OWN, || Postgres::start(&PostgresOptions::default()))
            .map(|server| server.access().clone()),
        Err(error) => Err(error),
    };
    require_or_skip("PostgreSQL", access)
}

/// The shared MinIO. Make a bucket for each test; stop only a server of your own
/// ([`S3Server::start_minio`]).
///
/// `None` if there is none and tests may be skipped: it has been said.
///
/// # Panics
/// If there is none and `CK_TEST_REQUIRE=1`.
#[must_use]
pub fn minio() -> Option<S3Access> {
    static OWN: OnceLock<std::result::Result<S3Server, String>> = OnceLock::new();
    let access = match named_s3("minio", MINIO_URL, MINIO_ACCESS_KEY, MINIO_SECRET_KEY) {
        Ok(None) => once(&OWN, || S3Server::start_minio(&S3Options::default()))
            .map(|server| server.access().clone()),
        Ok(Some(access)) => Ok(access),
        Err(error) => Err(error),
    };
    require_or_skip("MinIO", access)
}

/// The shared versitygw. Make a bucket for each test; stop only a server of your own
/// ([`S3Server::start_versitygw`]).
///
/// `None` if there is none and tests may be skipped: it has been said.
///
/// # Panics
/// If there is none and `CK_TEST_REQUIRE=1`.
#[must_use]
pub fn versitygw() -> Option<S3Access> {
    static OWN: OnceLock<std::result::Result<S3Server, String>> = OnceLock::new();
    let named = named_s3(
        "versitygw",
        VERSITYGW_URL,
        VERSITYGW_ACCESS_KEY,
        VERSITYGW_SECRET_KEY,
    );
    let access = match named {
        Ok(None) => once(&OWN, || S3Server::start_versitygw(&S3Options::default()))
            .map(|server| server.access().clone()),
        Ok(Some(access)) => Ok(access),
        Err(error) => Err(error),
    };
    require_or_skip("versitygw", access)
}

/// The shared OpenBao. Make mounts and policies for each test; stop or seal only a server of your
/// own ([`OpenBao::start`]).
///
/// `None` if there is none and tests may be skipped: it has been said.
///
/// # Panics
/// If there is none and `CK_TEST_REQUIRE=1`.
#[must_use]
pub fn openbao() -> Option<VaultAccess> {
    static OWN: OnceLock<std::result::Result<OpenBao, String>> = OnceLock::new();
    let access = match named_vault() {
        Ok(None) => once(&OWN, || OpenBao::start(&OpenBaoOptions::default()))
            .map(|server| server.access().clone()),
        Ok(Some(access)) => Ok(access),
        Err(error) => Err(error),
    };
    require_or_skip("OpenBao", access)
}

/// The shared DynamoDB Local, in memory. Make tables of a prefix of your own for each test, and
/// delete them; stop only a server of your own ([`DynamoDb::start`]).
///
/// `None` if there is none and tests may be skipped: it has been said.
///
/// # Panics
/// If there is none and `CK_TEST_REQUIRE=1`.
#[must_use]
pub fn dynamodb() -> Option<DynamoDbAccess> {
    static OWN: OnceLock<std::result::Result<DynamoDb, String>> = OnceLock::new();
    let access = match settings::text(DYNAMODB_URL) {
        Ok(Some(url)) if !url.starts_with("http://") && !url.starts_with("https://") => {
            Err(Error::Setting {
                variable: DYNAMODB_URL.to_owned(),
                problem: "not an address; like http://127.0.0.1:8000".into(),
            })
        }
        Ok(Some(url)) => DynamoDbAccess::new(&url),
        Ok(None) => once(&OWN, || DynamoDb::start(&DynamoDbOptions::default()))
            .map(|server| server.access().clone()),
        Err(error) => Err(error),
    };
    require_or_skip("DynamoDB Local", access)
}

/// Whether the environment names the server of this variable, such as [`POSTGRES_URL`].
#[must_use]
pub fn is_named(variable: &str) -> bool {
    settings::text(variable).is_ok_and(|value| value.is_some())
}

/// What a test needs, or the word that it is skipped: `SKIPPED <test>: <name> ...` on stderr, past
/// libtest's capture, so that nobody takes the pass of a skipped test for a result.
///
/// # Panics
/// With `CK_TEST_REQUIRE=1`: there, a test that cannot run has failed.
pub fn require_or_skip<T>(name: &str, found: Result<T>) -> Option<T> {
    match found {
        Ok(found) => Some(found),
        Err(error) => {
            let said = unavailable(name, &error, settings::services_are_required());
            tools::announce(&said);
            None
        }
    }
}

/// # Panics
/// If `required`.
#[expect(
    clippy::panic,
    reason = "the assertion that services are there, made on a test's behalf"
)]
fn unavailable(name: &str, error: &Error, required: bool) -> String {
    // libtest names a test's thread after the test.
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    if required {
        panic!("{test} needs {name}, which cannot be had: {error}");
    }
    format!("SKIPPED {test}: {name} cannot be had: {error}")
}

/// The first caller starts; a failure is remembered, so that it is not waited for in every test.
fn once<T>(
    own: &'static OnceLock<std::result::Result<T, String>>,
    start: impl FnOnce() -> Result<T>,
) -> Result<&'static T> {
    own.get_or_init(|| start().map_err(|error| error.to_string()))
        .as_ref()
        .map_err(|error| Error::Other(error.clone()))
}

fn named_vault() -> Result<Option<VaultAccess>> {
    let Some(address) = settings::text(OPENBAO_URL)? else {
        return Ok(None);
    };
    let token = needed(OPENBAO_TOKEN, OPENBAO_URL)?;
    VaultAccess::new(OPENBAO_URL, &address, &token).map(Some)
}

/// The value of a variable that belongs to another, which is set.
fn needed(variable: &str, with: &str) -> Result<String> {
    settings::text(variable)?.ok_or_else(|| Error::Setting {
        variable: variable.to_owned(),
        problem: format!("not set, and {with} is: both belong together"),
    })
}

fn named_s3(
    server: &'static str,
    url: &str,
    access_key: &str,
    secret_key: &str,
) -> Result<Option<S3Access>> {
    let Some(endpoint) = settings::text(url)? else {
        return Ok(None);
    };
    if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
        return Err(Error::Setting {
            variable: url.to_owned(),
            problem: "not an address; like http://127.0.0.1:9000".into(),
        });
    }
    Ok(Some(S3Access {
        server,
        endpoint: endpoint.trim_end_matches('/').to_owned(),
        region: settings::text("CK_TEST_S3_REGION")?.unwrap_or_else(|| REGION.to_owned()),
        access_key: needed(access_key, url)?,
        secret_key: needed(secret_key, url)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skipped_test_is_named_with_its_reason() {
        let error = Error::Other("no network".into());
        assert_eq!(
            unavailable("MinIO", &error, false),
            "SKIPPED shared::tests::a_skipped_test_is_named_with_its_reason: MinIO cannot be had: \
             no network"
        );
    }

    #[test]
    #[should_panic(expected = "needs MinIO, which cannot be had: no network")]
    fn where_services_are_required_a_missing_one_fails_the_test() {
        unavailable("MinIO", &Error::Other("no network".into()), true);
    }
}
