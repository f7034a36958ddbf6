//! The folders that servers of a run keep their data in. They go with their owner; what a killed
//! run left behind is swept by the next one.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cache::{create_folder, remove_folder};
use crate::error::{Error, Result};
use crate::identity::ProcessIdentity;
use crate::random;

/// Names the process a folder belongs to.
const OWNER: &str = "owner";
/// A folder without an owner is being made, or was abandoned in that moment.
const ABANDONED_AFTER: Duration = Duration::from_secs(600);

/// A folder that is removed on drop, unless it was handed to a process that stays.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    removed_on_drop: bool,
}

impl RunFolder {
    /// A new folder for `service`. It lies on a disk (not on a RAM file system: MinIO wants direct
    /// I/O and versitygw extended attributes), in a place that another user can search (PostgreSQL
    /// refuses to run as root), under a short name (a Unix socket's path has at most 107 bytes).
    pub(crate) fn new(service: &str) -> Result<Self> {
        let base = base()?;
        sweep(&base);
        let path = base.join(format!("{service}-{}", random::hex(6)?));
        fs::create_dir(&path).map_err(|source| Error::file("create", &path, source))?;
        searchable(&path)?;
        let folder = Self {
            path,
            removed_on_drop: true,
        };
        if let Some(own) = ProcessIdentity::own() {
            folder.belongs_to(own)?;
        }
        Ok(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the folder to a process that outlives this one.
    pub(crate) fn hand_over(mut self, owner: ProcessIdentity) -> Result<()> {
        self.belongs_to(owner)?;
        self.removed_on_drop = false;
        Ok(())
    }

    fn belongs_to(&self, owner: ProcessIdentity) -> Result<()> {
        let path = self.path.join(OWNER);
        fs::write(&path, format!("{} {}\n", owner.pid, owner.started))
            .map_err(|source| Error::file("write", &path, source))
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if self.removed_on_drop {
            // What cannot be removed now is swept by the next run.
            let _ = remove_folder(&self.path);
        }
    }
}

fn base() -> Result<PathBuf> {
    let user = rustix::process::getuid().as_raw();
    let base = PathBuf::from(format!("/var/tmp/crypt-keeper-{user}"));
    create_folder(&base)?;
    let owner = fs::symlink_metadata(&base)
        .map_err(|source| Error::file("look at", &base, source))
        .map(|metadata| (metadata.is_dir(), metadata.uid()))?;
    if owner != (true, user) {
        return Err(Error::Other(format!(
            "{} belongs to somebody else: remove it, it is no folder of these tests",
            base.display()
        )));
    }
    searchable(&base)?;
    Ok(base)
}

/// Lets other users pass through, whatever the umask: PostgreSQL runs as one of them.
fn searchable(folder: &Path) -> Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
        .map_err(|source| Error::file("change the mode of", folder, source))
}

/// Removes the folders of processes that are gone.
fn sweep(base: &Path) {
    let Ok(folders) = fs::read_dir(base) else {
        return;
    };
    for folder in folders.flatten() {
        let path = folder.path();
        let abandoned = match fs::read_to_string(path.join(OWNER)) {
            Ok(owner) => !owner_runs(&owner),
            Err(_) => folder
                .metadata()
                .and_then(|metadata| metadata.modified())
                .is_ok_and(|at| at.elapsed().is_ok_and(|age| age > ABANDONED_AFTER)),
        };
        if abandoned {
            let _ = remove_folder(&path);
        }
    }
}

fn owner_runs(owner: &str) -> bool {
    let mut words = owner.split_ascii_whitespace();
    let pid = words.next().and_then(|word| word.parse().ok());
    let started = words.next().and_then(|word| word.parse().ok());
    match (pid, started) {
        (Some(pid), Some(started)) => ProcessIdentity { pid, started }.is_running(),
        // Half-written: its writer is at it.
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_lives_as_long_as_its_owner() {
        let base = tempfile::tempdir().unwrap();
        let own = ProcessIdentity::own().unwrap();
        let mine = base.path().join("mine");
        let orphan = base.path().join("orphan");
        for (folder, started) in [(&mine, own.started), (&orphan, own.started + 1)] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join(OWNER), format!("{} {started}\n", own.pid)).unwrap();
        }
        let unowned = base.path().join("just-made");
        fs::create_dir(&unowned).unwrap();
        sweep(base.path());
        assert!(mine.exists() && unowned.exists());
        assert!(!orphan.exists());
    }

    #[test]
    fn a_dropped_folder_is_gone_and_a_handed_over_one_is_not() {
        let dropped = RunFolder::new("t").unwrap();
        let path = dropped.path().to_owned();
        assert!(path.exists());
        drop(dropped);
        assert!(!path.exists());

        let kept = RunFolder::new("t").unwrap();
        let path = kept.path().to_owned();
        kept.hand_over(ProcessIdentity::own().unwrap()).unwrap();
        assert!(path.exists());
        remove_folder(&path).unwrap();
    }
}
