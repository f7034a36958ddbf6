use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crypt_keeper_crypto::{MasterKey, MasterKeyId, MasterKeyRing};
use crypt_keeper_secret::{ExposeSecret, SecretBytes};
use zeroize::Zeroizing;

use super::file::{folder_of, origin, read_text};
use super::sealed_ring::parse_sealed;
use super::{MasterKeySourceError, parse};

/// The file of a ring, to be changed: nobody else changes it while this lives. Each change is
/// there whole or not at all, whatever interrupts it, and the file keeps its owner and its mode.
#[derive(Debug)]
pub struct RingFile {
    path: PathBuf,
    text: SecretBytes,
    /// What it said before the last change.
    before: Option<SecretBytes>,
    form: Form,
    ids: Vec<MasterKeyId>,
    metadata: Metadata,
    /// Locked: the file itself is replaced, so it cannot hold the lock.
    _folder: File,
}

/// How its keys stand in it.
#[derive(Clone, Copy, Debug)]
enum Form {
    Clear,
    Sealed,
}

impl RingFile {
    /// Opens the file of a ring in clear for changes, whatever links lead to it.
    ///
    /// # Errors
    /// [`MasterKeySourceError::Busy`] if somebody else is changing it; otherwise as
    /// [`read_master_key_file`](super::read_master_key_file).
    pub fn open(path: &Path) -> Result<Self, MasterKeySourceError> {
        Self::open_as(path, Form::Clear)
    }

    /// Opens the file of a ring whose keys are sealed: they stay so.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_sealed(path: &Path) -> Result<Self, MasterKeySourceError> {
        Self::open_as(path, Form::Sealed)
    }

    fn open_as(path: &Path, form: Form) -> Result<Self, MasterKeySourceError> {
        // A link is the operator's: what it leads to is replaced.
        let path = fs::canonicalize(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => MasterKeySourceError::Missing { path: path.into() },
            _ => MasterKeySourceError::Read {
                path: path.into(),
                source,
            },
        })?;
        let failed = |source| MasterKeySourceError::Change {
            path: path.clone(),
            source,
        };
        let folder = File::open(folder_of(&path)).map_err(failed)?;
        match folder.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(MasterKeySourceError::Busy { path: path.clone() });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        // What a change that was interrupted has left holds master keys.
        remove_if_there(&beside(&path)).map_err(failed)?;
        let (text, metadata) = read_text(&path)?;
        let text = SecretBytes::new(text.to_vec());
        let ids = ids_in(&text, form, &path)?;
        Ok(Self {
            path,
            text,
            before: None,
            form,
            ids,
            metadata,
            _folder: folder,
        })
    }

    /// The ids of its keys, the one that seals first.
    #[must_use]
    pub fn ids(&self) -> &[MasterKeyId] {
        &self.ids
    }

    /// When it was last changed.
    ///
    /// # Errors
    /// If the file system does not know.
    pub fn modified(&self) -> io::Result<SystemTime> {
        self.metadata.modified()
    }

    /// Puts a key in clear first. The other lines stay as they are, comments too.
    ///
    /// # Errors
    /// As [`prepend_line`](Self::prepend_line).
    pub fn prepend(&mut self, key: MasterKey) -> Result<(), MasterKeySourceError> {
        self.prepend_line(&MasterKeyRing::new(key).to_text())
    }

    /// Puts a line first, as [`MasterKeySource::line_of`](super::MasterKeySource::line_of) gives it.
    ///
    /// # Errors
    /// [`MasterKeySourceError::Change`], [`MasterKeySourceError::Ring`]; the file is as it was then.
    pub fn prepend_line(&mut self, line: &SecretBytes) -> Result<(), MasterKeySourceError> {
        let mut text = Zeroizing::new(Vec::with_capacity(line.len() + self.text.len()));
        text.extend_from_slice(line.expose_secret());
        text.extend_from_slice(self.text.expose_secret());
        self.replace(&text)
    }

    /// Takes keys out. The other lines stay as they are, comments too.
    ///
    /// # Errors
    /// [`MasterKeySourceError::Change`]; the file is as it was then.
    pub fn remove(&mut self, ids: &[MasterKeyId]) -> Result<(), MasterKeySourceError> {
        let mut text = Zeroizing::new(Vec::with_capacity(self.text.len()));
        for line in self
            .text
            .expose_secret()
            .split_inclusive(|byte| *byte == b'\n')
        {
            let names = |id: &MasterKeyId| {
                let start = format!("{id}:");
                line.trim_ascii_start().starts_with(start.as_bytes())
            };
            if !ids.iter().any(names) {
                text.extend_from_slice(line);
            }
        }
        self.replace(&text)
    }

    /// Undoes the last change, if there was one.
    ///
    /// # Errors
    /// [`MasterKeySourceError::Change`]; the file is as it was then.
    pub fn put_back(&mut self) -> Result<(), MasterKeySourceError> {
        match self.before.clone() {
            Some(text) => self.replace(text.expose_secret()),
            None => Ok(()),
        }
    }

    fn replace(&mut self, text: &[u8]) -> Result<(), MasterKeySourceError> {
        let text = SecretBytes::new(text.to_vec());
        let ids = ids_in(&text, self.form, &self.path)?;
        let written = self.write(&text);
        self.metadata = written.map_err(|source| MasterKeySourceError::Change {
            path: self.path.clone(),
            source,
        })?;
        self.ids = ids;
        self.before = Some(std::mem::replace(&mut self.text, text));
        Ok(())
    }

    fn write(&self, text: &SecretBytes) -> io::Result<Metadata> {
        let beside = beside(&self.path);
        let written = self.write_beside(&beside, text).and_then(|metadata| {
            fs::rename(&beside, &self.path)?;
            Ok(metadata)
        });
        if written.is_err() {
            // The first error says why; this file holds keys and should not stay.
            let _ = remove_if_there(&beside);
        }
        let metadata = written?;
        File::open(folder_of(&self.path))?.sync_all()?;
        Ok(metadata)
    }

    fn write_beside(&self, beside: &Path, text: &SecretBytes) -> io::Result<Metadata> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(beside)?;
        let made = file.metadata()?;
        let (uid, gid) = (self.metadata.uid(), self.metadata.gid());
        // Else a service that runs as another user could not read its own ring any more.
        if (made.uid(), made.gid()) != (uid, gid) {
            fchown(&file, Some(uid), Some(gid))?;
        }
        let mode = self.metadata.permissions().mode() & 0o600;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.write_all(text.expose_secret())?;
        file.sync_all()?;
        file.metadata()
    }
}

fn ids_in(
    text: &SecretBytes,
    form: Form,
    path: &Path,
) -> Result<Vec<MasterKeyId>, MasterKeySourceError> {
    let origin = || origin(path);
    match form {
        Form::Clear => {
            let copy = Zeroizing::new(text.expose_secret().to_vec());
            let ring = parse(copy, origin)?;
            Ok(ring.keys().map(MasterKey::id).collect())
        }
        Form::Sealed => {
            let lines = parse_sealed(text.expose_secret(), origin)?;
            Ok(lines.into_iter().map(|line| line.id).collect())
        }
    }
}

/// Always the same name, so that the next change finds what an interrupted one has left.
fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    path.with_file_name(name)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
