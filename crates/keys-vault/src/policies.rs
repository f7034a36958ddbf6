//! What the policies in `deploy/vault/` allow, line by line, and what a token has of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::call::CallError;
use crate::config::MountPath;
use crate::mounts::Engine;
use crate::session::VaultSession;
use crate::transit_seal::TransitKeyPath;

/// A policy of `deploy/vault/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Policy {
    /// Unwraps.
    Serve,
    /// Makes key pairs.
    Rotate,
    /// Erases private halves.
    Destroy,
    /// Opens the master keys of a sealed ring.
    MasterKey,
    /// Seals new ones.
    MasterKeyChange,
}

/// Lines of a policy: a path as it stands in the file, and the capabilities there.
pub type Lines = &'static [(&'static str, &'static [&'static str])];

const KV_DATA: &str = "secret/data/crypt-keeper/keys/*";
const KV_METADATA: &str = "secret/metadata/crypt-keeper/keys/*";
const TRANSIT_KEYS: &str = "transit/keys/crypt-keeper-*";
const TRANSIT_DECRYPT: &str = "transit/decrypt/crypt-keeper-*";

/// What every token may do with itself.
const OWN_TOKEN: Lines = &[
    ("auth/token/lookup-self", &["read"]),
    ("auth/token/renew-self", &["update"]),
    ("sys/capabilities-self", &["update"]),
];

impl Policy {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Serve,
        Self::Rotate,
        Self::Destroy,
        Self::MasterKey,
        Self::MasterKeyChange,
    ];

    /// The name of its file, without its ending.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Rotate => "rotate",
            Self::Destroy => "destroy",
            Self::MasterKey => "master-key",
            Self::MasterKeyChange => "master-key-change",
        }
    }

    /// Everything it allows, for the mounts `secret` and `transit`, and the key `master-key`.
    #[must_use]
    pub const fn lines(self) -> Lines {
        match self {
            Self::Serve => &[(KV_DATA, &["read"]), (TRANSIT_DECRYPT, &["update"])],
            Self::Rotate => &[
                (KV_DATA, &["create", "read"]),
                (TRANSIT_KEYS, &["create", "update", "read"]),
                (TRANSIT_DECRYPT, &["update"]),
            ],
            Self::Destroy => &[
                (KV_METADATA, &["delete"]),
                (TRANSIT_KEYS, &["create", "update", "delete"]),
            ],
            Self::MasterKey => &[("transit/decrypt/master-key", &["update"])],
            Self::MasterKeyChange => &[
                ("transit/keys/master-key", &["read"]),
                ("transit/encrypt/master-key", &["update"]),
                ("transit/decrypt/master-key", &["update"]),
            ],
        }
    }

    /// What every one of them allows besides: the token's own affairs.
    #[must_use]
    pub const fn own_token() -> Lines {
        OWN_TOKEN
    }
}

/// Where a service's keys are in Vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Private halves in this mount of KV.
    Kv(MountPath),
    /// Private halves in this mount of Transit.
    Transit(MountPath),
    /// The key that seals the master keys.
    MasterKey(TransitKeyPath),
}

/// A line that a token lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingLine {
    /// The path, as it should stand in the policy.
    pub path: String,
    /// The capabilities that are missing there.
    pub capabilities: Vec<&'static str>,
}

/// How a token stands to a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyReport {
    /// Which.
    pub policy: Policy,
    /// What it lacks of it; nothing: it may do all that the policy allows.
    pub missing: Vec<MissingLine>,
}

/// Something that no policy of ours allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excess {
    /// Where.
    pub path: String,
    /// What it may do there.
    pub capabilities: Vec<&'static str>,
    /// What could be done with it.
    pub meaning: &'static str,
}

/// What a token may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// Whether it may do everything there is.
    pub is_root: bool,
    /// The policies that were asked for.
    pub policies: Vec<PolicyReport>,
    /// What it should not be allowed.
    pub excess: Vec<Excess>,
}

