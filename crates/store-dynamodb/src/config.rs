use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use crypt_keeper_aws::{NotAnAddress, Place};

/// Until a connection stands.
const CONNECT: Duration = Duration::from_secs(1);
/// Until one attempt is answered; a transaction over three tables takes tens of milliseconds.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(2);

/// What is left of 255 characters once the longest name of a table is taken off.
const MAX_PREFIX: usize = 200;

/// Which tables, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DynamoDbConfig {
    /// The region, like `eu-central-1`; by default that of the AWS environment or profile, or
    /// `us-east-1` if there is an endpoint.
    pub region: Option<String>,
    /// Another server than Amazon's, like `http://127.0.0.1:8000`.
    pub endpoint: Option<String>,
    /// What the names of all tables begin with.
    pub table_prefix: String,
}

impl DynamoDbConfig {
    /// The prefix of table names unless told otherwise.
    pub const TABLE_PREFIX: &str = "crypt-keeper-";
}

impl Default for DynamoDbConfig {
    fn default() -> Self {
        Self {
            region: None,
            endpoint: None,
            table_prefix: Self::TABLE_PREFIX.to_owned(),
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Names of tables cannot begin so.
    #[error(
        "`{0}` cannot begin the names of tables: 1 to {MAX_PREFIX} characters of a-z, A-Z, 0-9, \
         `_`, `-` and `.` are needed"
    )]
    TablePrefix(String),
    /// The address is none.
    #[error("`{0}` is not an address of a DynamoDB: like https://dynamodb.example is needed")]
    Endpoint(String),
    /// There is neither region nor endpoint.
    #[error("no region: set metadata.dynamodb.region, or AWS_REGION, or an endpoint")]
    NoRegion,
}

impl DynamoDbConfig {
    /// The AWS environment and profile, read once: region, and where credentials come from.
    pub(crate) async fn load(&self) -> SdkConfig {
        self.place().load().await
    }

    /// A client that tries once: what is tried again, and how often, is decided here.
    pub(crate) fn client(&self, sdk: &SdkConfig) -> Result<Client, ConfigError> {
        check_prefix(&self.table_prefix)?;
        let place = self.place();
        let endpoint = place
            .endpoint_url(sdk)
            .map_err(|NotAnAddress(endpoint)| ConfigError::Endpoint(endpoint))?;
        let mut builder = aws_sdk_dynamodb::config::Builder::from(sdk)
            .region(place.region(sdk).ok_or(ConfigError::NoRegion)?)
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT)
                    .operation_attempt_timeout(ATTEMPT)
                    .operation_timeout(ATTEMPT)
                    .build(),
            );
        builder.set_endpoint_url(endpoint);
        Ok(Client::from_conf(builder.build()))
    }

    fn place(&self) -> Place<'_> {
        Place {
            region: self.region.as_deref(),
            endpoint: self.endpoint.as_deref(),
        }
    }
}

fn check_prefix(prefix: &str) -> Result<(), ConfigError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if (1..=MAX_PREFIX).contains(&prefix.len()) && prefix.bytes().all(allowed) {
        Ok(())
    } else {
        Err(ConfigError::TablePrefix(prefix.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use aws_config::BehaviorVersion;

    use super::*;

    fn config(change: impl FnOnce(&mut DynamoDbConfig)) -> Result<(), ConfigError> {
        let mut config = DynamoDbConfig {
            region: Some("eu-central-1".to_owned()),
            ..DynamoDbConfig::default()
        };
        change(&mut config);
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .build();
        config.client(&sdk).map(drop)
    }

    #[test]
    fn prefixes_are_those_of_table_names() {
        let with = |prefix: &str| config(|config| prefix.clone_into(&mut config.table_prefix));
        for prefix in ["a", "crypt-keeper-", "Prod_1.", &"x".repeat(200)] {
            assert_eq!(with(prefix), Ok(()), "{prefix}");
        }
        for prefix in ["", "a b", "a/b", "é", &"x".repeat(201)] {
            assert_eq!(
                with(prefix),
                Err(ConfigError::TablePrefix(prefix.to_owned()))
            );
        }
    }

    #[test]
    fn endpoints_are_checked_and_no_password_is_repeated() {
        let with = |endpoint: &str| config(|config| config.endpoint = Some(endpoint.to_owned()));
        for endpoint in ["http://127.0.0.1:8000", "https://dynamodb.example/"] {
            assert_eq!(with(endpoint), Ok(()));
        }
        for endpoint in ["", "dynamodb.example", "ftp://x", "https://", "https://a b"] {
            assert_eq!(
                with(endpoint),
                Err(ConfigError::Endpoint(endpoint.to_owned()))
            );
        }
        assert_eq!(
            with("https://user:hunter2@dynamodb.example"),
            Err(ConfigError::Endpoint("dynamodb.example".to_owned()))
        );
    }

    #[test]
    fn a_region_is_needed_where_there_is_no_endpoint() {
        assert_eq!(config(|c| c.region = None), Err(ConfigError::NoRegion));
        let with_endpoint = config(|c| {
            c.region = None;
            c.endpoint = Some("http://127.0.0.1:8000".to_owned());
        });
        assert_eq!(with_endpoint, Ok(()));
    }
}
