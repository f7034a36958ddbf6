use std::io;
use std::path::{Path, PathBuf};

use crypt_keeper_domain::ports::{BlobError, BoxError};

use crate::signed_url::InvalidPublicUrl;

/// Something could not be done in the folder.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}", path.display())]
pub struct FolderError {
    doing: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl FolderError {
    pub(crate) fn new(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self {
            doing,
            path: path.to_owned(),
            source,
        }
    }

    /// The operating system's word.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }

    /// Whether it may work again without a change of configuration: the disk is full, read-only,
    /// busy or not mounted, or files are short.
    fn may_pass(&self) -> bool {
        // EMFILE and ENFILE have no kind of their own.
        let out_of_files = matches!(self.source.raw_os_error(), Some(23 | 24));
        out_of_files
            || matches!(
                self.source.kind(),
                io::ErrorKind::NotFound
                    | io::ErrorKind::StorageFull
                    | io::ErrorKind::QuotaExceeded
                    | io::ErrorKind::ReadOnlyFilesystem
                    | io::ErrorKind::ResourceBusy
                    | io::ErrorKind::StaleNetworkFileHandle
                    | io::ErrorKind::HostUnreachable
                    | io::ErrorKind::TimedOut
                    | io::ErrorKind::OutOfMemory
            )
    }
}

impl From<FolderError> for BlobError {
    fn from(error: FolderError) -> Self {
        if error.may_pass() {
            Self::Unavailable(Box::new(error))
        } else {
            Self::Backend(Box::new(error))
        }
    }
}

/// Why a folder cannot serve as blob store.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be made, or read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The address that clients see is none.
    #[error(transparent)]
    PublicUrl(#[from] InvalidPublicUrl),
}

/// Why an upload was not taken. Nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// The object is there already: it is never overwritten.
    #[error("the object is there already, and is not overwritten")]
    Exists,
    /// The body is longer than the URL allows.
    #[error("the body is too long: at most {limit} bytes are taken")]
    TooLong {
        /// The longest body taken, in bytes.
        limit: u64,
    },
    /// The body ended before or after its announced length.
    #[error("{received} bytes came where {announced} were announced")]
    WrongLength {
        /// What `Content-Length` said.
        announced: u64,
        /// What came.
        received: u64,
    },
    /// The folder failed.
    #[error(transparent)]
    Store(#[from] BlobError),
}

impl From<FolderError> for PutError {
    fn from(error: FolderError) -> Self {
        Self::Store(error.into())
    }
}

/// Runs blocking work on tokio's blocking threads.
pub(crate) async fn blocking<T, E>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<BlobError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // The runtime shuts down, or the work panicked.
        Err(error) => Err(BlobError::Unavailable(BoxError::from(error)).into()),
    }
}
