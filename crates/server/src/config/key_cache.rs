use std::time::Duration;

use super::duration::{parse_short_duration, show_short_duration};
use super::values::Values;
use super::{ConfigError, KeysBackend, quoted};

/// How long private halves are held in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyCache {
    /// From shortly before this on they are read anew in the background.
    pub soft_ttl: Duration,
    /// For so long at most they are used while they cannot be.
    pub hard_ttl: Duration,
}

const SOFT_TTL: &str = "keys.cache.soft_ttl";
const HARD_TTL: &str = "keys.cache.hard_ttl";

/// 1 s to a day.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(24 * 3600);

impl Default for KeyCache {
    /// Ten minutes and an hour.
    fn default() -> Self {
        Self {
            soft_ttl: Duration::from_secs(600),
            hard_ttl: Duration::from_secs(3600),
        }
    }
}

impl KeyCache {
    /// Reads `keys.cache.*`; `None` for a backend that gives no private half out of its hands.
    pub(super) fn read(values: &Values, backend: KeysBackend) -> Result<Option<Self>, ConfigError> {
        let ttl = |key| {
            values.parse(
                key,
                "a number and s, m or h, such as 10m, is needed: 1s to 24h",
                |text| {
                    let parsed = parse_short_duration(text);
                    parsed.filter(|ttl| (SHORTEST..=LONGEST).contains(ttl))
                },
            )
        };
        let (soft_ttl, hard_ttl) = (ttl(SOFT_TTL)?, ttl(HARD_TTL)?);
        if backend == KeysBackend::VaultTransit {
            let given = [(SOFT_TTL, soft_ttl), (HARD_TTL, hard_ttl)];
            return match given.into_iter().find(|(_, ttl)| ttl.is_some()) {
                None => Ok(None),
                Some((key, _)) => Err(ConfigError::Together(format!(
                    "`{key}` is of no use with `keys.backend` = \"{}\": there no private half ever \
                     leaves Vault; remove it",
                    backend.as_str()
                ))),
            };
        }
        let usual = Self::default();
        let cache = Self {
            soft_ttl: soft_ttl.unwrap_or(usual.soft_ttl),
            hard_ttl: hard_ttl.unwrap_or(usual.hard_ttl),
        };
        if cache.soft_ttl < cache.hard_ttl {
            return Ok(Some(cache));
        }
        Err(ConfigError::Together(format!(
            "`{SOFT_TTL}` = \"{}\" is not shorter than `{HARD_TTL}` = \"{}\": a private half is \
             read anew after the one, and used up to the other while it cannot be",
            show_short_duration(cache.soft_ttl),
            show_short_duration(cache.hard_ttl)
        )))
    }

    /// In the order of [`KEYS`](super::KEYS).
    pub(super) fn rows(cache: Option<&Self>) -> Vec<(&'static str, Option<String>)> {
        let shown =
            |of: fn(&Self) -> Duration| cache.map(|cache| quoted(&show_short_duration(of(cache))));
        vec![
            (SOFT_TTL, shown(|cache| cache.soft_ttl)),
            (HARD_TTL, shown(|cache| cache.hard_ttl)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    fn loaded(given: &[(&str, &str)]) -> Result<Option<KeyCache>, String> {
        load::loaded(given).map(|settings| settings.keys.cache)
    }

    fn cache(soft_ttl: u64, hard_ttl: u64) -> Result<Option<KeyCache>, String> {
        Ok(Some(KeyCache {
            soft_ttl: Duration::from_secs(soft_ttl),
            hard_ttl: Duration::from_secs(hard_ttl),
        }))
    }

    #[test]
    fn ttls_are_ten_minutes_and_an_hour_unless_told_otherwise() {
        assert_eq!(loaded(&[]), cache(600, 3600));
        assert_eq!(loaded(&[(SOFT_TTL, "1s"), (HARD_TTL, "4s")]), cache(1, 4));
        assert_eq!(loaded(&[(HARD_TTL, "24h")]), cache(600, 86_400));
        assert_eq!(loaded(&[(SOFT_TTL, "59m")]), cache(3540, 3600));
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_is_needed() {
        for (given, says) in [
            (vec![(SOFT_TTL, "0s")], "1s to 24h"),
            (vec![(SOFT_TTL, "10")], "1s to 24h"),
            (vec![(HARD_TTL, "1441m")], "1s to 24h"),
            (vec![(HARD_TTL, "2d")], "1s to 24h"),
            (
                vec![(HARD_TTL, "10m")],
                "`keys.cache.soft_ttl` = \"10m\" is not shorter than `keys.cache.hard_ttl` = \
                 \"10m\"",
            ),
            (vec![(SOFT_TTL, "2h")], "is not shorter than"),
        ] {
            let refused = loaded(&given).unwrap_err();
            assert!(refused.contains(says), "{given:?}: {refused}");
        }
    }

    #[test]
    fn transit_gives_no_private_half_to_hold() {
        let transit = [
            ("keys.backend", "vault-transit"),
            ("keys.vault.address", "https://vault.example.com"),
            ("keys.vault.token_file", "token"),
        ];
        assert_eq!(loaded(&transit), Ok(None));
        for key in [SOFT_TTL, HARD_TTL] {
            let mut given = transit.to_vec();
            given.push((key, "30m"));
            let refused = loaded(&given).unwrap_err();
            let says = format!("`{key}` is of no use with `keys.backend` = \"vault-transit\"");
            assert!(refused.contains(&says), "{refused}");
        }
    }
}
