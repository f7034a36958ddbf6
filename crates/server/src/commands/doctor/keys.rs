//! The master key, and what it opens.

use std::time::Duration;

use crypt_keeper_domain::model::{KeyPair, Scope, Timestamp};
use crypt_keeper_domain::ports::StoreError;

use super::finding::Finding;
use crate::commands::administration::Administration;
use crate::config::{KeysBackend, Role, Settings};
use crate::error::Chain;
use crate::wiring::{self, MasterKeys, Vault};

/// How long a key pair should be active (NIST SP 800-57 leaves it to the policy; ours is a quarter).
const ROTATION: Duration = Duration::from_secs(90 * 24 * 60 * 60);

const ACTIVE: &str = "active key pair";

/// Reads the master key: `None` if it cannot be had, `Some(None)` if none is needed.
pub(super) async fn master_key(
    settings: &Settings,
    findings: &mut Vec<Finding>,
) -> Option<Option<MasterKeys>> {
    match wiring::read_master_keys(settings).await {
        Ok(Some(master_keys)) => {
            findings.push(Finding::ok("master key", "there is a master key"));
            Some(Some(master_keys))
        }
        Ok(None) => Some(None),
        Err(error) => {
            findings.push(Finding::error(
                "master key",
                Chain(&error).to_string(),
                "name the master key that the private halves were sealed under: \
                 `keys.master_key_file`, or `keys.master_key_command`",
            ));
            None
        }
    }
}

/// Opens every private half there is.
pub(super) async fn pairs(
    settings: &Settings,
    admin: &Administration,
    master_keys: Option<&MasterKeys>,
    findings: &mut Vec<Finding>,
) {
    let check = "key pairs";
    let words = Words::of(settings.keys.backend);
    let inspected = match Vault::open(settings, &admin.stores, master_keys) {
        Ok(vault) => vault.inspect_pairs().await,
        Err(error) => {
            findings.push(Finding::error(
                check,
                Chain(&error).to_string(),
                words.to_open,
            ));
            return;
        }
    };
    match inspected {
        Ok(inspected) => {
            let faults: Vec<_> = inspected
                .iter()
                .filter_map(wiring::PairInspection::fault_in_words)
                .collect();
            for fault in &faults {
                findings.push(Finding::error(check, fault.as_str(), words.to_mend));
            }
            if faults.is_empty() && !inspected.is_empty() {
                findings.push(Finding::ok(
                    check,
                    format!("{} ({})", words.all_good, inspected.len()),
                ));
            }
        }
        Err(error) => findings.push(Finding::error(
            check,
            format!("the private halves cannot be read: {}", Chain(&error)),
            words.to_reach,
        )),
    }
    active(settings, admin, findings).await;
}

/// What to say of private halves, by where they are.
struct Words {
    all_good: &'static str,
    to_open: &'static str,
    to_mend: &'static str,
    to_reach: &'static str,
}

impl Words {
    const fn of(backend: KeysBackend) -> Self {
        match backend {
            KeysBackend::Sealed => Self {
                all_good: "the master key opens all private halves",
                to_open: "let this process have more threads (`ulimit -u`)",
                to_mend: "give the master key that it was sealed under (a ring may hold several), \
                          or restore the key store from its backup: until then no document under \
                          this pair can be read",
                to_reach: "is the key store's database up, and its URL right?",
            },
            KeysBackend::VaultKv | KeysBackend::VaultTransit => Self {
                all_good: "Vault has the private halves of all pairs",
                to_open: "see what `keys.vault.*` is set to (`crypt-keeper config check`)",
                to_mend: "give the service's role the policies of deploy/vault/, or restore Vault \
                          from its snapshot: until then no document under this pair can be read",
                to_reach: "is Vault up and unsealed, and does it take what the service logs in \
                           with?",
            },
        }
    }
}

