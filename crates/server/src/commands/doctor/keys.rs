//! The master key, and what it opens.

use std::time::Duration;

use crypt_keeper_domain::model::{KeyPair, Scope, Timestamp};

use super::finding::Finding;
use crate::commands::administration::Administration;
use crate::config::Settings;
use crate::error::Chain;
use crate::wiring::{self, MasterKeys};

/// How long a key pair should be active (NIST SP 800-57 leaves it to the policy; ours is a quarter).
const ROTATION: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Reads the master key.
pub(super) async fn master_key(
    settings: &Settings,
    findings: &mut Vec<Finding>,
) -> Option<MasterKeys> {
    match wiring::read_master_keys(settings).await {
        Ok(master_keys) => {
            findings.push(Finding::ok("master key", "there is a master key"));
            Some(master_keys)
        }
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
    master_keys: &MasterKeys,
    findings: &mut Vec<Finding>,
) {
    let check = "key pairs";
    let inspected = match wiring::open_vault(settings, &admin.stores, master_keys) {
        Ok(vault) => vault.inspect_pairs().await,
        Err(error) => {
            findings.push(Finding::error(
                check,
                Chain(&error).to_string(),
                "let this process have more threads (`ulimit -u`)",
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
            for words in &faults {
                findings.push(Finding::error(
                    check,
                    words.as_str(),
                    "give the master key that it was sealed under (a ring may hold several), or \
                     restore the key store from its backup: until then no document under this \
                     pair can be read",
                ));
            }
            if faults.is_empty() && !inspected.is_empty() {
                findings.push(Finding::ok(
                    check,
                    format!(
                        "the master key opens all private halves ({})",
                        inspected.len()
                    ),
                ));
            }
        }
        Err(error) => findings.push(Finding::error(
            check,
            format!("the private halves cannot be read: {}", Chain(&error)),
            "is the key store's database up, and its URL right?",
        )),
    }
    active(settings, admin, findings).await;
}

/// Looks at the pair that wraps.
pub(super) async fn active(
    settings: &Settings,
    admin: &Administration,
    findings: &mut Vec<Finding>,
) {
    let active = admin
        .stores
        .registry
        .active_pair(&Scope::Shared, settings.keys.algorithm)
        .await;
    findings.push(match active {
        Ok(active) => judge_active(active.as_ref(), admin.clock.now()),
        Err(error) => Finding::error(
            "active key pair",
            Chain(&error).to_string(),
            "see what is said of the database",
        ),
    });
}

fn judge_active(active: Option<&KeyPair>, now: Timestamp) -> Finding {
    let check = "active key pair";
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
    }
}
