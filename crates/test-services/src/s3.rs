//! How tests reach an S3 server, whoever started it.

use std::fmt;

/// Endpoint and credentials of an S3 server. Buckets are addressed by path; tests make their own.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Access {
    /// The server's name, for messages: `minio`, `versitygw`.
    pub server: &'static str,
    /// Like `http://127.0.0.1:9000`, without a slash at the end.
    pub endpoint: String,
    /// The region that requests are signed for.
    pub region: String,
    /// The access key id.
    pub access_key: String,
    /// The secret access key.
    pub secret_key: String,
}

impl fmt::Debug for S3Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("S3Access")
            .field("server", &self.server)
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .field("access_key", &self.access_key)
            .field("secret_key", &"redacted")
            .finish()
    }
}

/// The region of servers that were started here.
pub(crate) const REGION: &str = "us-east-1";
