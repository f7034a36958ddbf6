//! What is uploaded: a file that must not change meanwhile, or a stream that is spooled first.

use crate::error::Error;
use crypt_keeper_crypto::{
    DecryptingReader, DocumentKey, EncryptingWriter, FreshHeader, random_bytes,
};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Binds a spool's encryption to its purpose: no document has this id.
const SPOOL_ID: [u8; 16] = *b"ckc upload spool";

/// Where a document comes from.
pub enum Source {
    /// A file. A pipe or device is read like a stream.
    File(PathBuf),
    /// Anything that can be read once, such as standard input. Version 1 wants the length first,
    /// so it is kept in an unnamed temporary file, encrypted under a key that is thrown away.
    Stream(Box<dyn Read + Send>),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// A plaintext of known length that can be read as often as it takes.
#[derive(Debug)]
pub(crate) struct Plaintext {
    length: u64,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    File {
        path: PathBuf,
        file: File,
        modified: Option<SystemTime>,
    },
    Spool {
        file: File,
        key: DocumentKey,
    },
}

impl Plaintext {
    /// Opens a source, and spools it if it can be read only once. Blocks.
    ///
    /// # Errors
    /// [`Error::TooLarge`] as soon as it has more than `limit` bytes.
    pub(crate) fn open(source: Source, limit: u64) -> Result<Self, Error> {
        match source {
            Source::File(path) => Self::open_file(path, limit),
            Source::Stream(reader) => Self::spool(reader, limit, Error::Input),
        }
    }

    fn open_file(path: PathBuf, limit: u64) -> Result<Self, Error> {
        let unreadable = |source| Error::SourceUnreadable {
            path: path.clone(),
            source,
        };
        if fs::metadata(&path).map_err(unreadable)?.is_dir() {
            return Err(Error::SourceIsFolder(path));
        }
        let file = File::open(&path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Self::spool(Box::new(file), limit, unreadable);
        }
        let length = metadata.len();
        if length > limit {
            return Err(Error::TooLarge {
                length: Some(length),
                limit,
            });
        }
        let modified = metadata.modified().ok();
        Ok(Self {
            length,
            kind: Kind::File {
                path,
                file,
                modified,
            },
        })
    }

    fn spool(
        mut reader: Box<dyn Read + Send>,
        limit: u64,
        unreadable: impl Fn(io::Error) -> Error,
    ) -> Result<Self, Error> {
        let unwritable = |source| Error::Write {
            path: std::env::temp_dir(),
            source,
        };
        let key = DocumentKey::try_fill(|bytes| random_bytes(bytes)).map_err(internal)?;
        let header = FreshHeader::generate().map_err(internal)?;
        // Unnamed: it is gone with this process, however that ends.
        let file = tempfile::tempfile().map_err(unwritable)?;
        let mut spool = EncryptingWriter::new(file, &key, &SPOOL_ID, header).map_err(internal)?;
        let mut buffer = vec![0; 256 << 10];
        let mut length = 0;
        loop {
            let read = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable(error)),
            };
            length += read as u64;
            if length > limit {
                return Err(Error::TooLarge {
                    length: None,
                    limit,
                });
            }
            spool.write_all(&buffer[..read]).map_err(unwritable)?;
        }
        let file = spool.finish().map_err(unwritable)?;
        Ok(Self {
            length,
            kind: Kind::Spool { file, key },
        })
    }

    /// Length in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Reads it from its start. One reader at a time: they share a file position.
    pub(crate) fn reader(&self) -> Result<Box<dyn Read + Send>, Error> {
        let (Kind::File { file, .. } | Kind::Spool { file, .. }) = &self.kind;
        let mut file = file.try_clone().map_err(|error| self.unreadable(error))?;
        file.rewind().map_err(|error| self.unreadable(error))?;
        Ok(match &self.kind {
            Kind::File { .. } => Box::new(file),
            Kind::Spool { key, .. } => Box::new(DecryptingReader::new(file, key, &SPOOL_ID)),
        })
    }

    /// Fails unless `reader` is at its end and the file is still what it was when it was opened.
    /// Called before the last bytes are sent, so that no object of a changed file is completed.
    pub(crate) fn check_end(&self, reader: &mut dyn Read) -> Result<(), Error> {
        let more = loop {
            match reader.read(&mut [0]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read.map_err(|error| self.unreadable(error))?,
            }
        };
        match &self.kind {
            Kind::File {
                path,
                file,
                modified,
            } => {
                let now = file.metadata().map_err(|error| self.unreadable(error))?;
                let same =
                    more == 0 && now.len() == self.length && now.modified().ok() == *modified;
                if same {
                    Ok(())
                } else {
                    Err(Error::SourceChanged(path.clone()))
                }
            }
            Kind::Spool { .. } if more == 0 => Ok(()),
            Kind::Spool { .. } => Err(spool_damaged()),
        }
    }

    /// What an error of a reader means.
    pub(crate) fn unreadable(&self, error: io::Error) -> Error {
        match &self.kind {
            Kind::File { path, .. } if error.kind() == io::ErrorKind::UnexpectedEof => {
                Error::SourceChanged(path.clone())
            }
            Kind::File { path, .. } => Error::SourceUnreadable {
                path: path.clone(),
                source: error,
            },
            Kind::Spool { .. } => spool_damaged(),
        }
    }
}

