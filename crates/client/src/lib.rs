//! The client of Crypt-Keeper, as a library and as the command `ckc`.
//!
//! A document is encrypted here, under a key that the service made for it, and goes straight to
//! the object store by a presigned URL; the service never sees its content. A download is the way
//! back: every byte is verified before it is released, and a file appears under its name only when
//! the whole document is.
//!
//! ```no_run
//! use crypt_keeper_client::config::{Overrides, Places, Settings};
//! use crypt_keeper_client::{Client, Patience, Silent, Source, Target};
//! use std::sync::Arc;
//! # async fn run() -> Result<(), crypt_keeper_client::Error> {
//! let settings = Settings::resolve(Overrides::default(), &Places::of_this_user())?;
//! let client = Client::new(&settings, Patience::default())?;
//! let source = Source::File("report.pdf".into());
//! let report = client.upload(source, Default::default(), Arc::new(Silent)).await?;
//! client.share(report.document_id, "bob").await?;
//! let target = Target::File("copy.pdf".into());
//! client.download(report.document_id, target, Default::default(), Arc::new(Silent)).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//! - Memory stays flat: a few segments of 1 MiB are in flight, whatever the document's length.
//! - A file that changes while it is read is never completed as an object, and no two encryptions
//!   share a header.
//! - Credentials go to the service's own origin only, over https unless told otherwise or on
//!   loopback; no secret is in an error, a log line or a `Debug`.
//! - A stored name never leads out of the target folder, and nothing is overwritten unasked.
//!
//! # Where to look
//! | to | see |
//! |---|---|
//! | upload, download, share | [`Client`] |
//! | say where the service is and who asks | [`config`] |
//! | tell failures apart, and tell users what to do | [`Error`], [`ErrorClass`] |
//! | make a file name of a stored name | [`FileName`] |
//! | show text of others | [`terminal`] |

mod address;
mod client;
pub mod config;
mod credentials;
mod decrypt;
mod document_id;
mod download;
mod encrypt;
mod error;
mod fetch;
mod file_name;
mod media_type;
mod progress;
mod share;
mod source;
mod target;
pub mod terminal;
mod transport;
mod units;
mod upload;
mod write_behind;

pub use address::{PlainHttp, ServiceUrl};
pub use client::Client;
pub use credentials::Credentials;
pub use crypt_keeper_crypto::Format;
pub use document_id::DocumentId;
pub use download::{DownloadOptions, Downloaded};
pub use error::{Asked, Error, ErrorClass, NetworkFailure, Setting, SettingsProblem};
pub use file_name::FileName;
pub use progress::{Progress, Silent};
pub use source::Source;
pub use target::{Existing, Target};
pub use transport::Patience;
pub use units::Bytes;
pub use upload::{MAX_OBJECT_LENGTH, UploadOptions, Uploaded, max_plaintext_length};
