//! What a doctor learns of HashiCorp Vault or OpenBao, in words and facts that need no adapter.

use std::time::Duration;

use crate::config::Settings;
use crate::error::StartError;

/// What was found; later parts are `None` where an earlier one leaves nothing to look at.
#[derive(Clone, Debug)]
pub struct VaultReport {
    /// Where it should be.
    pub address: String,
    /// Whether it answers at all: else why not.
    pub status: Result<VaultStatus, String>,
    /// Whether the service may come in.
    pub login: Option<VaultLogin>,
    /// What is mounted where the keys are.
    pub mount: Option<MountState>,
    /// What the token may do; else why that is not known.
    pub rights: Option<Result<VaultRights, String>>,
}

/// What it says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultStatus {
    /// Whether it was ever set up.
    pub is_initialized: bool,
    /// Whether it is sealed.
    pub is_sealed: bool,
    /// Its version.
    pub version: String,
}

/// How the login went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultLogin {
    /// There is a token.
    Token {
        /// How long it is good for, unless it is renewed; `None`: for ever.
        left: Option<Duration>,
        /// Whether it can be renewed.
        is_renewable: bool,
        /// Its policies.
        policies: Vec<String>,
    },
    /// It was not tried: the secret id is wrapped, and opens once.
    Wrapped(WrappedState),
    /// It failed.
    Failed(String),
}

/// What is known of a wrapped secret id that was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrappedState {
    /// It can be opened.
    Unopened,
    /// It was opened, or has expired.
    Spent,
    /// It wraps something else.
    Foreign,
}

/// What is mounted where the keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MountState {
    /// What should be: engine and path.
    Right(&'static str, String),
    /// Something else, or nothing, in words; and the command that would mount what is needed.
    Wrong(String, String),
    /// Not known, in words.
    Unknown(String),
}

/// What the token may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VaultRights {
    /// Everything there is.
    pub is_root: bool,
    /// Policies of `deploy/vault/`, by the names of their files.
    pub policies: Vec<PolicyRights>,
    /// What none of them has.
    pub excess: Vec<LineRights>,
}

/// What the token has of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRights {
    /// The name of its file, without its ending.
    pub policy: &'static str,
    /// Those that the token lacks.
    pub missing: Vec<LineRights>,
}

/// A path and capabilities there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineRights {
    /// As a policy would have it.
    pub path: String,
    /// Which.
    pub capabilities: Vec<&'static str>,
    /// What could be done with them, where that is worth a word.
    pub meaning: &'static str,
}

/// Looks at Vault as the service would, and changes nothing there; `None` if nothing that is
/// configured needs one.
///
/// # Errors
/// [`StartError::Config`], [`StartError::Part`], [`StartError::NotCompiledIn`].
#[cfg(feature = "vault")]
pub async fn examine_vault(settings: &Settings) -> Result<Option<VaultReport>, StartError> {
    super::hashicorp::examine(settings).await
}

/// Looks at Vault; this build knows none.
///
/// # Errors
/// Never: what needs one is refused elsewhere, with the feature to add.
#[cfg(not(feature = "vault"))]
pub async fn examine_vault(_settings: &Settings) -> Result<Option<VaultReport>, StartError> {
    Ok(None)
}