/// Looks at the pair that wraps.
pub(super) async fn active(
    settings: &Settings,
    admin: &Administration,
    findings: &mut Vec<Finding>,
) {
    let (now, algorithm) = (admin.clock.now(), settings.keys.algorithm);
    let scope = settings.common_scope(now);
    let registry = &admin.stores.registry;
    let active = registry.active_pair(&scope, algorithm).await;
    let is_made_when_needed = settings.role == Role::Full;
    let judged = active.map(|active| match &scope {
        Scope::Partition(_) => judge_of_partition(active.as_ref(), &scope, is_made_when_needed),
        _ => judge_active(active.as_ref(), now),
    });
    findings.push(judged.unwrap_or_else(|error| unknown(&error)));
    if scope == Scope::Shared {
        return;
    }
    match registry.active_pair(&Scope::Shared, algorithm).await {
        Ok(Some(pair)) => findings.push(Finding::ok(ACTIVE, left_over(&pair))),
        Ok(None) => {}
        Err(error) => findings.push(unknown(&error)),
    }
}

fn unknown(error: &StoreError) -> Finding {
    Finding::error(
        ACTIVE,
        Chain(error).to_string(),
        "see what is said of the database",
    )
}

/// What an installation has from before its key pairs were those of partitions.
fn left_over(pair: &KeyPair) -> String {
    format!(
        "key pair {} of scope shared is active, too, but `keys.scope` has new documents wrapped \
         under those of partitions: it opens the documents of before, and their expiry leaves it",
        pair.serial
    )
}

fn judge_of_partition(
    active: Option<&KeyPair>,
    scope: &Scope,
    is_made_when_needed: bool,
) -> Finding {
    match active {
        Some(pair) => Finding::ok(
            ACTIVE,
            format!("key pair {} wraps for scope {scope}", pair.serial),
        ),
        None if is_made_when_needed => Finding::warning(
            ACTIVE,
            format!("there is no active key pair for scope {scope} yet: the first upload makes it"),
            "run `crypt-keeper setup`, and let one server at least run jobs: they make the key pairs \
             of partitions ahead of time",
        ),
        None => Finding::error(
            ACTIVE,
            format!("there is no active key pair for scope {scope}: uploads are refused"),
            "run `crypt-keeper setup` with the configuration of a full server, and let one at least \
             run jobs: they make the key pairs of partitions ahead of time",
        ),
    }
}

fn judge_active(active: Option<&KeyPair>, now: Timestamp) -> Finding {
    let check = ACTIVE;
    let Some(pair) = active else {
        return Finding::error(
            check,
            "there is no active key pair: uploads are refused",
            "run `crypt-keeper setup`, or `crypt-keeper keys rotate`",
        );
    };
    let age = now.since(pair.activated_at.unwrap_or(pair.created_at));
    let days = age.as_secs() / (24 * 60 * 60);
    let message = format!("key pair {} has been active for {days} days", pair.serial);
    if age > ROTATION {
        Finding::warning(
            check,
            message,
            "run `crypt-keeper keys rotate`, once a quarter",
        )
    } else {
        Finding::ok(check, message)
    }
}

#[cfg(test)]
mod tests {
    use crypt_keeper_domain::model::{Algorithm, KeyState, PublicHalf, Serial};

    use super::super::finding::Level;
    use super::*;

    #[test]
    fn an_old_pair_should_be_rotated_and_none_is_an_error() {
        let made = Timestamp::from_millis(1_772_366_400_000);
        let pair = KeyPair {
            serial: Serial::from_random([1; 8]),
            scope: Scope::Shared,
            algorithm: Algorithm::DEFAULT,
            state: KeyState::Active,
            public_half: PublicHalf::new(Vec::new()),
            created_at: made,
            activated_at: Some(made),
            deactivated_at: None,
            destroy_at: None,
            former_state: None,
            destroyed_at: None,
            version: 2,
        };
        assert_eq!(
            judge_active(Some(&pair), made.plus(ROTATION)).level,
            Level::Ok
        );
        let late = made.plus(ROTATION + Duration::from_secs(1));
        assert_eq!(judge_active(Some(&pair), late).level, Level::Warning);
        assert_eq!(judge_active(None, late).level, Level::Error);

        // Those of a partition are as old as its period, and may be made by the first upload.
        let scope: Scope = "partition:0:20260301".parse().unwrap();
        let of_partition = |pair, made| judge_of_partition(pair, &scope, made).level;
        assert_eq!(of_partition(Some(&pair), true), Level::Ok);
        assert_eq!(of_partition(None, true), Level::Warning);
        assert_eq!(of_partition(None, false), Level::Error);
    }
}
