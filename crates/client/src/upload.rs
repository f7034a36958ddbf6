//! Upload: announce, encrypt, put.

use crate::client::Client;
use crate::document_id::DocumentId;
use crate::encrypt::encrypt;
use crate::error::{Asked, Error};
use crate::media_type;
use crate::progress::Progress;
use crate::source::{Plaintext, Source, name_of};
use crate::transport::{Backoff, PutFailure, Repeat};
use bytes::Bytes;
use crypt_keeper_api::PresignedUrl;
use crypt_keeper_api::v1::{self, NewDocumentMetadata, UploadRequest, UploadResponse};
use crypt_keeper_crypto::{DocumentKey, Format};
use futures_util::Stream;
use reqwest::StatusCode;
use std::io;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::sync::{mpsc, watch};

/// Largest object of one PUT, in bytes: the limit of S3, 5 GiB.
pub const MAX_OBJECT_LENGTH: u64 = 5 << 30;
/// Encrypted parts (1 MiB) that may wait for the network.
const PARTS_AHEAD: usize = 4;
/// Bytes handed to the network at once: small enough to tell a slow connection from a dead one.
const SLICE: usize = 128 << 10;

/// Largest plaintext, in bytes, whose object is one PUT.
#[must_use]
pub fn max_plaintext_length(format: Format) -> u64 {
    let fits = |length| {
        format
            .ciphertext_length(length)
            .is_ok_and(|object| object <= MAX_OBJECT_LENGTH)
    };
    let (mut low, mut high) = (0, MAX_OBJECT_LENGTH);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(middle) {
            low = middle
        } else {
            high = middle - 1
        }
    }
    low
}

/// How to upload.
#[derive(Clone, Debug)]
pub struct UploadOptions {
    /// The name to store; the file's own where it is `None`.
    pub name: Option<String>,
    /// The content type to store; guessed from the name where it is `None`.
    pub content_type: Option<String>,
    /// How to encrypt.
    pub format: Format,
    /// The retention class by name; the user's own default, or else the service's, where it is
    /// `None`.
    pub retention: Option<String>,
}

impl Default for UploadOptions {
    fn default() -> Self {
        Self {
            name: None,
            content_type: None,
            format: Format::Aes256GcmHkdf1Mb,
            retention: None,
        }
    }
}

/// A document that was uploaded.
#[derive(Clone, Debug)]
pub struct Uploaded {
    /// Its id.
    pub document_id: DocumentId,
    /// Its stored name.
    pub name: String,
    /// Its stored content type.
    pub content_type: String,
    /// Length of the plaintext, in bytes.
    pub content_length: u64,
    /// How it is encrypted.
    pub format: Format,
}

impl Client {
    /// Uploads a document as a new one.
    ///
    /// A PUT that fails in a way that may pass is tried again, each time with a new encryption of
    /// the source.
    ///
    /// # Errors
    /// [`Error::TooLarge`] and those of the source before anything is asked of the service; then
    /// those of the service and of the object store; [`Error::SourceChanged`] if the file is
    /// written to meanwhile. Nothing is stored then, but the announcement of a document.
    pub async fn upload(
        &self,
        source: Source,
        options: UploadOptions,
        progress: Arc<dyn Progress>,
    ) -> Result<Uploaded, Error> {
        let format = options.format;
        let name = match (&options.name, &source) {
            (Some(name), _) => name.clone(),
            (None, Source::File(path)) => name_of(path),
            (None, Source::Stream(_)) => "stdin".to_owned(),
        };
        let content_type = options
            .content_type
            .unwrap_or_else(|| media_type::guess(&name).to_owned());
        check_texts(&name, &content_type)?;
        let limit = max_plaintext_length(format);
        let plaintext = blocking(move || Plaintext::open(source, limit)).await?;
        let content_length = plaintext.length();
        let announced = self
            .announce(&UploadRequest {
                document_metadata: NewDocumentMetadata {
                    name: name.clone(),
                    content_length,
                    content_type: content_type.clone(),
                    compressed: false,
                    encryption_type: format.name().to_owned(),
                },
                retention: options.retention,
            })
            .await?;
        let document_id: DocumentId = announced.document_id.parse()?;
        let job = Arc::new(Job {
            plaintext,
            format,
            key: announced.symmetric_key.into_key(),
            document_id,
        });
        self.put(&job, &announced.single_use_url, &progress).await?;
        progress.finish();
        Ok(Uploaded {
            document_id,
            name,
            content_type,
            content_length,
            format,
        })
    }

    async fn announce(&self, request: &UploadRequest) -> Result<UploadResponse, Error> {
        let body =
            serde_json::to_vec(request).map_err(|error| Error::Internal(error.to_string()))?;
        let path = v1::upload_url_path();
        let answer = self
            .transport()
            .post(&path, body, Repeat::OnlyIfUnheard)
            .await?;
        answer.read(StatusCode::CREATED, Asked::Anything)
    }