type Forbidden = (&'static str, &'static [&'static str], &'static str);

impl Place {
    /// Compares what the session's token may do with what these policies allow at this place, and
    /// with what none of them does.
    ///
    /// # Errors
    /// [`CallError`]; [`CallError::Denied`] if the token may not even ask that.
    pub async fn rights(
        &self,
        session: &VaultSession,
        policies: &[Policy],
    ) -> Result<Rights, CallError> {
        let mut paths: BTreeSet<String> = BTreeSet::new();
        for policy in policies {
            for (pattern, _) in self.lines_of(*policy) {
                paths.insert(probe(&self.localised(pattern)));
            }
        }
        for (pattern, ..) in self.forbidden() {
            paths.insert(probe(&self.localised(pattern)));
        }
        let paths: Vec<_> = paths.into_iter().collect();
        let found = session.capabilities(&paths).await?;
        Ok(self.judge(policies, &found))
    }

    /// Whether the engine that it needs is mounted there.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn check_mount(&self, session: &VaultSession) -> Result<(), CallError> {
        match self {
            Self::Kv(mount) => Engine::Kv2.require_at(session, mount).await,
            Self::Transit(mount) => Engine::Transit.require_at(session, mount).await,
            Self::MasterKey(key) => Engine::Transit.require_at(session, key.mount()).await,
        }
    }

    fn judge(&self, policies: &[Policy], found: &BTreeMap<String, BTreeSet<String>>) -> Rights {
        let none = BTreeSet::new();
        let at = |pattern: &str| {
            let path = probe(&self.localised(pattern));
            found.get(&path).unwrap_or(&none)
        };
        let mut rights = Rights {
            is_root: found.values().any(|held| held.contains("root")),
            ..Rights::default()
        };
        for policy in policies {
            let mut missing = Vec::new();
            for (pattern, needed) in self.lines_of(*policy) {
                let held = at(pattern);
                let lacking = |capability: &&&str| !rights.is_root && !held.contains(**capability);
                let capabilities: Vec<_> = needed.iter().filter(lacking).copied().collect();
                if !capabilities.is_empty() {
                    missing.push(MissingLine {
                        path: self.localised(pattern),
                        capabilities,
                    });
                }
            }
            rights.policies.push(PolicyReport {
                policy: *policy,
                missing,
            });
        }
        if rights.is_root {
            return rights;
        }
        for (pattern, forbidden, meaning) in self.forbidden() {
            let held = at(pattern);
            let has = |capability: &&&str| held.contains(**capability);
            let capabilities: Vec<_> = forbidden.iter().filter(has).copied().collect();
            if !capabilities.is_empty() {
                rights.excess.push(Excess {
                    path: self.localised(pattern),
                    capabilities,
                    meaning,
                });
            }
        }
        rights
    }

    /// The lines of a policy that are about this place.
    fn lines_of(
        &self,
        policy: Policy,
    ) -> impl Iterator<Item = &'static (&'static str, &'static [&'static str])> {
        let engine = match self {
            Self::Kv(_) => "secret/",
            Self::Transit(_) | Self::MasterKey(_) => "transit/",
        };
        let lines = policy.lines().iter();
        lines.filter(move |(path, _)| path.starts_with(engine))
    }

    /// What no policy of ours allows, and what somebody could do who may.
    fn forbidden(&self) -> impl Iterator<Item = &'static Forbidden> {
        const SELF_RULE: Forbidden = (
            "sys/policies/acl/*",
            &["create", "update", "patch", "delete", "sudo"],
            "it may give itself any right there is",
        );
        const KV: &[Forbidden] = &[
            (
                KV_DATA,
                &["update", "patch", "delete", "sudo"],
                "it may overwrite or hide private halves that documents need",
            ),
            (
                KV_METADATA,
                &["create", "update", "patch", "read", "list", "sudo"],
                "it may list private halves, or have versions of them dropped",
            ),
            (
                "secret/destroy/crypt-keeper/keys/*",
                &["create", "update", "sudo"],
                "it may erase private halves, beside what destruction does with its days of grace",
            ),
            SELF_RULE,
        ];
        const TRANSIT: &[Forbidden] = &[
            (
                "transit/export/encryption-key/crypt-keeper-*",
                &["read", "sudo"],
                "with a key made exportable, private halves may leave Vault",
            ),
            (
                "transit/backup/crypt-keeper-*",
                &["read", "sudo"],
                "with a key that allows backups in clear, private halves may leave Vault",
            ),
            (
                "transit/encrypt/crypt-keeper-*",
                &["create", "sudo"],
                "it may make keys of another kind under names of key pairs",
            ),
            SELF_RULE,
        ];
        const MASTER_KEY: &[Forbidden] = &[
            (
                "transit/export/encryption-key/master-key",
                &["read", "sudo"],
                "with a key made exportable, what opens every master key may leave Vault",
            ),
            (
                "transit/backup/master-key",
                &["read", "sudo"],
                "with a key that allows backups in clear, what opens every master key may leave \
                 Vault",
            ),
            (
                "transit/keys/master-key",
                &["create", "update", "delete", "sudo"],
                "it may delete what opens the master keys, once that is allowed",
            ),
            (
                "transit/keys/master-key/config",
                &["create", "update", "sudo"],
                "it may allow the deletion or the export of what opens the master keys",
            ),
            SELF_RULE,
        ];
        match self {
            Self::Kv(_) => KV.iter(),
            Self::Transit(_) => TRANSIT.iter(),
            Self::MasterKey(_) => MASTER_KEY.iter(),
        }
    }

    /// A path of a policy file for this place's own mount and name.
    fn localised(&self, pattern: &str) -> String {
        let Some((mount, rest)) = pattern.split_once('/') else {
            return pattern.to_owned();
        };
        match (self, mount) {
            (Self::Kv(own), "secret") | (Self::Transit(own), "transit") => format!("{own}/{rest}"),
            (Self::MasterKey(key), "transit") => {
                let rest = rest.replace("master-key", key.name());
                format!("{}/{rest}", key.mount())
            }
            _ => pattern.to_owned(),
        }
    }
}

