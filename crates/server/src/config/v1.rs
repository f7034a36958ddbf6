use super::ConfigError;
use super::values::Values;

/// What API v1 allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct V1 {
    /// Whether credentials in the query string are accepted.
    pub query_auth: bool,
}

impl V1 {
    pub(super) fn read(values: &Values) -> Result<Self, ConfigError> {
        Ok(Self {
            query_auth: values.boolean("v1.query_auth")?.unwrap_or(false),
        })
    }

    pub(super) fn rows(&self) -> Vec<(&'static str, Option<String>)> {
        vec![("v1.query_auth", Some(self.query_auth.to_string()))]
    }
}
