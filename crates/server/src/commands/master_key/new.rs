//! `crypt-keeper master-key new`: a file with a new master key.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use crate::commands::escape::escaped;
use crate::commands::{Failure, Output};
use crate::config::Settings;
use crate::error::{Chain, StartError};
use crate::wiring;

/// Make a file that holds a new master key, readable by you alone
///
/// The key itself is never shown, and a file that is there is never overwritten. The service
/// must be able to read the file, and nobody else: run this as the service's user, or give it
/// the file (chown).
///
/// With `keys.master_key_transit` configured the key is sealed by that Transit key, and is in clear
/// in no file at all.
///
/// Example: crypt-keeper master-key new /etc/crypt-keeper/master.key
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in super::super) struct New {
    /// Where to put it; its folder must be there
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
}

/// Does it. Without `settings` the configuration is refused, and a key in clear is made.
pub(in super::super) async fn run(
    new: &New,
    settings: Option<&Settings>,
    output: &mut Output,
) -> Result<(), Failure> {
    let file = &new.file;
    // What a service's configuration names must mean the same in every folder.
    let path = std::path::absolute(file)
        .map_err(|error| Failure::Usage(format!("{} is not a path: {error}", shown(file))))?;
    let made = match settings {
        Some(settings) => wiring::make_configured_master_key(settings, &path).await,
        None => wiring::make_master_key(&path).map(|_| false),
    };
    let is_sealed = made.map_err(|error| match error {
        // It says all: which file, and why not.
        StartError::Part { source, .. } => Failure::Failed(Chain(&*source).to_string()),
        other => other.into(),
    })?;
    let shown = shown(&path);
    output.result(&shown)?;
    let copies = if is_sealed {
        "A new master key is in this file, mode 0600, sealed by Transit. Next:\n\
         - keep a copy of it apart from the backups of the databases, and snapshots of Vault: \
         without either no document can be read again"
    } else {
        "A new master key is in this file, mode 0600. Next:\n\
         - keep a copy of it apart from the backups of the databases: without it no document can \
         be read again, and with both anybody can read all"
    };
    output.note(format_args!(
        "{copies};\n\
         - name it to the service: CRYPT_KEEPER__KEYS__MASTER_KEY_FILE={shown};\n\
         - run: crypt-keeper setup"
    ));
    Ok(())
}

fn shown(path: &Path) -> String {
    escaped(&path.to_string_lossy()).to_string()
}
