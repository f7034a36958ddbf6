//! The ceiling of a drop: what the file system takes to give as many bytes back.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::super::database::Database;
use super::super::failed;
use crate::step::Result;

/// PostgreSQL divides its tables into files of this size (its documentation, "Database File
/// Layout").
const SEGMENT: u64 = 1 << 30;
const BLOCK: usize = 1 << 20;

/// How many bytes the database takes on the disk, and where.
pub(super) fn taken(postgres: &Database) -> Result<(u64, PathBuf)> {
    let line = |query: &str| -> Result<String> {
        let mut lines = postgres.lines(query)?;
        lines.pop().ok_or_else(|| failed("no answer"))
    };
    let bytes = line("SELECT pg_database_size(current_database())::text AS line")?;
    let folder = line("SELECT current_setting('data_directory') AS line")?;
    Ok((bytes.parse().map_err(failed)?, folder.into()))
}

/// Writes files of so many bytes together beside `folder`, on the disk, and removes them as
/// PostgreSQL does, which truncates a file and then unlinks it; how many milliseconds that takes.
pub(super) fn give_back(folder: &Path, bytes: u64) -> Result<f64> {
    let beside = folder.parent().unwrap_or(folder);
    let space = tempfile::Builder::new()
        .prefix("files-")
        .tempdir_in(beside)
        .map_err(failed)?;
    let mut files = Vec::new();
    let mut left = bytes;
    while left > 0 {
        let path = space.path().join(files.len().to_string());
        let length = left.min(SEGMENT);
        write(&path, length)?;
        files.push(path);
        left -= length;
    }
    let began = Instant::now();
    for path in &files {
        let file = File::options().write(true).open(path).map_err(failed)?;
        file.set_len(0).map_err(failed)?;
        fs::remove_file(path).map_err(failed)?;
    }
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

fn write(path: &Path, length: u64) -> Result<()> {
    let mut file = File::create(path).map_err(failed)?;
    let mut left = usize::try_from(length).map_err(failed)?;
    let block = vec![0x5a; BLOCK];
    while left > 0 {
        let part = left.min(BLOCK);
        file.write_all(&block[..part]).map_err(failed)?;
        left -= part;
    }
    file.sync_all().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_gone_and_nothing_else_is() {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("data");
        fs::create_dir(&data).unwrap();
        let milliseconds = give_back(&data, 3 * BLOCK as u64 + 1).unwrap();
        assert!(milliseconds > 0.0);
        let left: Vec<_> = fs::read_dir(home.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert_eq!(left, [data]);
    }

    #[test]
    fn a_file_has_the_length_asked_for() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("file");
        write(&path, BLOCK as u64 + 7).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), BLOCK as u64 + 7);
    }
}
