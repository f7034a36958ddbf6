//! A blob store on Amazon S3 and its kin (MinIO, versitygw, Ceph, Garage, ...).
//!
//! [`S3Blobs`] is the [`BlobStore`](crypt_keeper_domain::ports::BlobStore). Objects never pass
//! through this service: clients PUT and GET them by presigned URLs, signed here without asking the
//! store; for a legal hold the store copies them within itself
//! ([`ObjectCopy`](crypt_keeper_domain::ports::ObjectCopy)). Credentials come by the AWS chain: environment, profile, web identity, ECS, EC2.
//!
//! What the credentials must allow, on the bucket: `s3:PutObject`, `s3:GetObject`, `s3:ListBucket`;
//! to delete, `s3:DeleteObject`, `s3:DeleteObjectVersion`, `s3:ListBucketVersions`,
//! `s3:ListBucketMultipartUploads`, `s3:AbortMultipartUpload`; to set up, `s3:CreateBucket`,
//! and to compare and write the bucket's own rules
//! ([`BucketRules`](crypt_keeper_domain::ports::BucketRules)) `s3:GetLifecycleConfiguration`,
//! `s3:PutLifecycleConfiguration`, `s3:GetBucketCORS`, `s3:PutBucketCORS`,
//! `s3:GetBucketPublicAccessBlock`, `s3:PutBucketPublicAccessBlock`, `s3:GetBucketVersioning`,
//! `s3:PutBucketVersioning`.

mod bucket_rules;
mod clock_skew;
mod config;
mod copy;
mod delete;
mod error;
mod listing;
mod presign;
mod probe;
mod setup;
mod store;
mod uploads;

pub use clock_skew::ClockSkew;
pub use config::{S3Config, S3ConfigError};
pub use copy::CopySizes;
pub use error::{Fault, S3Error};
pub use setup::BucketSetup;
pub use store::S3Blobs;
