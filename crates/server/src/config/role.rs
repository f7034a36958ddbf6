use std::fmt;

use super::ConfigError;
use super::values::Values;

/// What a server does, and so what it must hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    #[default]
    Full,
    /// It accepts uploads, and holds nothing that could unwrap a document key: no master key, no
    /// way to private halves.
    Ingest,
}

impl Role {
    const ALL: [Self; 2] = [Self::Full, Self::Ingest];

    /// Its name in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Ingest => "ingest",
        }
    }

    pub(super) fn read(values: &Values) -> Result<Self, ConfigError> {
        let role = values.parse("role", "`full` or `ingest` is needed", |text| {
            Self::ALL.into_iter().find(|role| role.as_str() == text)
        })?;
        Ok(role.unwrap_or_default())
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
