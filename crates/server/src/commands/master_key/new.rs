//! `crypt-keeper master-key new`: a file with a new master key.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use crate::commands::escape::escaped;
use crate::commands::{Failure, Output};
use crate::error::{Chain, StartError};
use crate::wiring;

/// Make a file that holds a new master key, readable by you alone
///
/// The key itself is never shown, and a file that is there is never overwritten. The service
/// must be able to read the file, and nobody else: run this as the service's user, or give it
/// the file (chown).
///
/// Example: crypt-keeper master-key new /etc/crypt-keeper/master.key
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in super::super) struct New {
    /// Where to put it; its folder must be there
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
}

/// Does it.
pub(in super::super) fn run(new: &New, output: &mut Output) -> Result<(), Failure> {
    let file = &new.file;
    // What a service's configuration names must mean the same in every folder.
    let path = std::path::absolute(file)
        .map_err(|error| Failure::Usage(format!("{} is not a path: {error}", shown(file))))?;
    wiring::make_master_key(&path).map_err(|error| match error {
        // It says all: which file, and why not.
        StartError::Part { source, .. } => Failure::Failed(Chain(&*source).to_string()),
        other => other.into(),
    })?;
    let shown = shown(&path);
    output.result(&shown)?;
    output.note(format_args!(
        "A new master key is in this file, mode 0600. Next:\n\
         - keep a copy of it apart from the backups of the databases: without it no document can \
         be read again, and with both anybody can read all;\n\
         - name it to the service: CRYPT_KEEPER__KEYS__MASTER_KEY_FILE={shown};\n\
         - run: crypt-keeper setup"
    ));
    Ok(())
}

fn shown(path: &Path) -> String {
    escaped(&path.to_string_lossy()).to_string()
}
