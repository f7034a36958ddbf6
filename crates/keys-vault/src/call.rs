use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crypt_keeper_domain::ports::VaultError;

use crate::config::MountPath;

/// Why a call to Vault failed, in fixed words: never a text of Vault's or of the client library's,
/// which may hold a token, nor a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nothing came back in time.
    #[error("Vault has not answered within {0:?}")]
    TimedOut(Duration),
    /// No connection, or it broke.
    #[error("Vault cannot be reached: is `keys.vault.address` right, and is it up?")]
    Unreachable,
    /// TLS failed.
    #[error(
        "Vault's certificate is not trusted: name the authority that signed it in \
         `keys.vault.ca_file`"
    )]
    Certificate,
    /// It is sealed.
    #[error("Vault is sealed: unseal it")]
    Sealed,
    /// A member of a cluster that does not serve.
    #[error("this Vault is a standby and forwards nothing: name the cluster's address")]
    Standby,
    /// A quota of Vault's.
    #[error("Vault turns requests away as too many: raise its rate limit quota")]
    RateLimited,
    /// The token's policies do not allow it.
    #[error(
        "Vault does not let this service {doing}: attach the policy of deploy/vault/{policy}.hcl \
         to its role"
    )]
    Denied {
        /// What was tried, as a verb.
        doing: &'static str,
        /// The policy that allows it.
        policy: &'static str,
    },
    /// Nothing is mounted there, or nothing that the token may do anything with: Vault does not
    /// tell one from the other.
    #[error(
        "Vault has nothing mounted at `{0}` that this service may use: enable it, or see \
         `keys.vault.mount` and the policies in deploy/vault/"
    )]
    NoMount(MountPath),
    /// Something else is mounted there.
    #[error("what Vault has mounted at `{mount}` is {found}, not {needed}: see `keys.vault.mount`")]
    WrongMount {
        /// Where.
        mount: MountPath,
        /// What it is, of what we know.
        found: &'static str,
        /// What is needed there.
        needed: &'static str,
    },
    /// There is nothing at the path.
    #[error("there is nothing at this path in Vault")]
    NotFound,
    /// It was deleted, and has not been destroyed.
    #[error("the entry in Vault was deleted and can be brought back: `vault kv undelete`")]
    Deleted,
    /// There is something at the path already.
    #[error("there is an entry at this path in Vault already")]
    Taken,
    /// Transit has no such key.
    #[error("Transit has no such key")]
    NoKey,
    /// Transit does not open the ciphertext.
    #[error("Transit does not decrypt this")]
    DoesNotDecrypt,
    /// Transit was told not to use the version.
    #[error(
        "Transit refuses version 1 of the key: set its `min_decryption_version` back to 1 and its \
         versions as they were"
    )]
    VersionRefused,
    /// Another status.
    #[error("Vault answered with status {0}")]
    Status(u16),
    /// The answer has another form than Vault's.
    #[error("the answer is not one of Vault's: is it Vault that `keys.vault.address` names?")]
    NotUnderstood,
    /// There is no token to ask with.
    #[error("cannot log in to Vault")]
    Login(#[from] LoginError),
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// The file of a secret cannot be read.
    #[error("cannot read {}: {kind}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's word.
        kind: io::ErrorKind,
    },
    /// The file holds something else than one word of printable ASCII.
    #[error("{} does not hold a token or a secret id: one line of printable ASCII", .0.display())]
    NotASecret(PathBuf),
    /// Vault refuses it.
    #[error("Vault refuses the login by {0}: is what it logs in with expired, used up or revoked?")]
    Refused(&'static str),
    /// The wrapping token is of no use any more.
    #[error(
        "the wrapping token in {} has expired or was used: make a new one, and find out who used it \
         if it was not this service", .0.display()
    )]
    Spent(PathBuf),
    /// The wrapping token wraps something else.
    #[error(
        "the wrapping token in {} does not wrap a secret id of AppRole: somebody may have put it \
         there in its place", .0.display()
    )]
    NotASecretId(PathBuf),
    /// The call failed.
    #[error(transparent)]
    Call(Box<CallError>),
}

impl CallError {
    /// Whether it may be better in a moment, without anyone changing a setting.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        match self {
            Self::TimedOut(_)
            | Self::Unreachable
            | Self::Certificate
            | Self::Sealed
            | Self::Standby
            | Self::RateLimited
            | Self::Login(_) => true,
            Self::Status(status) => *status >= 500,
            _ => false,
        }
    }
}

impl From<CallError> for VaultError {
    fn from(error: CallError) -> Self {
        if error.is_outage() {
            Self::Unavailable(Box::new(error))
        } else {
            Self::Backend(Box::new(error))
        }
    }
}

/// One kind of call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    /// What it does, as a verb: for [`CallError::Denied`].
    pub(crate) doing: &'static str,
    /// The policy in `deploy/vault/` that allows it.
    pub(crate) policy: &'static str,
    /// Whether it may be made twice, if it is not known what became of the first.
    pub(crate) is_repeatable: bool,
}
