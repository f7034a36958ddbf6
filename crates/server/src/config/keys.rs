use std::num::NonZeroU32;
use std::time::Duration;

use crypt_keeper_domain::model::Algorithm;
use crypt_keeper_domain::usecase::ScopePolicy;

use super::duration::{parse_duration, show_duration};
use super::values::Values;
use super::{ConfigError, HashiCorpVault, KeyCache, MasterKey, SecretUrl, quoted};

/// Where private halves are, and what seals them.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Which vault.
    pub backend: KeysBackend,
    /// How new document keys are wrapped; those of before stay as they are.
    pub algorithm: Algorithm,
    /// Which documents share key pairs.
    pub scope: ScopePolicy,
    /// How long a pair wraps; `None`: until somebody rotates it.
    pub rotate_after: Option<Duration>,
    /// How fast documents are rewrapped out of compromised pairs.
    pub rewrap_rate: RewrapRate,
    /// How long the oldest backup of the private halves is kept, which nothing here can know:
    /// W, after which a destruction holds for backups too. `None`: nobody has said.
    pub backup_retention: Option<Duration>,
    /// Where the master key comes from; `None`: only the embedded default may make its own.
    pub master_key: Option<MasterKey>,
    /// The database of the sealed private halves; `None`: beside the metadata.
    pub sealed_url: Option<SecretUrl>,
    /// How long private halves are held in memory; `None` if none gets there.
    pub cache: Option<KeyCache>,
    /// HashiCorp Vault or OpenBao, for the backends that need it.
    pub vault: Option<HashiCorpVault>,
}

/// The vaults there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysBackend {
    /// Private halves in a database, sealed under the master key.
    Sealed,
    /// Private halves in KV of HashiCorp Vault or OpenBao.
    VaultKv,
    /// Private halves that never leave Transit of HashiCorp Vault or OpenBao.
    VaultTransit,
}

impl KeysBackend {
    const ALL: [Self; 3] = [Self::Sealed, Self::VaultKv, Self::VaultTransit];

    /// As it is configured.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::VaultKv => "vault-kv",
            Self::VaultTransit => "vault-transit",
        }
    }

    /// What it can wrap by; the first unless told otherwise.
    const fn algorithms(self) -> &'static [Algorithm] {
        match self {
            Self::Sealed | Self::VaultKv => &ALGORITHMS,
            Self::VaultTransit => &[Algorithm::TransitRsaOaep256],
        }
    }
}

/// How long a pair wraps unless told otherwise: 90 days.
const ROTATE_AFTER: Duration = Duration::from_secs(90 * 24 * 3600);

/// How fast a service rewraps by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RewrapRate {
    /// Not at all: somebody does it by command.
    Off,
    /// At most so many documents a second.
    PerSecond(NonZeroU32),
    /// As many as the machine gives.
    Unlimited,
}

impl RewrapRate {
    /// A fifth of a processor, or so.
    const DEFAULT: Self = Self::PerSecond(NonZeroU32::new(500).unwrap());
}

/// What can be unwrapped in this process.
const ALGORITHMS: [Algorithm; 3] = [
    Algorithm::HpkeXWing,
    Algorithm::HpkeX25519,
    Algorithm::RsaOaep256,
];

impl Keys {
    pub(super) fn read(values: &Values) -> Result<Self, ConfigError> {
        let backend = values.parse(
            "keys.backend",
            "`sealed`, `vault-kv` or `vault-transit` is needed",
            |text| {
                let mut all = KeysBackend::ALL.into_iter();
                all.find(|backend| backend.as_str() == text)
            },
        )?;
        let backend = backend.unwrap_or(KeysBackend::Sealed);
        let needed = one_of(backend.algorithms());
        let algorithm = values.parse("keys.algorithm", &needed, |text| {
            let mut all = backend.algorithms().iter().copied();
            all.find(|algorithm| algorithm.as_str() == text)
        })?;
        let scope = values.parse(
            "keys.scope",
            "partition, shared or customer is needed",
            |text| match text {
                "partition" => Some(ScopePolicy::Partition),
                "shared" => Some(ScopePolicy::Shared),
                "customer" => Some(ScopePolicy::Customer),
                _ => None,
            },
        )?;
        let rotate_after = values.parse(
            "keys.rotate_after",
            "a number and m, h, d or w, such as 90d, or never is needed",
            |text| match text {
                "never" => Some(None),
                _ => parse_duration(text).ok().map(Some),
            },
        )?;
        let rewrap_rate = values.parse(
            "keys.rewrap_rate",
            "a number of documents a second, 1 or more, or unlimited, or off is needed",
            |text| match text {
                "unlimited" => Some(RewrapRate::Unlimited),
                "off" => Some(RewrapRate::Off),
                _ => text.parse().ok().map(RewrapRate::PerSecond),
            },
        )?;
        let backup_retention = values.parse(
            "keys.backup_retention",
            "a number and m, h, d or w, such as 35d, is needed",
            |text| parse_duration(text).ok(),
        )?;
        Ok(Self {
            backend,
            algorithm: algorithm.unwrap_or(backend.algorithms()[0]),
            scope: scope.unwrap_or_default(),
            rotate_after: rotate_after.unwrap_or(Some(ROTATE_AFTER)),
            rewrap_rate: rewrap_rate.unwrap_or(RewrapRate::DEFAULT),
            backup_retention,
            master_key: MasterKey::read(values)?,
            sealed_url: values.secret_url("keys.sealed.url", "keys.sealed.url_file")?,
            cache: KeyCache::read(values, backend)?,
            vault: HashiCorpVault::read(values)?,
        })
    }

