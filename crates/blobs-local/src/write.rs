use std::fmt;
use std::sync::Arc;

use crypt_keeper_domain::model::ObjectKey;
use crypt_keeper_domain::ports::{BlobError, ObjectInfo};
use tempfile::NamedTempFile;
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};
use tokio::runtime::Handle;

use crate::error::{FolderError, PutError, blocking};
use crate::folder::Folder;
use crate::read::object_info;
use crate::signed_url::PutPermit;

/// Bytes gathered before a hop to a blocking thread.
const BUFFER: usize = 512 * 1024;

/// An upload on its way. Dropped before [`finish`](Self::finish), it leaves nothing.
pub struct ObjectWriter {
    folder: Arc<Folder>,
    permit: PutPermit,
    announced: Option<u64>,
    written: u64,
    out: BufWriter<File>,
    incoming: Incoming,
}

impl ObjectWriter {
    pub(crate) async fn begin(
        folder: Arc<Folder>,
        permit: &PutPermit,
        announced: Option<u64>,
    ) -> Result<Self, PutError> {
        let limit = permit.max_length();
        if announced.is_some_and(|length| length > limit) {
            return Err(PutError::TooLong { limit });
        }
        let key = permit.key().clone();
        let within = Arc::clone(&folder);
        let (incoming, file) = blocking(move || open_incoming(&within, &key)).await?;
        Ok(Self {
            folder,
            permit: permit.clone(),
            announced,
            written: 0,
            out: BufWriter::with_capacity(BUFFER, File::from_std(file)),
            incoming,
        })
    }

    /// Takes the next bytes of the body.
    ///
    /// # Errors
    /// [`PutError::TooLong`] once there are more than the URL allows, [`PutError::WrongLength`]
    /// once there are more than were announced, [`PutError::Store`] if the disk fails or is full.
    /// The writer is of no use after that.
    pub async fn write(&mut self, chunk: &[u8]) -> Result<(), PutError> {
        let written = self.written.saturating_add(chunk.len() as u64);
        let limit = self.permit.max_length();
        if written > limit {
            return Err(PutError::TooLong { limit });
        }
        if let Some(announced) = self.announced.filter(|announced| written > *announced) {
            return Err(PutError::WrongLength {
                announced,
                received: written,
            });
        }
        self.written = written;
        let done = self.out.write_all(chunk).await;
        done.map_err(|error| self.failed(error))
    }

    /// Flushes the object to the disk and gives it its name. What this answers holds after a power
    /// cut.
    ///
    /// # Errors
    /// [`PutError::Exists`] if an object of that name has come meanwhile; it stays as it is.
    /// [`PutError::WrongLength`] if less came than was announced; [`PutError::Store`].
    pub async fn finish(mut self) -> Result<ObjectInfo, PutError> {
        if let Some(announced) = self.announced.filter(|length| *length != self.written) {
            return Err(PutError::WrongLength {
                announced,
                received: self.written,
            });
        }
        let flushed = self.out.flush().await;
        flushed.map_err(|error| self.failed(error))?;
        let Some(incoming) = self.incoming.0.take() else {
            return Err(BlobError::Backend("the upload has ended before".into()).into());
        };
        let folder = Arc::clone(&self.folder);
        let key = self.permit.key().clone();
        blocking(move || publish(&folder, incoming, &key)).await
    }

    fn failed(&self, error: std::io::Error) -> PutError {
        let path = self.folder.object_path(self.permit.key());
        FolderError::new("write the upload of", &path, error).into()
    }
}

impl fmt::Debug for ObjectWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectWriter")
            .field("key", self.permit.key())
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}

/// Refuses at once what would be refused after gigabytes.
fn open_incoming(folder: &Folder, key: &ObjectKey) -> Result<(Incoming, std::fs::File), PutError> {
    if folder.open_object(key)?.is_some() {
        return Err(PutError::Exists);
    }
    let incoming = folder.new_incoming()?;
    let file = incoming
        .as_file()
        .try_clone()
        .map_err(|error| FolderError::new("open", incoming.path(), error))?;
    Ok((Incoming(Some(incoming)), file))
}

fn publish(
    folder: &Folder,
    incoming: NamedTempFile,
    key: &ObjectKey,
) -> Result<ObjectInfo, PutError> {
    let path = incoming.path().to_owned();
    let metadata = incoming
        .as_file()
        .metadata()
        .map_err(|error| FolderError::new("look at", &path, error))?;
    folder.publish(incoming, key)?;
    Ok(object_info(&metadata))
}

/// The temporary file; removing gigabytes takes a while, so that is not done on an async worker.
struct Incoming(Option<NamedTempFile>);

impl Drop for Incoming {
    fn drop(&mut self) {
        let Some(file) = self.0.take() else { return };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || drop(file))),
            Err(_) => drop(file),
        }
    }
}
