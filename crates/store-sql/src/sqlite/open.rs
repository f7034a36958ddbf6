//! Opens connections to a database file.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::error::OpenError;

/// What a connection may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Write,
    Read,
}

/// Which file it is, whatever its name: the name may come to mean another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl Identity {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }
}

/// Makes the file, readable by its owner alone, if it is not there; its absolute path. SQLite gives
/// the files it makes beside it the same mode.
pub(super) fn create(path: &Path) -> Result<PathBuf, OpenError> {
    let unusable = |error: io::Error| {
        OpenError::Settings(format!(
            "the database file {} cannot be opened: {error}",
            path.display()
        ))
    };
    let path = std::path::absolute(path).map_err(unusable)?;
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(unusable)?;
    Ok(path)
}

/// Waits for other processes' locks, keeps acknowledged commits over a power cut, checks
/// references, and overwrites what is deleted.
const SETTINGS: &str = "PRAGMA busy_timeout = 5000;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA secure_delete = ON;
    PRAGMA trusted_schema = OFF;
    PRAGMA temp_store = MEMORY;
    PRAGMA journal_size_limit = 67108864;";

#[derive(QueryableByName)]
struct JournalMode {
    #[diesel(sql_type = Text)]
    journal_mode: String,
}

/// Connects to the file that `create` made. Blocks.
pub(super) fn connect(path: &Path, access: Access) -> Result<SqliteConnection, OpenError> {
    let name = path.to_str().ok_or_else(|| {
        OpenError::Settings(format!(
            "the path {} is not UTF-8, which SQLite needs",
            path.display()
        ))
    })?;
    let mut conn = SqliteConnection::establish(name)
        .map_err(|error| OpenError::Unavailable(Box::new(error)))?;
    conn.batch_execute(SETTINGS)?;
    let mode: JournalMode = diesel::sql_query("PRAGMA journal_mode = WAL").get_result(&mut conn)?;
    if mode.journal_mode != "wal" {
        return Err(OpenError::Settings(format!(
            "the database file {} cannot use a write-ahead log (its journal mode is {}): it must \
             lie on a local disk",
            path.display(),
            mode.journal_mode
        )));
    }
    if access == Access::Read {
        conn.batch_execute("PRAGMA query_only = ON;")?;
    }
    Ok(conn)
}
