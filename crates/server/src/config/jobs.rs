use super::ConfigError;
use super::values::Values;

/// What the service does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jobs {
    /// Whether this instance does any of it: making partitions and removing expired ones, rotating
    /// and destroying key pairs, rewrapping.
    pub enabled: bool,
}

impl Jobs {
    pub(super) fn read(values: &Values) -> Result<Self, ConfigError> {
        Ok(Self {
            enabled: values.boolean("jobs.enabled")?.unwrap_or(true),
        })
    }

    pub(super) fn rows(self) -> Vec<(&'static str, Option<String>)> {
        vec![("jobs.enabled", Some(self.enabled.to_string()))]
    }
}
