use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use crypt_keeper_domain::model::{ObjectKey, ObjectPrefix, Timestamp};
use tempfile::NamedTempFile;

use crate::error::{FolderError, PutError};

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// No upload takes so long: its URL has expired, and no connection lives a day.
const LEFTOVER_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// How often folders are made again if deletions take them away under an upload.
pub(crate) const PUBLISH_ATTEMPTS: usize = 20;
/// One block of most file systems.
const PROBE_LENGTH: usize = 4096;

/// What lies where: `objects/<object key>`, and `incoming/` for uploads on their way, so that the
/// final step is a rename within one file system. All calls block.
#[derive(Debug)]
pub(crate) struct Folder {
    objects: PathBuf,
    incoming: PathBuf,
}

impl Folder {
    /// Makes what is missing. Only here: a folder that vanishes later is a disk that is not
    /// mounted, and must not be made anew on the disk below it.
    pub(crate) fn open(root: &Path) -> Result<Self, FolderError> {
        let folder = Self {
            objects: root.join("objects"),
            incoming: root.join("incoming"),
        };
        for path in [&folder.objects, &folder.incoming] {
            DirBuilder::new()
                .recursive(true)
                .mode(FOLDER_MODE)
                .create(path)
                .map_err(|error| FolderError::new("make the folder", path, error))?;
        }
        sync_folder(root)?;
        Ok(folder)
    }

    pub(crate) fn object_path(&self, key: &ObjectKey) -> PathBuf {
        self.objects.join(key.as_str())
    }

