//! The data folder: what lies where in it, and how files are put there so that a power cut leaves
//! either none or whole ones.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::StartError;

/// Master key, API key and database are nothing for a repository.
const IGNORE_ALL: &str = "*\n";

/// The folder of the embedded default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// The folder of a name; nothing is made yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The metadata database.
    #[must_use]
    pub fn metadata(&self) -> PathBuf {
        self.0.join("metadata.db")
    }

    /// The key store: sealed private halves, with backups of its own.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.0.join("keys.db")
    }

    /// The objects.
    #[must_use]
    pub fn blobs(&self) -> PathBuf {
        self.0.join("blobs")
    }

    /// The master key that the embedded default makes.
    #[must_use]
    pub fn master_key(&self) -> PathBuf {
        self.0.join("master.key")
    }

    /// The profile of the first user.
    #[must_use]
    pub fn profile(&self) -> PathBuf {
        self.0.join("ckc.toml")
    }

    /// Makes the folder, for its owner alone, and tells git to leave it alone.
    pub(crate) fn make(&self) -> Result<(), StartError> {
        let made = DirBuilder::new().mode(0o700).create(&self.0);
        match made {
            Ok(()) => sync_parent(&self.0),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.close_to_others(),
            Err(error) => Err(error),
        }
        .map_err(StartError::file("make the data folder", &self.0))?;
        self.ignore()
            .map_err(StartError::file("write", self.0.join(".gitignore")))
    }

    /// Several processes may do this at once, and one may have been stopped in the middle of it.
    fn ignore(&self) -> io::Result<()> {
        let path = self.0.join(".gitignore");
        match fs::metadata(&path) {
            Ok(metadata) if metadata.len() > 0 => Ok(()),
            Ok(_) => fs::write(&path, IGNORE_ALL),
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::write(&path, IGNORE_ALL),
            Err(error) => Err(error),
        }
    }

    /// A folder that was there before, or was made by hand, may be open to others.
    fn close_to_others(&self) -> io::Result<()> {
        let metadata = fs::metadata(&self.0)?;
        if !metadata.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let permissions = metadata.permissions();
        if permissions.mode() & 0o077 == 0 {
            return Ok(());
        }
        fs::set_permissions(&self.0, fs::Permissions::from_mode(0o700))
    }
}

/// Writes a file beside its place, flushes it, and gives it its name: replaces what was there,
/// whole or not at all.
pub(crate) fn write_whole(path: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    // What a crash has left may have another mode.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    sync_parent(path)
}

/// Makes a new name in a folder survive a power cut.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(parent)?.sync_all()
}
