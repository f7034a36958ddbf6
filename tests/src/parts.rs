//! What a service stands on.

use crypt_keeper_test_services::{self as services, PostgresAccess, S3Access};

/// Where documents are registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metadata {
    /// A file in the data folder.
    Sqlite,
    /// A database of its own in a PostgreSQL server.
    Postgres,
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
    /// `None`: SQLite.
    pub postgres: Option<PostgresAccess>,
    /// `None`: the local folder.
    pub s3: Option<S3Access>,
}

impl Parts {
    /// The embedded default.
    #[must_use]
    pub fn embedded() -> Self {
        Self::default()
    }

    /// The servers that all tests share; `None` if one cannot be had and tests may be skipped.
    #[must_use]
    pub fn find(metadata: Metadata, blobs: Blobs) -> Option<Self> {
        Some(Self {
            postgres: match metadata {
                Metadata::Sqlite => None,
                Metadata::Postgres => Some(services::postgres()?),
            },
            s3: match blobs {
                Blobs::Local => None,
                Blobs::Minio => Some(services::minio()?),
                Blobs::Versitygw => Some(services::versitygw()?),
            },
        })
    }
}
