use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crypt_keeper_crypto::MasterKeyRing;

use super::{MasterKeyCommand, MasterKeySourceError, read_master_key_file};

/// Where a ring of master keys is read from, as often as it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MasterKeySource {
    /// A file, see [`read_master_key_file`].
    File(PathBuf),
    /// A command, and how long it may take.
    Command(MasterKeyCommand, Duration),
}

impl MasterKeySource {
    /// Reads the ring.
    ///
    /// # Errors
    /// [`MasterKeySourceError`].
    pub async fn read(&self) -> Result<MasterKeyRing, MasterKeySourceError> {
        match self {
            Self::File(path) => {
                let file = path.clone();
                let read = tokio::task::spawn_blocking(move || read_master_key_file(&file));
                read.await.unwrap_or_else(|error| {
                    Err(MasterKeySourceError::Read {
                        path: path.clone(),
                        source: io::Error::other(error),
                    })
                })
            }
            Self::Command(command, limit) => command.run(*limit).await,
        }
    }

    /// What tells one state of the file from the next; `None` for a command, and for a file that
    /// cannot be looked at.
    pub(super) fn version(&self) -> Option<FileVersion> {
        match self {
            Self::File(path) => FileVersion::of(path).ok(),
            Self::Command(..) => None,
        }
    }
}

/// Which file bears a name, and when it was last written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileVersion {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl FileVersion {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}
