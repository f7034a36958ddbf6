//! The objects, where the two installations keep them in different places.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::{
    Document, DocumentId, DocumentState, ObjectKey, PageLimit, PageRequest, Partition,
    PartitionState,
};
use crypt_keeper_domain::ports::{GetTerms, MetadataTransfer, PutTerms};
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use reqwest::{Body, Client, StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

use super::super::administration::Administration;
use super::super::{Context, Failure, Output};
use super::Vaults;
use super::installation::Target;
use crate::config::{BlobsBackend, Settings};
use crate::data_dir::DataDir;
use crate::error::{Chain, StartError};
use crate::wiring::local_objects::{LocalBlobs, PATH_PREFIX, Permit, PutError};
use crate::wiring::{self, Objects};

/// Objects that are copied at once.
const AT_ONCE: usize = 8;
/// How long a URL is good for: one object's way.
const LIFE: Duration = Duration::from_secs(6 * 3600);
/// How long a store may be silent.
const SILENCE: Duration = Duration::from_secs(60);
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// How the objects of one installation get to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ObjectRoute {
    /// Both use the same bucket or folder.
    Same,
    /// They are copied.
    Copied,
}

impl ObjectRoute {
    /// By what is configured.
    pub(super) fn between(source: &Settings, target: &Settings) -> Self {
        let is_same = match (&source.blobs.backend, &target.blobs.backend) {
            (BlobsBackend::Local, BlobsBackend::Local) => {
                let folder = |of: &Settings| {
                    let folder = DataDir::new(&of.data_dir).blobs();
                    folder.canonicalize().unwrap_or(folder)
                };
                folder(source) == folder(target)
            }
            (BlobsBackend::S3(source), BlobsBackend::S3(target)) => {
                (&source.bucket, &source.endpoint) == (&target.bucket, &target.endpoint)
            }
            _ => false,
        };
        if is_same { Self::Same } else { Self::Copied }
    }

    pub(super) const fn in_words(self) -> &'static str {
        match self {
            Self::Same => "stay where they are: both use the same place",
            Self::Copied => "are copied, and read back",
        }
    }

    /// What the operator has to do himself.
    pub(super) const fn left_to_do(self, without_objects: bool) -> Option<&'static str> {
        match self {
            Self::Copied if without_objects => Some(
                "The objects were left where they are: copy them, keys unchanged (such as `aws s3 \
                 sync`), before the service starts.",
            ),
            _ => None,
        }
    }
}

/// Both places.
pub(super) struct Sides {
    source: Place,
    target: Place,
}

struct Place {
    objects: Objects,
    client: Client,
}

impl Sides {
    /// Opens both, and makes the target's bucket if it is not there; `None` if there is nothing to
    /// copy.
    pub(super) async fn open(
        route: ObjectRoute,
        vaults: &Vaults,
        target: &Target,
        context: &Context,
    ) -> Result<Option<Self>, Failure> {
        if route == ObjectRoute::Same {
            return Ok(None);
        }
        let open = async |settings: &Settings, keys: Option<&wiring::MasterKeys>| {
            let url = super::super::public_url(settings);
            let clock = Arc::clone(&context.clock);
            wiring::open_blobs(settings, &url, keys, clock, &context.runtime).await
        };
        let source = open(context.settings(), vaults.source_keys.as_ref()).await?;
        let into = open(&target.settings, target.master_keys.as_ref()).await?;
        into.ensure_bucket().await?;
        let client = Client::builder().read_timeout(SILENCE).build();
        let client =
            client.map_err(|error| StartError::part("HTTP client")(error.without_url()))?;
        let place = |objects| Place {
            objects,
            client: client.clone(),
        };
        Ok(Some(Self {
            source: place(source),
            target: place(into),
        }))
    }
}

/// What became of the objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct MovedObjects {
    /// Copied in this run, and read back.
    copied: u64,
    /// Their bytes.
    bytes: u64,
    /// There already, and the same.
    unchanged: u64,
    /// Documents that were never uploaded.
    without: u64,
    /// Not copied; each was told.
    failed: u64,
}

impl MovedObjects {
    pub(super) fn is_whole(&self) -> bool {
        self.failed == 0
    }

    pub(super) fn shown(&self) -> Value {
        json!({
            "copied": self.copied,
            "bytes": self.bytes,
            "unchanged": self.unchanged,
            "documents_without": self.without,
            "failed": self.failed,
        })
    }

