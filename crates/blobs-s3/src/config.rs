use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{Region, SdkConfig};
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::{Client, Config};
use crypt_keeper_aws::{NotAnAddress, Place};

/// Until a connection stands.
const CONNECT: Duration = Duration::from_secs(2);
/// Until one attempt is answered; deleting 1,000 objects is the slowest.
const ATTEMPT: Duration = Duration::from_secs(10);
/// Until a call is answered, with all its attempts.
const CALL: Duration = Duration::from_secs(20);
const ATTEMPTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Which bucket, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct S3Config {
    /// The bucket's name.
    pub bucket: String,
    /// The region, like `eu-central-1`; by default that of the AWS environment or profile, or
    /// `us-east-1` if there is an endpoint.
    pub region: Option<String>,
    /// The store's address, like `https://s3.example`; by default Amazon's of the region.
    pub endpoint: Option<String>,
    /// The store's address as clients see it, for presigned URLs; by default the same.
    pub public_endpoint: Option<String>,
    /// Whether the bucket stands in the path (`https://s3.example/bucket/..`) instead of in the
    /// host name. Needed by stores without a wildcard DNS name and certificate.
    pub path_style: bool,
}

/// Why a configuration cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum S3ConfigError {
    /// The name cannot be that of a bucket.
    #[error(
        "`{0}` cannot be the name of a bucket: 3 to 63 characters of a-z, 0-9, `-` and `.`, \
         beginning and ending with a letter or digit"
    )]
    Bucket(String),
    /// An address is none.
    #[error("`{0}` is not an address of an S3 server: like https://s3.example is needed")]
    Endpoint(String),
    /// There is neither region nor endpoint.
    #[error("no region: set the bucket's region, or AWS_REGION, or an endpoint")]
    NoRegion,
}

impl S3Config {
    /// The AWS environment and profile, read once: region, and where credentials come from.
    pub(crate) async fn load(&self) -> SdkConfig {
        self.at(self.endpoint.as_deref()).load().await
    }

    /// A client for calls, and one that signs for the endpoint that clients see. Both share one
    /// cache of credentials.
    pub(crate) fn clients(&self, sdk: &SdkConfig) -> Result<Clients, S3ConfigError> {
        check_bucket(&self.bucket)?;
        let place = self.at(self.endpoint.as_deref());
        let public = self.at(self.public_endpoint.as_deref().or(place.endpoint));
        let endpoint = place.endpoint_url(sdk)?;
        let public_endpoint = public.endpoint_url(sdk)?;
        let region = place.region(sdk).ok_or(S3ConfigError::NoRegion)?;
        let client = |endpoint: Option<String>| {
            let mut builder = aws_sdk_s3::config::Builder::from(sdk)
                .region(region.clone())
                .force_path_style(self.path_style)
                // By default the SDK signs the checksum of an empty body into presigned PUTs, and
                // stores then refuse the real one.
                .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
                .retry_config(
                    RetryConfig::standard()
                        .with_max_attempts(ATTEMPTS)
                        .with_initial_backoff(FIRST_PAUSE)
                        .with_max_backoff(LONGEST_PAUSE),
                )
                .timeout_config(
                    TimeoutConfig::builder()
                        .connect_timeout(CONNECT)
                        .operation_attempt_timeout(ATTEMPT)
                        .operation_timeout(CALL)
                        .build(),
                );
            builder.set_endpoint_url(endpoint);
            let config: Config = builder.build();
            Client::from_conf(config)
        };
        Ok(Clients {
            is_amazon: endpoint.is_none(),
            calls: client(endpoint),
            signs: client(public_endpoint),
            region,
        })
    }

    fn at<'a>(&'a self, endpoint: Option<&'a str>) -> Place<'a> {
        Place {
            region: self.region.as_deref(),
            endpoint,
        }
    }
}

impl From<NotAnAddress> for S3ConfigError {
    fn from(NotAnAddress(endpoint): NotAnAddress) -> Self {
        Self::Endpoint(endpoint)
    }
}

pub(crate) struct Clients {
    pub(crate) calls: Client,
    pub(crate) signs: Client,
    pub(crate) region: Region,
    /// Whether no other endpoint than Amazon's is called.
    pub(crate) is_amazon: bool,
}

fn check_bucket(name: &str) -> Result<(), S3ConfigError> {
    let edge = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    let good = (3..=63).contains(&bytes.len())
        && bytes.iter().all(|byte| edge(*byte) || b"-.".contains(byte))
        && bytes.first().copied().is_some_and(edge)
        && bytes.last().copied().is_some_and(edge);
    if good {
        Ok(())
    } else {
        Err(S3ConfigError::Bucket(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use aws_config::BehaviorVersion;

    use super::*;

    fn config(change: impl FnOnce(&mut S3Config)) -> Result<(), S3ConfigError> {
        let mut config = S3Config {
            bucket: "documents".to_owned(),
            region: Some("eu-central-1".to_owned()),
            ..S3Config::default()
        };
        change(&mut config);
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .build();
        config.clients(&sdk).map(drop)
    }

    #[test]
    fn bucket_names_are_checked() {
        assert_eq!(config(|_| ()), Ok(()));
        for name in [
            "",
            "ab",
            "Documents",
            "a_b_c",
            "-abc",
            "abc.",
            "a/b/c",
            "a b c",
        ] {
            assert_eq!(
                config(|config| name.clone_into(&mut config.bucket)),
                Err(S3ConfigError::Bucket(name.to_owned()))
            );
        }
    }

    #[test]
    fn endpoints_are_checked_and_no_password_is_repeated() {
        for endpoint in ["http://127.0.0.1:9000", "https://s3.example/"] {
            assert_eq!(config(|c| c.endpoint = Some(endpoint.to_owned())), Ok(()));
        }
        for endpoint in [
            "",
            "s3.example",
            "ftp://s3.example",
            "https://",
            "https://a b",
        ] {
            assert_eq!(
                config(|c| c.public_endpoint = Some(endpoint.to_owned())),
                Err(S3ConfigError::Endpoint(endpoint.to_owned()))
            );
        }
        let refused = config(|c| c.endpoint = Some("https://user:hunter2@s3.example".to_owned()));
        assert_eq!(
            refused,
            Err(S3ConfigError::Endpoint("s3.example".to_owned()))
        );
    }

    #[test]
    fn a_region_is_needed_where_there_is_no_endpoint() {
        assert_eq!(config(|c| c.region = None), Err(S3ConfigError::NoRegion));
        let with_endpoint = config(|c| {
            c.region = None;
            c.endpoint = Some("https://s3.example".to_owned());
        });
        assert_eq!(with_endpoint, Ok(()));
    }
}