/// A path that the pattern stands for.
fn probe(pattern: &str) -> String {
    pattern.replace('*', "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(entries: &[(&str, &[&str])]) -> BTreeMap<String, BTreeSet<String>> {
        let words = |all: &[&str]| all.iter().map(ToString::to_string).collect();
        entries
            .iter()
            .map(|(path, all)| ((*path).to_owned(), words(all)))
            .collect()
    }

    #[test]
    fn what_lacks_and_what_exceeds_is_told_by_the_own_paths() {
        let place = Place::Kv("team/kv".parse().unwrap());
        let held = found(&[
            ("team/kv/data/crypt-keeper/keys/0", &["read", "update"]),
            ("team/kv/metadata/crypt-keeper/keys/0", &["deny"]),
            ("sys/policies/acl/0", &["deny"]),
        ]);
        let rights = place.judge(&[Policy::Serve, Policy::Rotate, Policy::Destroy], &held);
        assert!(!rights.is_root);
        assert_eq!(rights.policies[0].missing, []);
        let path = "team/kv/data/crypt-keeper/keys/*".to_owned();
        assert_eq!(
            rights.policies[1].missing,
            [MissingLine {
                path: path.clone(),
                capabilities: vec!["create"]
            }]
        );
        let erase = &rights.policies[2].missing[0];
        assert_eq!(erase.path, "team/kv/metadata/crypt-keeper/keys/*");
        assert_eq!(rights.excess.len(), 1);
        assert_eq!(
            (&rights.excess[0].path, &rights.excess[0].capabilities),
            (&path, &vec!["update"])
        );
    }

    #[test]
    fn the_root_of_all_lacks_nothing_and_is_told_once() {
        let key: TransitKeyPath = "transit/mk".parse().unwrap();
        let place = Place::MasterKey(key);
        assert_eq!(
            place.localised("transit/keys/master-key/config"),
            "transit/keys/mk/config"
        );
        let held = found(&[("transit/decrypt/mk", &["root"])]);
        let rights = place.judge(&[Policy::MasterKey, Policy::MasterKeyChange], &held);
        assert!(rights.is_root && rights.excess.is_empty());
        assert!(rights.policies.iter().all(|one| one.missing.is_empty()));
    }
}
