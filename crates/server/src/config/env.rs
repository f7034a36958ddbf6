use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use super::{ConfigError, KEYS};

/// What every variable of the service begins with, before `__`.
pub const ENV_PREFIX: &str = "CRYPT_KEEPER";
/// The variable that names the configuration file.
pub const ENV_CONFIG_FILE: &str = "CRYPT_KEEPER_CONFIG";
/// Where its variables are said to stand.
pub(super) const ORIGIN: &str = "environment";

/// The environment, read once.
#[derive(Clone, Default)]
pub struct Environment {
    variables: HashMap<String, String>,
    /// The names of those whose values are no text.
    not_text: BTreeSet<String>,
}

impl Environment {
    /// The process's own. A variable whose name is not Unicode is none of ours.
    #[must_use]
    pub fn of_process() -> Self {
        let mut environment = Self::default();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else {
                continue;
            };
            match value.into_string() {
                Ok(value) => drop(environment.variables.insert(name, value)),
                Err(_) => drop(environment.not_text.insert(name)),
            }
        }
        environment
    }

    /// The value of a variable; empty counts as unset.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The configuration file that [`ENV_CONFIG_FILE`] names.
    #[must_use]
    pub fn config_file(&self) -> Option<PathBuf> {
        self.get(ENV_CONFIG_FILE).map(PathBuf::from)
    }

    /// Refuses what would otherwise be passed over in silence: a value that is no text, and a name
    /// that is a key's but for the number of its underscores.
    ///
    /// # Errors
    /// [`ConfigError::Syntax`], [`ConfigError::UnknownKey`].
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let ours = format!("{ENV_PREFIX}_");
        if let Some(name) = self.not_text.iter().find(|name| name.starts_with(&ours)) {
            return Err(ConfigError::Syntax {
                origin: ORIGIN.to_owned(),
                message: format!("the value of `{name}` is not UTF-8"),
            });
        }
        let letters = |name: &str| name.replace('_', "");
        let mut names: Vec<_> = self.variables.keys().collect();
        names.sort();
        for name in names {
            if !name.starts_with(&ours) || name == ENV_CONFIG_FILE {
                continue;
            }
            let meant = KEYS.iter().map(super::Key::variable);
            let meant = meant
                .filter(|known| letters(known) == letters(name))
                .collect::<Vec<_>>();
            if !meant.is_empty() && !meant.contains(name) {
                return Err(ConfigError::UnknownKey {
                    key: name.clone(),
                    origin: ORIGIN.to_owned(),
                    suggestion: meant.into_iter().next(),
                });
            }
        }
        Ok(())
    }

    /// The variables that configure the service.
    pub(super) fn configuration(&self) -> HashMap<String, String> {
        let prefix = format!("{ENV_PREFIX}__");
        self.variables
            .iter()
            .filter(|(name, _)| name.starts_with(&prefix))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self {
            variables: variables.into_iter().collect(),
            not_text: BTreeSet::new(),
        }
    }
}

/// Names only: values may hold passwords.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}
