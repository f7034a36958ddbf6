use std::path::PathBuf;

/// Why a configuration is refused: one readable line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file that was named cannot be read.
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no TOML, or a variable is no name.
    #[error("{origin}: the configuration cannot be read: {message}")]
    Syntax {
        /// Where it stands.
        origin: String,
        /// What the parser says, on one line.
        message: String,
    },
    /// A key that means nothing.
    #[error("{origin}: unknown configuration key `{key}`{}", suggest(.suggestion.as_deref()))]
    UnknownKey {
        /// The key, or the name of the environment variable.
        key: String,
        /// Where it stands.
        origin: String,
        /// A known one that looks like it.
        suggestion: Option<String>,
    },
    /// A value that cannot be.
    #[error("{origin}: `{key}`{} is not valid: {needed}", shown(.value.as_deref()))]
    Value {
        /// The key.
        key: String,
        /// Where it stands.
        origin: String,
        /// The value; `None` where it may be a secret.
        value: Option<String>,
        /// What is needed instead.
        needed: String,
    },
    /// Values that do not go together, or one that is missing.
    #[error("{0}")]
    Together(String),
}

impl ConfigError {
    pub(crate) fn needs_vault_address(backend: super::KeysBackend) -> Self {
        Self::Together(format!(
            "`keys.backend` = \"{}\" needs `keys.vault.address`: set it to the address of \
             HashiCorp Vault or OpenBao, such as https://vault.example.com:8200",
            backend.as_str()
        ))
    }
}

fn suggest(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(
        || "; `crypt-keeper config check --help` lists the known ones".to_owned(),
        |known| format!("; did you mean `{known}`?"),
    )
}

fn shown(value: Option<&str>) -> String {
    value.map_or_else(String::new, |value| format!(" = {}", super::quoted(value)))
}
