use std::path::PathBuf;
use std::time::Duration;

use crypt_keeper_domain::model::Algorithm;
use crypt_keeper_domain::usecase::ScopePolicy;

use super::duration::{parse_duration, show_duration};
use super::values::Values;
use super::{ConfigError, SecretUrl, quoted};

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
    /// Where the master key comes from; `None`: only the embedded default may make its own.
    pub master_key: Option<MasterKey>,
    /// The database of the sealed private halves; `None`: beside the metadata.
    pub sealed_url: Option<SecretUrl>,
}

/// The vaults there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysBackend {
    /// Private halves in a database, sealed under the master key.
    Sealed,
}

/// How long a pair wraps unless told otherwise: 90 days.
const ROTATE_AFTER: Duration = Duration::from_secs(90 * 24 * 3600);

/// What `sealed` can wrap by.
const ALGORITHMS: [Algorithm; 3] = [
    Algorithm::HpkeXWing,
    Algorithm::HpkeX25519,
    Algorithm::RsaOaep256,
];

/// Where a master key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MasterKey {
    /// A file, mode 0600.
    File(PathBuf),
    /// A command that prints it: program and arguments, quoted as for a shell.
    Command(String),
}

impl Keys {
    pub(super) fn read(values: &Values) -> Result<Self, ConfigError> {
        let backend = values.parse("keys.backend", "`sealed` is needed", |text| {
            (text == "sealed").then_some(KeysBackend::Sealed)
        })?;
        let algorithm = values.parse("keys.algorithm", &one_of_the_algorithms(), |text| {
            let mut all = ALGORITHMS.into_iter();
            all.find(|algorithm| algorithm.as_str() == text)
        })?;
        let scope = values.parse(
            "keys.scope",
            "shared or customer is needed",
            |text| match text {
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
        let command = values.parse(
            "keys.master_key_command",
            "a command and its arguments are needed",
            |text| (!text.trim().is_empty()).then(|| text.to_owned()),
        )?;
        let master_key = match (values.path("keys.master_key_file")?, command) {
            (Some(_), Some(_)) => {
                return Err(ConfigError::Together(
                    "`keys.master_key_file` and `keys.master_key_command` are both set: remove one"
                        .to_owned(),
                ));
            }
            (Some(file), None) => Some(MasterKey::File(file)),
            (None, Some(command)) => Some(MasterKey::Command(command)),
            (None, None) => None,
        };
        Ok(Self {
            backend: backend.unwrap_or(KeysBackend::Sealed),
            algorithm: algorithm.unwrap_or(Algorithm::DEFAULT),
            scope: scope.unwrap_or_default(),
            rotate_after: rotate_after.unwrap_or(Some(ROTATE_AFTER)),
            master_key,
            sealed_url: values.secret_url("keys.sealed.url", "keys.sealed.url_file")?,
        })
    }

    pub(super) fn rows(&self) -> Vec<(&'static str, Option<String>)> {
        let backend = match self.backend {
            KeysBackend::Sealed => "sealed",
        };
        let (file, command) = match &self.master_key {
            None => (None, None),
            Some(MasterKey::File(file)) => (Some(quoted(&file.to_string_lossy())), None),
            // Arguments may hold a token, against all advice: the program is enough.
            Some(MasterKey::Command(line)) => {
                let shown = match line.trim().split_once(char::is_whitespace) {
                    Some((program, _)) => format!("{program} [redacted]"),
                    None => line.trim().to_owned(),
                };
                (None, Some(quoted(&shown)))
            }
        };
        let scope = match self.scope {
            ScopePolicy::Shared => "shared",
            ScopePolicy::Customer => "customer",
        };
        let rotate_after = self
            .rotate_after
            .map_or_else(|| "never".to_owned(), show_duration);
        let url = self.sealed_url.as_ref();
        vec![
            ("keys.backend", Some(quoted(backend))),
            ("keys.algorithm", Some(quoted(self.algorithm.as_str()))),
            ("keys.scope", Some(quoted(scope))),
            ("keys.rotate_after", Some(quoted(&rotate_after))),
            ("keys.master_key_file", file),
            ("keys.master_key_command", command),
            ("keys.sealed.url", url.map(|url| quoted(&url.to_string()))),
            ("keys.sealed.url_file", None),
        ]
    }
}

fn one_of_the_algorithms() -> String {
    let names = ALGORITHMS.map(|algorithm| format!("`{algorithm}`"));
    format!("one of {} is needed", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Override, load};

    fn algorithm(name: &str) -> Result<Algorithm, String> {
        let overrides = [Override::new("keys.algorithm", name)];
        load(None, &std::iter::empty().collect(), &overrides)
            .map(|loaded| loaded.settings.keys.algorithm)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn an_algorithm_is_pinned_by_its_name_and_by_nothing_else() {
        for pinned in ALGORITHMS {
            assert_eq!(algorithm(pinned.as_str()), Ok(pinned));
        }
        assert!(ALGORITHMS.contains(&Algorithm::DEFAULT));
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
}