    async fn put(
        &self,
        job: &Arc<Job>,
        url: &PresignedUrl,
        progress: &Arc<dyn Progress>,
    ) -> Result<(), Error> {
        let mut backoff = Backoff::new(*self.transport().patience());
        let mut first = true;
        loop {
            match self.put_once(job, url, progress).await {
                Ok(()) => return Ok(()),
                // Objects are created, never replaced: one is there, so an attempt before this
                // one arrived, and only its answer was lost.
                Err(PutFailure {
                    error:
                        Error::Store {
                            status: 409 | 412, ..
                        },
                    ..
                }) if !first => {
                    return Err(Error::UploadUncertain(job.document_id.to_string()));
                }
                Err(failure) if failure.may_pass && backoff.wait(None).await => {
                    tracing::debug!("PUT failed ({}); trying again", failure.error);
                }
                Err(failure) => return Err(failure.error),
            }
            first = false;
        }
    }

    async fn put_once(
        &self,
        job: &Arc<Job>,
        url: &PresignedUrl,
        progress: &Arc<dyn Progress>,
    ) -> Result<(), PutFailure> {
        let lasting = |error| PutFailure {
            error,
            may_pass: false,
        };
        let length = job
            .format
            .ciphertext_length(job.plaintext.length())
            .map_err(|error| lasting(Error::Internal(error.to_string())))?;
        progress.start(Some(length));
        let (sender, parts) = mpsc::channel(PARTS_AHEAD);
        let (moving, moved) = watch::channel(0);
        let body = ObjectStream {
            parts,
            current: Bytes::new(),
            moving,
            progress: Arc::clone(progress),
        };
        let producing = {
            let job = Arc::clone(job);
            tokio::task::spawn_blocking(move || job.produce(&sender))
        };
        let put = self.transport().put_object(url, length, body, moved).await;
        match producing.await {
            Ok(Ok(())) => put,
            // The reason why the body broke off says more than that it did.
            Ok(Err(error)) => Err(lasting(error)),
            Err(_) => Err(lasting(Error::Internal(
                "encryption was interrupted".to_owned(),
            ))),
        }
    }
}

/// What every attempt at one PUT needs.
struct Job {
    plaintext: Plaintext,
    format: Format,
    key: DocumentKey,
    document_id: DocumentId,
}

impl Job {
    fn produce(&self, parts: &mpsc::Sender<io::Result<Bytes>>) -> Result<(), Error> {
        let id = self.document_id.as_bytes();
        let mut give = |part| match parts.blocking_send(Ok(part)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        };
        let encrypted = encrypt(&self.plaintext, self.format, &self.key, id, &mut give);
        if encrypted.is_err() {
            // Breaks the request off: its announced length is never reached.
            let _ = parts.blocking_send(Err(io::Error::other("the source failed")));
        }
        encrypted
    }
}

/// The encrypted parts as a body. Counts what the network took.
struct ObjectStream {
    parts: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
    moving: watch::Sender<u64>,
    progress: Arc<dyn Progress>,
}

impl Stream for ObjectStream {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.current.is_empty() {
            match ready!(self.parts.poll_recv(context)) {
                Some(Ok(part)) => self.current = part,
                end => return Poll::Ready(end),
            }
        }
        let length = self.current.len().min(SLICE);
        let slice = self.current.split_to(length);
        self.moving.send_modify(|moved| *moved += length as u64);
        self.progress.advance(length as u64);
        Poll::Ready(Some(Ok(slice)))
    }
}

fn check_texts(name: &str, content_type: &str) -> Result<(), Error> {
    let too_long = |what, length, unit, limit| Error::TextTooLong {
        what,
        length,
        unit,
        limit,
    };
    if name.len() > v1::MAX_NAME_BYTES {
        return Err(too_long("name", name.len(), "bytes", v1::MAX_NAME_BYTES));
    }
    let length = content_type.chars().count();
    if length > v1::MAX_CONTENT_TYPE_CHARS {
        let limit = v1::MAX_CONTENT_TYPE_CHARS;
        return Err(too_long("content type", length, "characters", limit));
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(Error::Internal("reading was interrupted".to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_plaintext_fits_one_put_and_one_byte_more_does_not() {
        for format in Format::ALL {
            let limit = max_plaintext_length(format);
            assert!(format.ciphertext_length(limit).unwrap() <= MAX_OBJECT_LENGTH);
            assert!(format.ciphertext_length(limit + 1).unwrap() > MAX_OBJECT_LENGTH);
        }
        assert_eq!(
            max_plaintext_length(Format::Aes256GcmHkdf1Mb),
            5_368_627_160
        );
        assert_eq!(max_plaintext_length(Format::AesCbc), 5_368_709_104);
    }
}
