//! Download: ask, get, decrypt, verify, place.

use crate::client::Client;
use crate::decrypt::{Failure, Part, altered, decrypt};
use crate::document_id::DocumentId;
use crate::error::{Asked, Error};
use crate::fetch::Fetch;
use crate::file_name::FileName;
use crate::progress::Progress;
use crate::target::{Existing, PendingFile, Target};
use crate::write_behind::WriteBehind;
use crypt_keeper_api::v1::{self, DownloadResponse, StoredDocumentMetadata};
use crypt_keeper_crypto::Format;
use reqwest::StatusCode;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Received parts that may wait for decryption and disk.
const PARTS_AHEAD: usize = 16;

/// How to download.
#[derive(Clone, Copy, Debug, Default)]
pub struct DownloadOptions {
    /// What happens to a file of the target's name.
    pub existing: Existing,
    /// Whether `AES|CBC` may be read, which shows no alteration.
    pub legacy: bool,
}

/// A document that was downloaded.
#[derive(Clone, Debug)]
pub struct Downloaded {
    /// Its id.
    pub document_id: DocumentId,
    /// The file it is in; `None` for a stream.
    pub path: Option<PathBuf>,
    /// What its owner said about it. The name is data: escape it before showing it.
    pub metadata: StoredDocumentMetadata,
    /// How it was encrypted.
    pub format: Format,
}

impl Client {
    /// Downloads a document to a file or a stream.
    ///
    /// A file appears under its name only when the document is verified and on disk. A connection
    /// that breaks is taken up again where it broke.
    ///
    /// # Errors
    /// [`Error::Altered`] if the object is not, or not all of, what was uploaded: nothing is left
    /// then, but for what a stream has taken already. [`Error::LegacyNotAllowed`] and
    /// [`Error::UnknownEncryptionType`] before the object is asked for; those of the target, of
    /// the service and of the object store.
    pub async fn download(
        &self,
        document_id: DocumentId,
        target: Target,
        options: DownloadOptions,
        progress: Arc<dyn Progress>,
    ) -> Result<Downloaded, Error> {
        // What is known to fail must fail before a key is released, and audited.
        let place = Place::of(target, options.existing)?;
        let asked = self.ask_download(document_id).await?;
        let metadata = asked.document_metadata;
        let format = readable(&metadata.encryption_type, options.legacy)?;
        let (sink, pending) = place.named(document_id, &metadata.name, options.existing)?;

        let mut fetch = Fetch::new(self, document_id, asked.single_use_url);
        let total = fetch.open().await?;
        check_length(format, metadata.content_length, total)?;
        progress.start(total);

        let (sender, parts) = mpsc::channel(PARTS_AHEAD);
        let key = asked.symmetric_key.into_key();
        let content_length = metadata.content_length;
        let decrypting = tokio::task::spawn_blocking(move || {
            let mut sink = sink;
            let id = document_id.as_bytes();
            let written = decrypt(format, &key, id, content_length, parts, sink.writer());
            (written, sink)
        });
        let fetched = feed(&mut fetch, sender, &*progress).await;
        let (written, sink) = decrypting
            .await
            .map_err(|_| Error::Internal("decryption was interrupted".to_owned()))?;
        let written = match (written, fetched) {
            (Ok(written), _) => written,
            (Err(Failure::Abandoned), Err(network)) => return Err(network),
            (Err(Failure::Abandoned), Ok(())) => {
                return Err(Error::Internal("the download was abandoned".to_owned()));
            }
            (Err(Failure::Document(error)), _) => return Err(altered(&error)),
            (Err(Failure::Write(source)), _) => {
                return Err(match &pending {
                    Some(pending) => Error::Write {
                        path: pending.path().to_owned(),
                        source,
                    },
                    None => Error::Output(source),
                });
            }
        };
        if written != content_length {
            return Err(wrong_length(written, content_length));
        }
        progress.finish();
        let path = match (pending, sink) {
            (Some(pending), Sink::File(file)) => {
                let path = pending.path().to_owned();
                tokio::task::spawn_blocking(move || PendingFile::flush(file, &path))
                    .await
                    .map_err(|_| Error::Internal("storing was interrupted".to_owned()))??;
                Some(pending.place()?)
            }
            _ => None,
        };
        Ok(Downloaded {
            document_id,
            path,
            metadata,
            format,
        })
    }

    /// Asks for a document's key and a URL of its object.
    pub(crate) async fn ask_download(&self, id: DocumentId) -> Result<DownloadResponse, Error> {
        let answer = self.transport().get(&v1::download_url_path_of(id)).await?;
        answer.read(StatusCode::OK, Asked::Download(id.to_string()))
    }
}

enum Sink {
    File(WriteBehind),
    Stream(Box<dyn Write + Send>),
}

impl Sink {
    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::File(file) => file,
            Self::Stream(stream) => stream,
        }
    }
}

fn readable(encryption_type: &str, legacy: bool) -> Result<Format, Error> {
    match Format::from_name(encryption_type) {
        Some(Format::AesCbc) if !legacy => Err(Error::LegacyNotAllowed),
        Some(format) => Ok(format),
        None => Err(Error::UnknownEncryptionType(encryption_type.to_owned())),
    }
}

/// Where a document goes, as far as it is known before the service is asked.
enum Place {
    Ready(Sink, Option<PendingFile>),
    /// The stored name gives the file's.
    In(PathBuf),
}

impl Place {
    fn of(target: Target, existing: Existing) -> Result<Self, Error> {
        match target {
            Target::Stream(stream) => Ok(Self::Ready(Sink::Stream(stream), None)),
            Target::File(path) => {
                let (sink, pending) = file(path, existing)?;
                Ok(Self::Ready(sink, pending))
            }
            Target::Folder(folder) => Ok(Self::In(folder)),
        }
    }

    fn named(
        self,
        id: DocumentId,
        stored_name: &str,
        existing: Existing,
    ) -> Result<(Sink, Option<PendingFile>), Error> {
        match self {
            Self::Ready(sink, pending) => Ok((sink, pending)),
            Self::In(folder) => {
                let fallback = format!("document-{id}");
                let name = FileName::from_stored(stored_name, &fallback);
                file(folder.join(name.as_str()), existing)
            }
        }
    }
}

fn file(path: PathBuf, existing: Existing) -> Result<(Sink, Option<PendingFile>), Error> {
    let (pending, file) = PendingFile::create(path, existing)?;
    Ok((Sink::File(WriteBehind::new(file)), Some(pending)))
}

/// Compares the object's length with the one its document must have, before any of it is read.
fn check_length(format: Format, content_length: u64, total: Option<u64>) -> Result<(), Error> {
    let expected = format
        .ciphertext_length(content_length)
        .map_err(|error| altered(&error))?;
    match total {
        // Other programs of 2017 padded and appended as they liked: their readers cut.
        Some(total) if format == Format::AesCbc && total >= expected => Ok(()),
        Some(total) if total != expected => Err(wrong_length(total, expected)),
        _ => Ok(()),
    }
}

fn wrong_length(found: u64, expected: u64) -> Error {
    Error::Altered(format!("it has {found} bytes instead of {expected}"))
}

async fn feed(
    fetch: &mut Fetch<'_>,
    parts: mpsc::Sender<Part>,
    progress: &dyn Progress,
) -> Result<(), Error> {
    while let Some(bytes) = fetch.next().await? {
        progress.advance(bytes.len() as u64);
        if parts.send(Part::Bytes(bytes)).await.is_err() {
            // Decryption has failed and says why.
            return Ok(());
        }
    }
    let _ = parts.send(Part::End).await;
    Ok(())
}
