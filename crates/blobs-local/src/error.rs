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
    /// busy, not mounted or gone, or files are short.
    fn may_pass(&self) -> bool {
        // Without a kind of their own: EIO, ENXIO and ENODEV, as of a disk that was pulled out, and
        // ENFILE and EMFILE.
        matches!(self.source.raw_os_error(), Some(5 | 6 | 19 | 23 | 24))
            || matches!(
                self.source.kind(),
                io::ErrorKind::NotFound
                    | io::ErrorKind::StorageFull
                    | io::ErrorKind::QuotaExceeded
                    | io::ErrorKind::ReadOnlyFilesystem
                    | io::ErrorKind::ResourceBusy
                    | io::ErrorKind::StaleNetworkFileHandle
                    | io::ErrorKind::HostUnreachable
                    | io::ErrorKind::NotConnected
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
    /// The object is there already, and is never overwritten; answer 409.
    #[error("the object is there already, and is not overwritten")]
    Exists,
    /// The body is longer than the URL allows; answer 413.
    #[error("the body is too long: at most {limit} bytes are taken")]
    TooLong {
        /// The longest body taken, in bytes.
        limit: u64,
    },
    /// The body ended before or after its announced length; answer 400, if anyone still listens.
    #[error("{received} bytes came where {announced} were announced")]
    WrongLength {
        /// What `Content-Length` said.
        announced: u64,
        /// What came.
        received: u64,
    },
    /// The folder failed; answer 503 if it is unavailable, else 500.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_unavailable_and_the_rest_is_not() {
        let unavailable = |code| {
            let source = io::Error::from_raw_os_error(code);
            let error = FolderError::new("write", Path::new("x"), source);
            matches!(BlobError::from(error), BlobError::Unavailable(_))
        };
        let (enoent, emfile, enospc, erofs, edquot, estale) = (2, 24, 28, 30, 122, 116);
        for code in [enoent, emfile, enospc, erofs, edquot, estale] {
            assert!(unavailable(code), "{code}");
        }
        let (eio, enxio, enodev, enotconn) = (5, 6, 19, 107);
        for code in [eio, enxio, enodev, enotconn] {
            assert!(unavailable(code), "{code}");
        }
        let (eacces, enotdir) = (13, 20);
        for code in [eacces, enotdir] {
            assert!(!unavailable(code), "{code}");
        }
    }

    #[test]
    fn an_error_names_the_act_and_the_place() {
        let source = io::Error::from_raw_os_error(28);
        let error = FolderError::new("write", Path::new("/data/x"), source);
        assert_eq!(error.to_string(), "cannot write /data/x");
    }
}
