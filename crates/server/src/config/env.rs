use std::collections::HashMap;
use std::path::PathBuf;

/// What every variable of the service begins with, before `__`.
pub const ENV_PREFIX: &str = "CRYPT_KEEPER";
/// The variable that names the configuration file.
pub const ENV_CONFIG_FILE: &str = "CRYPT_KEEPER_CONFIG";

/// The environment, read once.
#[derive(Clone, Default)]
pub struct Environment(HashMap<String, String>);

impl Environment {
    /// The process's own. Variables that are not Unicode are none of ours.
    #[must_use]
    pub fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// The value of a variable; empty counts as unset.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The configuration file that [`ENV_CONFIG_FILE`] names.
    #[must_use]
    pub fn config_file(&self) -> Option<PathBuf> {
        self.get(ENV_CONFIG_FILE).map(PathBuf::from)
    }

    /// The variables that configure the service.
    pub(super) fn configuration(&self) -> HashMap<String, String> {
        let prefix = format!("{ENV_PREFIX}__");
        self.0
            .iter()
            .filter(|(name, _)| name.starts_with(&prefix))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}

/// Names only: values may hold passwords.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