fn spool_damaged() -> Error {
    Error::Internal(format!(
        "the temporary file in {} was damaged while it was read",
        crate::terminal::escaped_path(&std::env::temp_dir())
    ))
}

fn internal(error: crypt_keeper_crypto::OpenSslError) -> Error {
    Error::Internal(error.to_string())
}

/// Name of a document that comes from a file of this path.
pub(crate) fn name_of(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn read_all(plaintext: &Plaintext) -> Vec<u8> {
        let mut bytes = Vec::new();
        plaintext.reader().unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    }

    fn stream(bytes: &[u8]) -> Source {
        Source::Stream(Box::new(Cursor::new(bytes.to_vec())))
    }

    #[test]
    fn a_stream_can_be_read_twice_and_lies_encrypted_meanwhile() {
        let secret = b"attack at dawn ".repeat(100_000);
        let plaintext = Plaintext::open(stream(&secret), u64::MAX).unwrap();
        assert_eq!(plaintext.length(), secret.len() as u64);
        assert_eq!(read_all(&plaintext), secret);
        assert_eq!(read_all(&plaintext), secret);
        let Kind::Spool { file, .. } = &plaintext.kind else {
            panic!("{plaintext:?}")
        };
        let mut raw = Vec::new();
        let mut file = file.try_clone().unwrap();
        file.rewind().unwrap();
        file.read_to_end(&mut raw).unwrap();
        assert!(raw.len() > secret.len());
        assert!(!raw.windows(15).any(|window| window == b"attack at dawn "));
    }

    #[test]
    fn too_much_is_refused_at_the_first_byte_too_many() {
        assert!(Plaintext::open(stream(b"12345"), 5).is_ok());
        let error = Plaintext::open(stream(b"123456"), 5).unwrap_err();
        assert!(matches!(
            error,
            Error::TooLarge {
                length: None,
                limit: 5
            }
        ));
        let endless = Source::Stream(Box::new(io::repeat(1)));
        assert!(matches!(
            Plaintext::open(endless, 1 << 20),
            Err(Error::TooLarge { .. })
        ));
    }

    #[test]
    fn a_file_that_grows_shrinks_or_is_rewritten_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let changed_by = |change: &dyn Fn()| {
            fs::write(&path, "12345").unwrap();
            let old = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
            File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .set_modified(old)
                .unwrap();
            let plaintext = Plaintext::open(Source::File(path.clone()), 100).unwrap();
            let mut reader = plaintext.reader().unwrap();
            change();
            let mut buffer = [0; 5];
            let read = reader
                .read_exact(&mut buffer)
                .map_err(|e| plaintext.unreadable(e));
            read.and_then(|()| plaintext.check_end(&mut reader))
        };
        assert!(changed_by(&|| {}).is_ok());
        for change in [
            &|| fs::write(&path, "123456").unwrap() as _,
            &|| fs::write(&path, "1234").unwrap(),
            &|| fs::write(&path, "54321").unwrap(),
        ] as [&dyn Fn(); 3]
        {
            assert!(matches!(changed_by(change), Err(Error::SourceChanged(_))));
        }
    }

    #[test]
    fn folders_and_absent_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let open = |path: PathBuf| Plaintext::open(Source::File(path), 1).unwrap_err();
        assert!(matches!(
            open(folder.path().to_owned()),
            Error::SourceIsFolder(_)
        ));
        assert!(matches!(
            open(folder.path().join("no")),
            Error::SourceUnreadable { .. }
        ));
    }
}