    /// The object's file; `None` if there is none.
    pub(crate) fn open_object(
        &self,
        key: &ObjectKey,
    ) -> Result<Option<(File, fs::Metadata)>, FolderError> {
        let path = self.object_path(key);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if is_missing(&error) => {
                self.require_objects()?;
                return Ok(None);
            }
            Err(error) => return Err(FolderError::new("open", &path, error)),
        };
        let metadata = file
            .metadata()
            .map_err(|error| FolderError::new("look at", &path, error))?;
        Ok(metadata.is_file().then_some((file, metadata)))
    }

    /// A file for an upload on its way; removed on drop.
    pub(crate) fn new_incoming(&self) -> Result<NamedTempFile, FolderError> {
        incoming()
            .permissions(Permissions::from_mode(FILE_MODE))
            .tempfile_in(&self.incoming)
            .map_err(|error| FolderError::new("make a file in", &self.incoming, error))
    }

    /// The same, made by `make` under the path it is given.
    pub(crate) fn new_incoming_by<F>(
        &self,
        make: impl FnMut(&Path) -> io::Result<F>,
    ) -> Result<NamedTempFile<F>, FolderError> {
        incoming()
            .make_in(&self.incoming, make)
            .map_err(|error| FolderError::new("make a file in", &self.incoming, error))
    }

    /// Gives a finished upload its name, unless that is taken, and sees it onto the disk.
    pub(crate) fn publish(
        &self,
        mut incoming: NamedTempFile,
        key: &ObjectKey,
    ) -> Result<(), PutError> {
        incoming
            .as_file()
            .sync_all()
            .map_err(|error| FolderError::new("flush", incoming.path(), error))?;
        let path = self.object_path(key);
        let mut attempt = 1;
        loop {
            let failed = match self.make_folders(key) {
                Ok(folders) => match incoming.persist_noclobber(&path) {
                    Ok(_) => return Ok(self.flush(&folders)?),
                    Err(failed) => {
                        incoming = failed.file;
                        FolderError::new("name", &path, failed.error)
                    }
                },
                Err(failed) => failed,
            };
            match failed.kind() {
                io::ErrorKind::AlreadyExists => return Err(PutError::Exists),
                // A deletion has just taken the emptied folder away.
                io::ErrorKind::NotFound if attempt < PUBLISH_ATTEMPTS => {
                    self.require_objects()?;
                    attempt += 1;
                }
                _ => return Err(failed.into()),
            }
        }
    }

    /// A folder that was there before may have been made a moment ago, by an upload that has not
    /// flushed its parent yet: all are flushed, from the object up. One that is gone went with
    /// the object, in a deletion since.
    pub(crate) fn flush(&self, folders: &[PathBuf]) -> Result<(), FolderError> {
        for folder in folders.iter().rev() {
            flush_if_there(folder)?;
        }
        self.require_objects()
    }

    /// Makes the folders above a key, one by one below `objects`; all of them, the top one first.
    pub(crate) fn make_folders(&self, key: &ObjectKey) -> Result<Vec<PathBuf>, FolderError> {
        let mut folders = vec![self.objects.clone()];
        let mut path = self.objects.clone();
        let parents = key.as_str().rsplit_once('/').map_or("", |(above, _)| above);
        for part in parents.split('/').filter(|part| !part.is_empty()) {
            path.push(part);
            match DirBuilder::new().mode(FOLDER_MODE).create(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(FolderError::new("make the folder", &path, error)),
            }
            folders.push(path.clone());
        }
        Ok(folders)
    }

    /// Removes every file under a prefix, and its folder; how many files there were.
    pub(crate) fn remove(&self, prefix: &ObjectPrefix) -> Result<u64, FolderError> {
        let path = self.objects.join(prefix.as_str());
        self.refuse_links(prefix)?;
        let removed = remove_below(&path)?;
        if let Some(parent) = path.parent().filter(|_| removed.folder) {
            flush_if_there(parent)?;
        }
        self.require_objects()?;
        Ok(removed.files)
    }

    /// A link on the way may lead into another partition, or out of the folder.
    fn refuse_links(&self, prefix: &ObjectPrefix) -> Result<(), FolderError> {
        let mut path = self.objects.clone();
        for part in prefix.as_str().split_terminator('/') {
            path.push(part);
            match fs::symlink_metadata(&path) {
                Ok(found) if found.is_symlink() => {
                    let why = "it is a symbolic link: put the folder itself in its place";
                    let why = io::Error::new(io::ErrorKind::InvalidInput, why);
                    return Err(FolderError::new("delete what is under", &path, why));
                }
                Ok(_) => {}
                Err(error) if is_missing(&error) => return Ok(()),
                Err(error) => return Err(FolderError::new("look at", &path, error)),
            }
        }
        Ok(())
    }

    /// Removes what crashed uploads left behind a day ago or earlier; how many files.
    pub(crate) fn remove_leftovers(&self, now: Timestamp) -> Result<u64, FolderError> {
        let mut removed = 0;
        for entry in entries(&self.incoming)? {
            let path = entry.path();
            let age = match entry.metadata().and_then(|metadata| metadata.modified()) {
                Ok(modified) => age_of(modified, now),
                Err(error) if is_missing(&error) => continue,
                Err(error) => return Err(FolderError::new("look at", &path, error)),
            };
            if age >= LEFTOVER_AGE && remove_file(&path)? {
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Whether files can be made and written, and objects found.
    pub(crate) fn probe(&self) -> Result<(), FolderError> {
        self.require_objects()?;
        let mut probe = self.new_incoming()?;
        let path = probe.path().to_owned();
        // A full disk still makes empty files.
        probe
            .write_all(&[0; PROBE_LENGTH])
            .map_err(|error| FolderError::new("write", &path, error))?;
        probe
            .close()
            .map_err(|error| FolderError::new("remove", &path, error))
    }

    pub(crate) fn require_objects(&self) -> Result<(), FolderError> {
        fs::metadata(&self.objects)
            .map(|_| ())
            .map_err(|error| FolderError::new("find the folder", &self.objects, error))
    }
}

fn incoming() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("upload-").suffix(".part").rand_bytes(16);
    builder
}

struct Removed {
    files: u64,
    folder: bool,
}

/// Links are removed, never followed.
fn remove_below(folder: &Path) -> Result<Removed, FolderError> {
    let mut removed = Removed {
        files: 0,
        folder: false,
    };
    let entries = match entries(folder) {
        Ok(entries) => entries,
        Err(error) if is_missing_kind(error.kind()) => return Ok(removed),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry.path();
        let kind = entry
            .file_type()
            .map_err(|error| FolderError::new("look at", &path, error))?;
        if kind.is_dir() {
            removed.files += remove_below(&path)?.files;
        } else if remove_file(&path)? {
            removed.files += 1;
        }
    }
    match fs::remove_dir(folder) {
        Ok(()) => removed.folder = true,
        // An upload has just put something in.
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => flush_if_there(folder)?,
        Err(error) if is_missing(&error) => {}
        Err(error) => return Err(FolderError::new("remove the folder", folder, error)),
    }
    Ok(removed)
}

fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>, FolderError> {
    fs::read_dir(folder)
        .and_then(Iterator::collect)
        .map_err(|error| FolderError::new("list", folder, error))
}

/// Whether it was there.
fn remove_file(path: &Path) -> Result<bool, FolderError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if is_missing(&error) => Ok(false),
        Err(error) => Err(FolderError::new("remove", path, error)),
    }
}

/// A name is on the disk once its folder is.
fn sync_folder(path: &Path) -> Result<(), FolderError> {
    match File::open(path).and_then(|folder| folder.sync_all()) {
        Ok(()) => Ok(()),
        Err(error) => Err(FolderError::new("flush the folder", path, error)),
    }
}

fn flush_if_there(path: &Path) -> Result<(), FolderError> {
    match sync_folder(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        flushed => flushed,
    }
}

/// No such file; or a part of its path is a file itself, which comes to the same.
fn is_missing(error: &io::Error) -> bool {
    is_missing_kind(error.kind())
}

fn is_missing_kind(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn age_of(modified: std::time::SystemTime, now: Timestamp) -> Duration {
    let modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    now.since(Timestamp::EPOCH.plus(modified))
}
