//! The migrations as they lie in the repository.

use std::fs;
use std::path::{Path, PathBuf};

fn folder(set: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../migrations")
        .join(set)
}

/// The names of a set, in order.
pub(crate) fn names(set: &str) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder(set))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

/// `up.sql` or `down.sql` of a migration.
pub(crate) fn script(set: &str, name: &str, direction: &str) -> String {
    fs::read_to_string(folder(set).join(name).join(direction)).unwrap()
}
