use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_crypto::{MasterKey, MasterKeyRing};
use crypt_keeper_secret::SecretBytes;

use super::sealed_ring::{open_lines, read_sealed_file};
use super::{
    MasterKeyCommand, MasterKeySourceError, RingFile, RingSeal, SealedLine, read_master_key_file,
};

/// Where a ring of master keys is read from, as often as it is needed.
#[derive(Clone, Debug)]
pub enum MasterKeySource {
    /// A file, see [`read_master_key_file`].
    File(PathBuf),
    /// A file of the same kind whose keys are sealed, and what opens them: one call a reading.
    SealedFile(PathBuf, Arc<dyn RingSeal>),
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
            Self::File(path) => read_aside(path, read_master_key_file).await,
            Self::SealedFile(path, seal) => {
                let lines = read_aside(path, read_sealed_file).await?;
                open_lines(path, &lines, &**seal).await
            }
            Self::Command(command, limit) => command.run(*limit).await,
        }
    }

    /// The file, if it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) | Self::SealedFile(path, _) => Some(path),
            Self::Command(..) => None,
        }
    }

    /// Its file, to be changed; `None` if it is none.
    ///
    /// # Errors
    /// Those of [`RingFile::open`].
    pub fn open_file(&self) -> Result<Option<RingFile>, MasterKeySourceError> {
        match self {
            Self::File(path) => RingFile::open(path).map(Some),
            Self::SealedFile(path, _) => RingFile::open_sealed(path).map(Some),
            Self::Command(..) => Ok(None),
        }
    }

    /// The line of a new key, as the source would have it: in clear, or sealed.
    ///
    /// # Errors
    /// [`MasterKeySourceError::Seal`].
    pub async fn line_of(&self, key: MasterKey) -> Result<SecretBytes, MasterKeySourceError> {
        match self {
            Self::SealedFile(_, seal) => {
                let line = SealedLine::of(&key, &**seal).await?;
                Ok(SecretBytes::new(line.text().into_bytes()))
            }
            Self::File(_) | Self::Command(..) => Ok(MasterKeyRing::new(key).to_text()),
        }
    }

    /// What tells one state of the file from the next; `None` for a command, and for a file that
    /// cannot be looked at.
    pub(super) fn version(&self) -> Option<FileVersion> {
        self.file().and_then(|path| FileVersion::of(path).ok())
    }
}

/// Reads a file on a thread that may wait for it.
async fn read_aside<T: Send + 'static>(
    path: &Path,
    read: fn(&Path) -> Result<T, MasterKeySourceError>,
) -> Result<T, MasterKeySourceError> {
    let file = path.to_owned();
    let reading = tokio::task::spawn_blocking(move || read(&file));
    reading.await.unwrap_or_else(|error| {
        Err(MasterKeySourceError::Read {
            path: path.to_owned(),
            source: io::Error::other(error),
        })
    })
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
