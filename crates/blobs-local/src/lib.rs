//! A blob store in a folder, behind signed, expiring URLs of the server's own.
//!
//! [`LocalBlobs`] is the [`BlobStore`](crypt_keeper_domain::ports::BlobStore); its URLs are
//! `<public URL>/blobs/<object key>?expires=..&signature=..`. Whoever serves HTTP mounts
//! [`PATH_PREFIX`] and, with no HTTP library named here,
//!
//! 1. asks [`LocalBlobs::verify`] for a [`Permit`], or answers what [`UrlRefused`] says;
//! 2. on [`Permit::Get`], sends the [`GET_HEADERS`] and the bytes of [`LocalBlobs::open_read`],
//!    after [`requested_range`] has said which;
//! 3. on [`Permit::Put`], feeds the body to [`LocalBlobs::begin_write`]'s [`ObjectWriter`].
//!
//! [`ObjectCopy`](crypt_keeper_domain::ports::ObjectCopy) gives an object a second name.
//!
//! An object is written once: to a temporary file, flushed to the disk, then named, and never
//! overwritten. Query strings of these URLs are permissions: they do not belong in logs.

mod copy;
mod error;
mod folder;
mod headers;
mod probe;
mod range;
mod read;
mod signed_url;
mod store;
mod write;

pub use error::{FolderError, OpenError, PutError};
pub use headers::GET_HEADERS;
pub use range::{ByteRange, RequestedRange, requested_range};
pub use read::ObjectReader;
pub use signed_url::{
    GetPermit, InvalidPublicUrl, PATH_PREFIX, Permit, PutPermit, UrlKeys, UrlRefused,
};
pub use store::{LocalBlobs, LocalBlobsConfig};
pub use write::ObjectWriter;
