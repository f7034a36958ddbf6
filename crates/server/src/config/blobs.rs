use super::http::PublicUrl;
use super::values::Values;
use super::{ConfigError, quoted};

/// Where objects lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blobs {
    /// Which store.
    pub backend: BlobsBackend,
}

/// The stores there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobsBackend {
    /// A folder in the data folder, served by the service itself.
    Local,
    /// A bucket.
    S3(S3),
}

/// A bucket, and how its server is reached. Credentials come by the AWS chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3 {
    /// The bucket.
    pub bucket: String,
    /// Its region; `None`: by the AWS chain.
    pub region: Option<String>,
    /// Another server than Amazon's, as the service reaches it.
    pub endpoint: Option<String>,
    /// The same, as clients reach it.
    pub public_endpoint: Option<String>,
    /// Whether the bucket stands in the path.
    pub path_style: bool,
}

impl Blobs {
    pub(super) fn read(values: &Values) -> Result<Self, ConfigError> {
        let s3 = values
            .parse(
                "blobs.backend",
                "`local` or `s3` is needed",
                |text| match text {
                    "local" => Some(false),
                    "s3" => Some(true),
                    _ => None,
                },
            )?
            .unwrap_or(false);
        let bucket = values.parse("blobs.s3.bucket", "a bucket's name is needed", not_empty)?;
        let region = values.parse("blobs.s3.region", "a region's name is needed", not_empty)?;
        let endpoint = read_endpoint(values, "blobs.s3.endpoint")?;
        let public_endpoint = read_endpoint(values, "blobs.s3.public_endpoint")?;
        let path_style = values.boolean("blobs.s3.path_style")?.unwrap_or(false);
        let backend = match (s3, bucket) {
            (true, Some(bucket)) => BlobsBackend::S3(S3 {
                bucket,
                region,
                endpoint,
                public_endpoint,
                path_style,
            }),
            (true, None) => {
                return Err(ConfigError::Together(
                    "`blobs.backend` = \"s3\" needs `blobs.s3.bucket`".to_owned(),
                ));
            }
            (false, None) => BlobsBackend::Local,
            (false, Some(_)) => {
                return Err(ConfigError::Together(
                    "`blobs.s3.bucket` is set, but `blobs.backend` is \"local\": set it to \
                     \"s3\", or remove the bucket"
                        .to_owned(),
                ));
            }
        };
        Ok(Self { backend })
    }

    pub(super) fn rows(&self) -> Vec<(&'static str, Option<String>)> {
        let (name, s3) = match &self.backend {
            BlobsBackend::Local => ("local", None),
            BlobsBackend::S3(s3) => ("s3", Some(s3)),
        };
        let text = |value: Option<&String>| value.map(|text| quoted(text));
        vec![
            ("blobs.backend", Some(quoted(name))),
            ("blobs.s3.bucket", text(s3.map(|s3| &s3.bucket))),
            (
                "blobs.s3.region",
                text(s3.and_then(|s3| s3.region.as_ref())),
            ),
            (
                "blobs.s3.endpoint",
                text(s3.and_then(|s3| s3.endpoint.as_ref())),
            ),
            (
                "blobs.s3.public_endpoint",
                text(s3.and_then(|s3| s3.public_endpoint.as_ref())),
            ),
            (
                "blobs.s3.path_style",
                s3.map(|s3| s3.path_style.to_string()),
            ),
        ]
    }
}

fn not_empty(text: &str) -> Option<String> {
    (!text.trim().is_empty()).then(|| text.to_owned())
}

fn read_endpoint(values: &Values, key: &'static str) -> Result<Option<String>, ConfigError> {
    values.parse(
        key,
        "http:// or https:// and a host are needed, without a path",
        |text| PublicUrl::parse(text).map(|url| url.as_str().to_owned()),
    )
}
