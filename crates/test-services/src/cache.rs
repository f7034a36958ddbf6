//! The folder of installed servers and tools, shared by all runs of one user.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::settings;

/// The cache folder: `CRYPT_KEEPER_CACHE`, else `$XDG_CACHE_HOME/crypt-keeper`, else
/// `~/.cache/crypt-keeper`. Everything in it can be deleted at any time at the price of installing
/// again.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// The cache of this user.
    ///
    /// # Errors
    /// [`Error::Setting`] if no folder is known, [`Error::File`] if it cannot be made.
    pub fn open() -> Result<Self> {
        Self::at(settings::cache_folder()?)
    }

    /// A cache in a folder of the caller's choice.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be made.
    pub fn at(root: PathBuf) -> Result<Self> {
        create_folder(&root)?;
        Ok(Self { root })
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A folder below the cache, made if it is missing.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.root.join(name);
        create_folder(&folder)?;
        Ok(folder)
    }

    /// The folder `name` (`services/minio-1`) that holds the file `wanted`: as found, or as `build`
    /// made it. `build` fills a folder with another name, which is renamed once it is complete, so
    /// nobody ever meets half an installation. Two runs do not install at once: the second waits.
    ///
    /// # Errors
    /// Those of `build`; [`Error::Other`] if it did not make `wanted`; [`Error::File`].
    pub fn install(
        &self,
        name: &str,
        wanted: &str,
        build: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let folder = self.root.join(name);
        if folder.join(wanted).exists() {
            return Ok(folder);
        }
        let _lock = self.lock(name)?;
        if folder.join(wanted).exists() {
            return Ok(folder);
        }
        let unfinished = self.root.join(format!("{name}.unfinished"));
        remove_folder(&unfinished)?;
        create_folder(&unfinished)?;
        build(&unfinished)?;
        if !unfinished.join(wanted).exists() {
            return Err(Error::Other(format!(
                "the installation of {name} made no {wanted}: look into {}",
                unfinished.display()
            )));
        }
        remove_folder(&folder)?;
        fs::rename(&unfinished, &folder)
            .map_err(|source| Error::file("rename into place", &folder, source))?;
        Ok(folder)
    }

    /// Like [`Cache::install`], for what cannot be moved afterwards: built in its final place, and
    /// complete when a marker file says so.
    ///
    /// # Errors
    /// Those of `build`; [`Error::File`].
    pub fn install_in_place(
        &self,
        name: &str,
        build: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        const COMPLETE: &str = ".complete";
        let folder = self.root.join(name);
        let marker = folder.join(COMPLETE);
        if marker.exists() {
            return Ok(folder);
        }
        let _lock = self.lock(name)?;
        if marker.exists() {
            return Ok(folder);
        }
        remove_folder(&folder)?;
        create_folder(&folder)?;
        build(&folder)?;
        File::create(&marker).map_err(|source| Error::file("write", &marker, source))?;
        Ok(folder)
    }

    /// Waits for the lock `name` and holds it until the file is dropped.
    ///
    /// # Errors
    /// [`Error::File`] if the file system knows no locks.
    pub fn lock(&self, name: &str) -> Result<File> {
        let path = self
            .folder("locks")?
            .join(format!("{}.lock", name.replace('/', "-")));
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|source| Error::file("open", &path, source))?;
        file.lock()
            .map_err(|source| Error::file("lock", &path, source))?;
        Ok(file)
    }
}

pub(crate) fn create_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|source| Error::file("create", folder, source))
}

pub(crate) fn remove_folder(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file("remove", folder, source))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn of_many_runs_one_installs_and_all_see_it_whole() {
        let folder = tempfile::tempdir().unwrap();
        let builds = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let cache = Cache::at(folder.path().to_owned()).unwrap();
                    let found = cache
                        .install("services/thing-1", "bin/thing", |folder| {
                            builds.fetch_add(1, Ordering::SeqCst);
                            create_folder(&folder.join("bin"))?;
                            fs::write(folder.join("bin/thing"), "whole").unwrap();
                            Ok(())
                        })
                        .unwrap();
                    assert_eq!(
                        fs::read_to_string(found.join("bin/thing")).unwrap(),
                        "whole"
                    );
                });
            }
        });
        assert_eq!(builds.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_failed_installation_is_tried_again_from_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().to_owned()).unwrap();
        let failed = cache.install("thing", "done", |folder| {
            fs::write(folder.join("half"), "").unwrap();
            Err(Error::Other("the network went away".into()))
        });
        assert_eq!(failed.unwrap_err().to_string(), "the network went away");
        assert!(!folder.path().join("thing").exists());
        let made = cache.install("thing", "done", |folder| {
            assert!(
                !folder.join("half").exists(),
                "leftovers of the first attempt"
            );
            fs::write(folder.join("done"), "").unwrap();
            Ok(())
        });
        assert!(made.unwrap().join("done").exists());
    }

    #[test]
    fn an_installation_that_lacks_its_program_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().to_owned()).unwrap();
        let error = cache.install("thing", "program", |_| Ok(())).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("the installation of thing made no program")
        );
        assert!(!folder.path().join("thing").exists());
    }

    #[test]
    fn what_is_built_in_place_counts_only_when_complete() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().to_owned()).unwrap();
        let failed = cache.install_in_place("venv", |folder| {
            fs::write(folder.join("half"), "").unwrap();
            Err(Error::Other("interrupted".into()))
        });
        assert!(failed.is_err());
        let made = cache
            .install_in_place("venv", |folder| {
                assert!(!folder.join("half").exists());
                Ok(())
            })
            .unwrap();
        let again = cache
            .install_in_place("venv", |_| Err(Error::Other("built a second time".into())))
            .unwrap();
        assert_eq!(made, again);
    }
}