    pub(super) fn rows(&self) -> Vec<(&'static str, Option<String>)> {
        let scope = match self.scope {
            ScopePolicy::Partition => "partition",
            ScopePolicy::Shared => "shared",
            ScopePolicy::Customer => "customer",
        };
        let rotate_after = self
            .rotate_after
            .map_or_else(|| "never".to_owned(), show_duration);
        let rewrap_rate = match self.rewrap_rate {
            RewrapRate::Off => quoted("off"),
            RewrapRate::PerSecond(rate) => rate.to_string(),
            RewrapRate::Unlimited => quoted("unlimited"),
        };
        let backup_retention = self.backup_retention.map(show_duration);
        let backup_retention = backup_retention.map(|shown| quoted(&shown));
        let url = self.sealed_url.as_ref();
        let mut rows = vec![
            ("keys.backend", Some(quoted(self.backend.as_str()))),
            ("keys.algorithm", Some(quoted(self.algorithm.as_str()))),
            ("keys.scope", Some(quoted(scope))),
            ("keys.rotate_after", Some(quoted(&rotate_after))),
            ("keys.rewrap_rate", Some(rewrap_rate)),
            ("keys.backup_retention", backup_retention),
        ];
        rows.extend(MasterKey::rows(self.master_key.as_ref()));
        rows.extend([
            ("keys.sealed.url", url.map(|url| quoted(&url.to_string()))),
            ("keys.sealed.url_file", None),
        ]);
        rows.extend(KeyCache::rows(self.cache.as_ref()));
        rows.extend(HashiCorpVault::rows(self.vault.as_ref()));
        rows
    }
}

fn one_of(algorithms: &[Algorithm]) -> String {
    let names: Vec<_> = algorithms
        .iter()
        .map(|algorithm| format!("`{algorithm}`"))
        .collect();
    match names.as_slice() {
        [only] => format!("{only} is the one that this backend has"),
        _ => format!("one of {} is needed", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::loaded;

    fn algorithm(name: &str) -> Result<Algorithm, String> {
        loaded(&[("keys.algorithm", name)]).map(|settings| settings.keys.algorithm)
    }

    #[test]
    fn an_algorithm_is_pinned_by_its_name_and_by_nothing_else() {
        for pinned in ALGORITHMS {
            assert_eq!(algorithm(pinned.as_str()), Ok(pinned));
        }
        assert_eq!(ALGORITHMS[0], Algorithm::DEFAULT);
        for name in [
            "",
            "RSA",
            "ck-hpke-xwing",
            "RSA-OAEP",
            "TRANSIT-RSA-OAEP-256",
        ] {
            let refused = algorithm(name).unwrap_err();
            let needed = "one of `CK-HPKE-XWING`, `CK-HPKE-X25519`, `CK-RSA-OAEP-256` is needed";
            assert!(refused.contains(needed), "{name}: {refused}");
        }
    }

    #[test]
    fn transit_has_one_algorithm_and_kv_the_same_as_sealed() {
        let token = ("keys.vault.token_file", "token");
        let address = ("keys.vault.address", "https://vault.example.com");
        let with = |backend: &str, algorithm: &str| {
            let mut all = vec![("keys.backend", backend), address, token];
            if !algorithm.is_empty() {
                all.push(("keys.algorithm", algorithm));
            }
            loaded(&all).map(|settings| settings.keys.algorithm)
        };
        assert_eq!(with("vault-transit", ""), Ok(Algorithm::TransitRsaOaep256));
        let named = Algorithm::TransitRsaOaep256.as_str();
        assert_eq!(
            with("vault-transit", named),
            Ok(Algorithm::TransitRsaOaep256)
        );
        let refused = with("vault-transit", "CK-HPKE-XWING").unwrap_err();
        assert!(
            refused.contains("`TRANSIT-RSA-OAEP-256` is the one"),
            "{refused}"
        );
        assert_eq!(with("vault-kv", ""), Ok(Algorithm::DEFAULT));
        assert_eq!(
            with("vault-kv", "CK-RSA-OAEP-256"),
            Ok(Algorithm::RsaOaep256)
        );
        assert!(with("vault-kv", named).is_err());
    }
}
