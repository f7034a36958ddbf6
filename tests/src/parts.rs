//! What a service stands on.

use crypt_keeper_test_services::{self as services, DynamoDbAccess, PostgresAccess, S3Access};

/// Where documents are registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metadata {
    /// A file in the data folder.
    Sqlite,
    /// A database of its own in a PostgreSQL server.
    Postgres,
    /// Tables of its own in a DynamoDB.
    DynamoDb,
}

/// Where objects lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blobs {
    /// The data folder.
    Local,
    /// A bucket of its own in a MinIO.
    Minio,
    /// A bucket of its own in a versitygw.
    Versitygw,
}

/// The servers behind one service; none at all is the embedded default.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// `Some`: the metadata are there, and in `postgres` at most sealed private halves.
    pub dynamodb: Option<DynamoDbAccess>,
    /// `None`: SQLite, if there is no DynamoDB either.
    pub postgres: Option<PostgresAccess>,
    /// `None`: the local folder.
    pub s3: Option<S3Access>,
    /// Whether all documents share one key pair at a time, instead of those of each partition.
    pub shared_pairs: bool,
}

impl Parts {
    /// The embedded default.
    #[must_use]
    pub fn embedded() -> Self {
        Self::default()
    }

    /// With one active key pair at a time, for tests of its life: none is made ahead for partitions.
    #[must_use]
    pub fn with_shared_pairs(self) -> Self {
        Self {
            shared_pairs: true,
            ..self
        }
    }

    /// The servers that all tests share; `None` if one cannot be had and tests may be skipped.
    #[must_use]
    pub fn find(metadata: Metadata, blobs: Blobs) -> Option<Self> {
        Some(Self {
            dynamodb: match metadata {
                Metadata::Sqlite | Metadata::Postgres => None,
                Metadata::DynamoDb => Some(services::dynamodb()?),
            },
            postgres: match metadata {
                Metadata::Sqlite => None,
                // Beside DynamoDB it is where sealed private halves go.
                Metadata::Postgres | Metadata::DynamoDb => Some(services::postgres()?),
            },
            s3: match blobs {
                Blobs::Local => None,
                Blobs::Minio => Some(services::minio()?),
                Blobs::Versitygw => Some(services::versitygw()?),
            },
            shared_pairs: false,
        })
    }
}
