//! How long private halves live on in backups, which nobody but the operator knows.

use super::finding::Finding;
use crate::config::{KeysBackend, Settings, show_duration};

/// What follows from it.
pub(super) fn judge(settings: &Settings) -> Finding {
    let check = "key backups";
    let of = match settings.keys.backend {
        KeysBackend::Sealed => "the key store",
        KeysBackend::VaultKv | KeysBackend::VaultTransit => "Vault (its snapshots)",
    };
    match settings.keys.backup_retention {
        Some(kept) => Finding::ok(
            check,
            format!(
                "backups of {of} are kept for {}, as `keys.backup_retention` declares: so long after \
                 its destruction a key pair can come back with one, and not later",
                show_duration(kept)
            ),
        ),
        None => Finding::warning(
            check,
            format!(
                "nobody has declared how long backups of {of} are kept: when a key pair that was \
                 destroyed is beyond recall cannot be said"
            ),
            "set `keys.backup_retention` to the age of the oldest one that is kept, such as 35d",
        ),
    }
}
