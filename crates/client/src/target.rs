//! Where a downloaded document goes: a temporary name in the target folder, then, once every byte
//! is verified and on disk, its own name.

use crate::error::Error;
use crate::write_behind::WriteBehind;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::{NamedTempFile, TempPath};

/// Where a document is downloaded to.
pub enum Target {
    /// Into a folder, under its stored name made safe (see [`crate::FileName`]).
    Folder(PathBuf),
    /// To a file of this name.
    File(PathBuf),
    /// To a stream, segment by segment: every byte is verified before it is written, but only
    /// success tells that the document is complete.
    Stream(Box<dyn Write + Send>),
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => f.debug_tuple("Folder").field(path).finish(),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// What happens to a file that has the target's name already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the download is refused.
    #[default]
    Keep,
    /// It is replaced, at the very end.
    Replace,
}

/// A file in the making. Dropped before it is placed, it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct PendingFile {
    path: PathBuf,
    existing: Existing,
    temporary: TempPath,
}

impl PendingFile {
    /// Makes a temporary file (mode 0600) beside `path`.
    ///
    /// # Errors
    /// [`Error::TargetExists`], [`Error::TargetNotAFile`], [`Error::Write`].
    pub(crate) fn create(path: PathBuf, existing: Existing) -> Result<(Self, File), Error> {
        if fs::symlink_metadata(&path).is_ok() {
            // A device must not be replaced by a file; a link that leads nowhere may be.
            if fs::metadata(&path).is_ok_and(|target| !target.is_file()) {
                return Err(Error::TargetNotAFile(path));
            }
            if existing == Existing::Keep {
                return Err(Error::TargetExists(path));
            }
        }
        let folder = folder_of(&path);
        fs::metadata(folder).map_err(|source| Error::Write {
            path: folder.to_owned(),
            source,
        })?;
        let temporary = tempfile::Builder::new()
            .prefix(".ckc-")
            .suffix(".part")
            .tempfile_in(folder)
            .map_err(|source| Error::Write {
                path: folder.to_owned(),
                source,
            })?;
        let (file, temporary) = NamedTempFile::into_parts(temporary);
        Ok((
            Self {
                path,
                existing,
                temporary,
            },
            file,
        ))
    }

    /// Where it will be.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the content durable. Blocks for as long as the disk takes: the temporary name stays
    /// with the caller meanwhile, who removes it if he gives up.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(crate) fn flush(written: WriteBehind, path: &Path) -> Result<(), Error> {
        written
            .finish()
            .and_then(|file| {
                set_mode(&file, path)?;
                file.sync_all()
            })
            .map_err(|source| Error::Write {
                path: path.to_owned(),
                source,
            })
    }

    /// Gives a flushed file its name, in one step that cannot be seen half done.
    ///
    /// # Errors
    /// [`Error::TargetExists`] if a file of that name has appeared meanwhile, [`Error::Write`].
    pub(crate) fn place(self) -> Result<PathBuf, Error> {
        let Self {
            path,
            existing,
            temporary,
        } = self;
        let failed = |source| Error::Write {
            path: path.clone(),
            source,
        };
        let placed = match existing {
            Existing::Keep => temporary.persist_noclobber(&path),
            Existing::Replace => temporary.persist(&path),
        };
        match placed {
            Ok(()) => {}
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(Error::TargetExists(path));
            }
            Err(error) => return Err(failed(error.error)),
        }
        sync_folder(folder_of(&path)).map_err(failed)?;
        Ok(path)
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Gives the file the mode of the one it replaces, or else the one that any new file would get.
#[cfg(unix)]
fn set_mode(file: &File, path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let permissions = match fs::metadata(path) {
        Ok(replaced) => fs::Permissions::from_mode(replaced.permissions().mode() & 0o777),
        // The umask can be read only by setting it, which other threads would notice: a file that
        // is made and dropped shows it.
        Err(_) => tempfile::Builder::new()
            .prefix(".ckc-")
            .permissions(fs::Permissions::from_mode(0o666))
            .tempfile_in(folder_of(path))?
            .as_file()
            .metadata()?
            .permissions(),
    };
    file.set_permissions(permissions)
}

#[cfg(not(unix))]
fn set_mode(_: &File, _: &Path) -> io::Result<()> {
    Ok(())
}

/// Makes the new name itself durable.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let (pending, mut file) = PendingFile::create(path.clone(), Existing::Keep).unwrap();
        assert_eq!(names(folder.path()).len(), 1);
        assert!(!path.exists());
        drop(pending);
        assert!(names(folder.path()).is_empty());

        let (pending, mut again) = PendingFile::create(path.clone(), Existing::Keep).unwrap();
        assert_eq!(mode(&pending.temporary), 0o600);
        again.write_all(b"whole").unwrap();
        file.write_all(b"lost").unwrap();
        PendingFile::flush(WriteBehind::new(again), &path).unwrap();
        assert_eq!(pending.place().unwrap(), path);
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(names(folder.path()), ["a"]);
        // As the umask of this process has it: what any new file gets.
        fs::write(folder.path().join("b"), "").unwrap();
        assert_eq!(mode(&path), mode(&folder.path().join("b")));
    }

    #[test]
    fn a_file_that_exists_is_kept_unless_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let (late, file) = PendingFile::create(path.clone(), Existing::Keep).unwrap();
        fs::write(&path, "mine").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = PendingFile::create(path.clone(), Existing::Keep);
        assert!(matches!(refused, Err(Error::TargetExists(_))));
        PendingFile::flush(WriteBehind::new(file), &path).unwrap();
        assert!(matches!(late.place(), Err(Error::TargetExists(_))));
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        assert_eq!(names(folder.path()), ["a"]);

        let (pending, mut file) = PendingFile::create(path.clone(), Existing::Replace).unwrap();
        file.write_all(b"new").unwrap();
        PendingFile::flush(WriteBehind::new(file), &path).unwrap();
        pending.place().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(mode(&path), 0o640);
    }

    #[test]
    fn devices_and_folders_are_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        symlink("/dev/null", &link).unwrap();
        for path in [Path::new("/dev/null"), folder.path(), &link] {
            let refused = PendingFile::create(path.to_owned(), Existing::Replace);
            assert!(matches!(refused, Err(Error::TargetNotAFile(_))), "{path:?}");
        }
        let nowhere = folder.path().join("no").join("a");
        assert!(matches!(
            PendingFile::create(nowhere, Existing::Keep),
            Err(Error::Write { .. })
        ));
    }
}
