use std::fs::{File, Metadata, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crypt_keeper_crypto::{MasterKey, MasterKeyRing};
use crypt_keeper_secret::ExposeSecret;
use zeroize::Zeroizing;

use super::{LONGEST, MasterKeySourceError, buffer, parse};

const OWNER_ONLY: u32 = 0o600;

/// Reads a ring of master keys from a file that nobody but its owner may access.
///
/// # Errors
/// [`MasterKeySourceError`] if it is missing, too open, or no ring.
pub fn read_master_key_file(path: &Path) -> Result<MasterKeyRing, MasterKeySourceError> {
    let (text, _) = read_text(path)?;
    parse(text, || origin(path))
}

/// What a file is called where its text is no ring.
pub(super) fn origin(path: &Path) -> String {
    format!("the master key file {}", path.display())
}

/// The text of a file that nobody but its owner may access.
pub(super) fn read_text(
    path: &Path,
) -> Result<(Zeroizing<Vec<u8>>, Metadata), MasterKeySourceError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => MasterKeySourceError::Missing {
            path: path.to_owned(),
        },
        _ => MasterKeySourceError::Read {
            path: path.to_owned(),
            source,
        },
    };
    let file = File::open(path).map_err(failed)?;
    // Of the file that is open, not of whatever bears its name by now.
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(MasterKeySourceError::NotAFile {
            path: path.to_owned(),
        });
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & !OWNER_ONLY != 0 {
        return Err(MasterKeySourceError::TooWide {
            quoted: quoted(path),
            mode,
        });
    }
    let mut text = buffer();
    file.take(LONGEST as u64 + 1)
        .read_to_end(&mut text)
        .map_err(failed)?;
    Ok((text, metadata))
}

/// Makes a master key and a file that holds it as a ring of one, for its owner alone. Once this
/// has answered, the file survives a power cut; before, there is none, not half of one.
///
/// # Errors
/// [`MasterKeySourceError::Exists`] if there is a file of that name, which stays as it is;
/// [`MasterKeySourceError::Write`], [`MasterKeySourceError::Generate`].
pub fn make_master_key_file(path: &Path) -> Result<MasterKeyRing, MasterKeySourceError> {
    let ring = MasterKeyRing::new(MasterKey::generate()?);
    write_new(path, ring.to_text().expose_secret())?;
    Ok(ring)
}

/// Writes a file that was not there, whole or not at all.
pub(super) fn write_new(path: &Path, text: &[u8]) -> Result<(), MasterKeySourceError> {
    match try_write_new(path, text) {
        Ok(()) => Ok(()),
        Err(source) if source.kind() == io::ErrorKind::AlreadyExists => {
            Err(MasterKeySourceError::Exists {
                path: path.to_owned(),
            })
        }
        Err(source) => Err(MasterKeySourceError::Write {
            path: path.to_owned(),
            source,
        }),
    }
}

fn try_write_new(path: &Path, text: &[u8]) -> io::Result<()> {
    let folder = folder_of(path);
    let mut file = tempfile::Builder::new()
        .prefix(".master-key-")
        .permissions(Permissions::from_mode(OWNER_ONLY))
        .tempfile_in(folder)?;
    file.write_all(text)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    match shlex::try_quote(&text) {
        Ok(quoted) => quoted.into_owned(),
        Err(_) => text.into_owned(),
    }
}
