//! Files that hold an API key: read and written so that only their owner sees it.

use crate::error::{Error, SettingsProblem};
use std::fs::{DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use zeroize::Zeroizing;

/// Longest file of settings that is read, in bytes: it is typed by people.
const MAX_BYTES: u64 = 1 << 20;

/// What is in a file, and the bits of its mode that let others in.
pub(super) struct PrivateText {
    pub(super) text: Zeroizing<String>,
    pub(super) wide_mode: Option<u32>,
}

pub(super) fn read(path: &Path) -> io::Result<PrivateText> {
    // The mode is asked of the open file: a path could be another file a moment later.
    let file = File::open(path)?;
    let wide_mode = wide_mode(&file)?;
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_BYTES).read_to_string(&mut text)?;
    Ok(PrivateText { text, wide_mode })
}

#[cfg(unix)]
fn wide_mode(file: &File) -> io::Result<Option<u32>> {
    use std::os::unix::fs::MetadataExt as _;
    let mode = file.metadata()?.mode() & 0o7777;
    Ok((mode & 0o077 != 0).then_some(mode))
}

#[cfg(not(unix))]
fn wide_mode(_: &File) -> io::Result<Option<u32>> {
    Ok(None)
}

/// Replaces a file as a whole, mode 0600; makes its folder, mode 0700, where it lacks.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Error> {
    replace(path, text).map_err(|error| Error::SettingsFile {
        path: path.to_owned(),
        problem: SettingsProblem::Unwritable(error),
    })
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    // A named temporary file is 0600 from its first moment.
    let mut file = tempfile::Builder::new()
        .prefix(".ckc-")
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