    pub(super) fn in_words(&self) -> String {
        let Self {
            copied,
            bytes,
            unchanged,
            without,
            failed,
        } = self;
        format!(
            "Objects: {copied} copied ({bytes} bytes), {unchanged} there already, each compared by \
             SHA-256; {without} documents have none; {failed} not copied"
        )
    }
}

enum Moved {
    Copied(u64),
    Unchanged,
    None,
}

/// Copies the objects of all documents that are neither deleted nor in a partition whose objects go or
/// are gone; and the copies that legal holds keep. Those of a closed partition may yet be held.
pub(super) async fn copy(
    sides: &Sides,
    admin: &Administration,
    as_json: bool,
    output: &mut Output,
) -> Result<MovedObjects, Failure> {
    let mut moved = MovedObjects::default();
    let stores = &admin.stores;
    let partitions = stores.partitions.list_partitions().await;
    let partitions = partitions.map_err(Error::from)?.into_iter();
    let emptied = partitions.filter(|entry| entry.state >= PartitionState::Emptying);
    let emptied: HashSet<Partition> = emptied.map(|entry| entry.partition).collect();
    let walks = [
        (&stores.transfer, emptied),
        (&stores.held_transfer, HashSet::new()),
    ];
    for (documents, without) in walks {
        walk(sides, &**documents, &without, as_json, output, &mut moved).await?;
    }
    Ok(moved)
}

async fn walk(
    sides: &Sides,
    documents: &dyn MetadataTransfer,
    without: &HashSet<Partition>,
    as_json: bool,
    output: &mut Output,
    moved: &mut MovedObjects,
) -> Result<(), Failure> {
    let mut told = Instant::now();
    let mut page = PageRequest::<DocumentId> {
        after: None,
        limit: PageLimit::MAX,
    };
    loop {
        let listed = documents.documents_with_entries(&page).await;
        let listed = listed.map_err(Error::from)?;
        let live = listed.items.iter().map(|one| &one.document);
        let live = live.filter(|one| one.state != DocumentState::Deleted);
        let live = live.filter(|one| !without.contains(&one.id.partition()));
        let moves: Vec<_> = live
            .map(|document| async move { (document, sides.move_one(document).await) })
            .collect();
        let mut moves = stream::iter(moves).buffer_unordered(AT_ONCE);
        while let Some((document, outcome)) = moves.next().await {
            match outcome {
                Ok(Moved::Copied(bytes)) => {
                    moved.copied += 1;
                    moved.bytes += bytes;
                }
                Ok(Moved::Unchanged) => moved.unchanged += 1,
                Ok(Moved::None) => moved.without += 1,
                Err(why) => {
                    moved.failed += 1;
                    let id = document.id;
                    if as_json {
                        output.json(&json!({
                            "event": "not_copied", "kind": "objects",
                            "row": id.to_string(), "why": why,
                        }))?;
                    } else {
                        output.note(format_args!("Not copied: the object of {id}: {why}"));
                    }
                }
            }
            if told.elapsed() >= TOLD_EVERY {
                told = Instant::now();
                output.note(moved.in_words());
            }
        }
        match listed.next {
            Some(next) => page.after = Some(next),
            None => return Ok(()),
        }
    }
}

impl Sides {
    async fn move_one(&self, document: &Document) -> Result<Moved, String> {
        let key = &document.object_key;
        let Some(body) = self.source.read(key).await? else {
            return if document.state == DocumentState::Available {
                Err("the source has lost it: it is not where the document says".to_owned())
            } else {
                Ok(Moved::None)
            };
        };
        if let Some(there) = self.target.read(key).await? {
            let (found, expected) = (digest(there).await?, digest(body).await?);
            return if found == expected {
                Ok(Moved::Unchanged)
            } else {
                Err(
                    "the target has another object in its place, which was left as it is"
                        .to_owned(),
                )
            };
        }
        let length = body.length;
        let expected = self.target.write(key, body).await?;
        let back = self.target.read(key).await?;
        let back = back.ok_or("it was written to the target, and is not there")?;
        if digest(back).await? == expected {
            Ok(Moved::Copied(length))
        } else {
            Err("the target has other bytes than were written to it".to_owned())
        }
    }
}

/// An object on its way.
struct Bytestream {
    length: u64,
    bytes: BoxStream<'static, Result<Bytes, String>>,
}

type Sha = [u8; 32];

async fn digest(mut body: Bytestream) -> Result<Sha, String> {
    let mut digest = Sha256::new();
    while let Some(chunk) = body.bytes.next().await {
        digest.update(&chunk?);
    }
    Ok(digest.finalize().into())
}

