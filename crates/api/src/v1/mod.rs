//! Version 1: the contract of the first server, which clients in the field rely on.
//!
//! ```
//! use crypt_keeper_api::v1;
//! assert_eq!(v1::upload_url_path(), "/api/v1/secure_document_service/upload_url/");
//! assert_eq!(v1::share_path_of("ID"), "/api/v1/secure_document_service/share/ID/");
//! ```

mod digits;
pub mod error;
mod metadata;
mod share;
mod transfer;

use std::fmt::Display;

pub use metadata::{NewDocumentMetadata, StoredDocumentMetadata};
pub use share::{ShareRequest, ShareResponse, SharesResponse};
pub use transfer::{DownloadResponse, UploadRequest, UploadResponse};

/// Where every resource of version 1 lives, without a slash at its end.
pub const BASE: &str = "/api/v1/secure_document_service";

/// Name of the resource that announces a document and hands out a presigned PUT.
pub const UPLOAD_URL: &str = "upload_url";
/// Name of the resource that hands out a document's key and a presigned GET.
pub const DOWNLOAD_URL: &str = "download_url";
/// Name of the resource that gives others access and lists who has it.
pub const SHARE: &str = "share";

/// Scheme of the `Authorization` header: `ApiKey user:key`. Any letter case is accepted.
pub const AUTHORIZATION_SCHEME: &str = "ApiKey";

/// Encryption type of new documents: the project's own streaming format.
pub const AES256_GCM_HKDF_1MB: &str = "AES256_GCM_HKDF_1MB";
/// Encryption type of the first clients. It has no integrity; a document that was announced
/// without any encryption type has this one.
pub const AES_CBC: &str = "AES|CBC";

/// Longest stored name, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 4096;
/// Longest content type, in characters.
pub const MAX_CONTENT_TYPE_CHARS: usize = 1000;
/// Longest encryption type, in characters.
pub const MAX_ENCRYPTION_TYPE_CHARS: usize = 20;
/// Longest request body, in bytes.
pub const MAX_BODY_BYTES: usize = 1 << 20;

/// `POST` here announces a document.
#[must_use]
pub fn upload_url_path() -> String {
    format!("{BASE}/{UPLOAD_URL}/")
}

/// The `resource_uri` of an announced document. Nothing can be fetched from it.
#[must_use]
pub fn upload_url_path_of(document_id: impl Display) -> String {
    format!("{BASE}/{UPLOAD_URL}/{document_id}/")
}

/// `GET` here hands out the key and a presigned GET.
#[must_use]
pub fn download_url_path_of(document_id: impl Display) -> String {
    format!("{BASE}/{DOWNLOAD_URL}/{document_id}/")
}

/// `POST` here shares a document.
#[must_use]
pub fn share_path() -> String {
    format!("{BASE}/{SHARE}/")
}

/// `GET` here lists who has access.
#[must_use]
pub fn share_path_of(document_id: impl Display) -> String {
    format!("{BASE}/{SHARE}/{document_id}/")
}
