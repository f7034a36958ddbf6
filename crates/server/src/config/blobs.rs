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
    /// Origins of the web pages that clients run in, which `setup` lets in.
    pub cors_origins: Vec<String>,
    /// Whether `setup` has the bucket keep versions; else its own setting is left as it is.
    pub versioning: bool,
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
        let cors_origins = read_origins(values)?;
        let versioning = values.boolean("blobs.s3.versioning")?.unwrap_or(false);
        let backend = match (s3, bucket) {
            (true, Some(bucket)) => BlobsBackend::S3(S3 {
                bucket,
                region,
                endpoint,
                public_endpoint,
                path_style,
                cors_origins,
                versioning,
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
            (
                "blobs.s3.cors_origins",
                s3.map(|s3| {
                    let origins: Vec<_> = s3.cors_origins.iter().map(|it| quoted(it)).collect();
                    format!("[{}]", origins.join(", "))
                }),
            ),
            (
                "blobs.s3.versioning",
                s3.map(|s3| s3.versioning.to_string()),
            ),
        ]
    }
}

fn not_empty(text: &str) -> Option<String> {
    (!text.trim().is_empty()).then(|| text.to_owned())
}

fn read_origins(values: &Values) -> Result<Vec<String>, ConfigError> {
    let key = "blobs.s3.cors_origins";
    let needed = "origins of web pages are needed, such as https://documents.example.com, \
                  https://*.example.com, or *";
    let split = |text: &str| Some(text.split(',').map(|part| part.trim().to_owned()).collect());
    let origins = values.list(key, split, needed)?.unwrap_or_default();
    origins
        .iter()
        .filter(|origin| !origin.is_empty())
        .map(|origin| parse_origin(origin).ok_or_else(|| values.wrong(key, Some(origin), needed)))
        .collect()
}

/// As browsers send it: no slash at the end. One `*` may stand for a part of the host's name.
fn parse_origin(text: &str) -> Option<String> {
    if text == "*" {
        return Some(text.to_owned());
    }
    let (scheme, rest) = text.split_once("://")?;
    let host = rest.trim_end_matches('/');
    let plain = format!("{scheme}://{}", host.replacen('*', "any", 1));
    (!plain.contains('*') && PublicUrl::parse(&plain).is_some())
        .then(|| format!("{scheme}://{host}").to_ascii_lowercase())
}

fn read_endpoint(values: &Values, key: &'static str) -> Result<Option<String>, ConfigError> {
    values.parse(
        key,
        "http:// or https:// and a host are needed, without a path",
        |text| PublicUrl::parse(text).map(|url| url.as_str().to_owned()),
    )
}