impl Place {
    /// `None` if it is not there.
    async fn read(&self, key: &ObjectKey) -> Result<Option<Bytestream>, String> {
        let terms = GetTerms { expires_in: LIFE };
        let url = self.objects.blobs.presign_get(key, &terms).await;
        let url = url.map_err(words)?;
        if let Some(local) = &self.objects.local {
            let Permit::Get(permit) = permit(local, "GET", url.as_str())? else {
                return Err("the folder gave leave for something else".to_owned());
            };
            let opened = local.open_read(&permit).await.map_err(words)?;
            return Ok(opened.map(|reader| Bytestream {
                length: reader.info().size,
                bytes: reader.into_stream(None).map_err(words).boxed(),
            }));
        }
        let answer = self.client.get(url.as_str()).send().await;
        let answer = answer.map_err(|error| words(error.without_url()))?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::OK => {
                let length = answer.content_length();
                let length = length.ok_or("the object store does not say how long it is")?;
                let bytes = answer.bytes_stream();
                let bytes = bytes.map_err(|error| words(error.without_url()));
                Ok(Some(Bytestream {
                    length,
                    bytes: bytes.boxed(),
                }))
            }
            status => Err(format!("the object store answers {status} to GET")),
        }
    }

    /// Writes a new object; the digest of what was written.
    async fn write(&self, key: &ObjectKey, mut body: Bytestream) -> Result<Sha, String> {
        let terms = PutTerms {
            expires_in: LIFE,
            max_length: body.length,
        };
        let url = self.objects.blobs.presign_put(key, &terms).await;
        let url = url.map_err(words)?;
        if let Some(local) = &self.objects.local {
            let Permit::Put(permit) = permit(local, "PUT", url.as_str())? else {
                return Err("the folder gave leave for something else".to_owned());
            };
            let failed = |error: PutError| words(error);
            let mut writer = local.begin_write(&permit, Some(body.length)).await;
            let mut digest = Sha256::new();
            if let Ok(writer) = &mut writer {
                while let Some(chunk) = body.bytes.next().await {
                    let chunk = chunk?;
                    digest.update(&chunk);
                    writer.write(&chunk).await.map_err(failed)?;
                }
            }
            writer.map_err(failed)?.finish().await.map_err(failed)?;
            return Ok(digest.finalize().into());
        }
        let length = body.length;
        let (passed_on, digest) = digested(body);
        let put = self
            .client
            .put(url.as_str())
            .header(header::CONTENT_LENGTH, length)
            .body(Body::wrap_stream(passed_on));
        let answer = put.send().await;
        let answer = answer.map_err(|error| words(error.without_url()))?;
        if !answer.status().is_success() {
            return Err(format!(
                "the object store answers {} to PUT",
                answer.status()
            ));
        }
        digest
            .await
            .map_err(|_| "the object was not read to its end".to_owned())
    }
}

/// The same bytes, and their digest once all are taken: nobody asks for more than the length that was
/// announced.
fn digested(
    body: Bytestream,
) -> (
    BoxStream<'static, Result<Bytes, std::io::Error>>,
    oneshot::Receiver<Sha>,
) {
    let (done, digest) = oneshot::channel();
    let mut tail = Some((Sha256::new(), done));
    let mut left = body.length;
    finish_at(&mut tail, left);
    let passed_on = body.bytes.map(move |chunk| {
        let chunk = chunk.map_err(std::io::Error::other)?;
        left = left
            .checked_sub(chunk.len() as u64)
            .ok_or_else(|| std::io::Error::other("the object is longer than was said"))?;
        if let Some((digest, _)) = &mut tail {
            digest.update(&chunk);
        }
        finish_at(&mut tail, left);
        Ok(chunk)
    });
    (passed_on.boxed(), digest)
}

fn finish_at(tail: &mut Option<(Sha256, oneshot::Sender<Sha>)>, left: u64) {
    if left == 0
        && let Some((digest, done)) = tail.take()
    {
        // Whoever does not wait for it has met another error.
        let _ = done.send(digest.finalize().into());
    }
}

/// What the folder's own URL gives leave for: here nobody serves it.
fn permit(local: &LocalBlobs, method: &str, url: &str) -> Result<Permit, String> {
    let start = url.rfind(PATH_PREFIX).unwrap_or_default();
    local.verify(method, &url[start..]).map_err(words)
}

fn words(error: impl std::error::Error + 'static) -> String {
    Chain(&error).to_string()
}
