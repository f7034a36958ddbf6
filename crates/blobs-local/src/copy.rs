use std::fs::{self, Metadata};
use std::io::{self, Seek};

use async_trait::async_trait;
use crypt_keeper_domain::model::ObjectKey;
use crypt_keeper_domain::ports::{BlobError, ObjectCopy, ObjectInfo};
use tempfile::NamedTempFile;

use crate::error::FolderError;
use crate::folder::{Folder, PUBLISH_ATTEMPTS};
use crate::read::object_info;
use crate::store::LocalBlobs;

/// Objects are never written to once they have their name, so a second name for the same bytes is
/// as good as a copy, costs nothing, and outlives the first.
#[async_trait]
impl ObjectCopy for LocalBlobs {
    async fn copy(
        &self,
        from: &ObjectKey,
        to: &ObjectKey,
    ) -> Result<Option<ObjectInfo>, BlobError> {
        let (from, to) = (from.clone(), to.clone());
        self.in_folder(move |folder| {
            let copied = folder.copy(&from, &to)?;
            Ok(copied.map(|metadata| object_info(&metadata)))
        })
        .await
    }
}

impl Folder {
    /// Gives an object a second name, in place of what has it; on the disk when this returns.
    /// `None` if there is no object.
    fn copy(&self, from: &ObjectKey, to: &ObjectKey) -> Result<Option<Metadata>, FolderError> {
        let mut attempt = 1;
        loop {
            match self.try_copy(from, to) {
                // A deletion has taken source, or target folder, away in between: looking again
                // tells which.
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound && attempt < PUBLISH_ATTEMPTS =>
                {
                    self.require_objects()?;
                    attempt += 1;
                }
                done => return done,
            }
        }
    }

    fn try_copy(&self, from: &ObjectKey, to: &ObjectKey) -> Result<Option<Metadata>, FolderError> {
        let Some((mut file, metadata)) = self.open_object(from)? else {
            return Ok(None);
        };
        if from == to {
            return Ok(Some(metadata));
        }
        let (source, target) = (self.object_path(from), self.object_path(to));
        let linked = self.new_incoming_by(|path| fs::hard_link(&source, path));
        let folders = self.make_folders(to)?;
        let metadata = match linked {
            Ok(link) => {
                replace(link, &target)?;
                metadata
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
            // A file system without second names, or one that gives this file no more of them.
            Err(_) => self.copy_bytes(&mut file, &target)?,
        };
        self.flush(&folders)?;
        Ok(Some(metadata))
    }

    fn copy_bytes(
        &self,
        source: &mut fs::File,
        target: &std::path::Path,
    ) -> Result<Metadata, FolderError> {
        let mut incoming = self.new_incoming()?;
        let path = incoming.path().to_owned();
        let failed = |error| FolderError::new("copy an object to", &path, error);
        source.rewind().map_err(failed)?;
        io::copy(source, incoming.as_file_mut()).map_err(failed)?;
        incoming.as_file().sync_all().map_err(failed)?;
        let metadata = incoming.as_file().metadata().map_err(failed)?;
        replace(incoming, target)?;
        Ok(metadata)
    }
}

fn replace<F>(incoming: NamedTempFile<F>, target: &std::path::Path) -> Result<(), FolderError> {
    let path = incoming.path().to_owned();
    if let Err(failed) = incoming.persist(target) {
        return Err(FolderError::new("name", target, failed.error));
    }
    // Where both were names of the same file already, renaming does nothing at all (POSIX).
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FolderError::new("remove", &path, error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn key(text: &str) -> ObjectKey {
        ObjectKey::parse(text).unwrap()
    }

    #[test]
    fn a_copy_takes_no_room_and_leaves_nothing_behind() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        let (from, to) = (key("0/20260301/a/b"), key("hold/0/20260301/a/b"));
        fs::create_dir_all(folder.object_path(&from).parent().unwrap()).unwrap();
        fs::write(folder.object_path(&from), b"held").unwrap();
        for _ in 0..3 {
            folder.copy(&from, &to).unwrap().unwrap();
        }
        let copied = fs::metadata(folder.object_path(&to)).unwrap();
        assert_eq!(copied.nlink(), 2);
        assert_eq!(fs::read(folder.object_path(&to)).unwrap(), b"held");
        let incoming = fs::read_dir(root.path().join("incoming")).unwrap();
        assert_eq!(incoming.count(), 0);
    }

    #[test]
    fn without_second_names_the_bytes_are_copied() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        let (from, to) = (folder.object_path(&key("a")), folder.object_path(&key("b")));
        fs::write(&from, b"held").unwrap();
        fs::write(&to, b"older").unwrap();
        let mut source = File::open(&from).unwrap();
        let metadata = folder.copy_bytes(&mut source, &to).unwrap();
        assert_eq!((metadata.len(), metadata.nlink()), (4, 1));
        assert_eq!(fs::read(&to).unwrap(), b"held");
        fs::remove_file(&from).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"held");
        let incoming = fs::read_dir(root.path().join("incoming")).unwrap();
        assert_eq!(incoming.count(), 0);
    }
}
