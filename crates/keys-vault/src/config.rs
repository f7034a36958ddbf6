use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use reqwest::Url;

/// How a session reaches Vault and who it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// Where Vault is.
    pub address: VaultAddress,
    /// The namespace that every path lies in; `None`: the root namespace.
    pub namespace: Option<MountPath>,
    /// The certificate authorities to trust, PEM, instead of the machine's.
    pub ca_file: Option<PathBuf>,
    /// How to log in.
    pub auth: Auth,
    /// How long a request may take, its login and a second attempt included. Making a key has its
    /// own, longer limit.
    pub patience: Duration,
}

impl SessionConfig {
    /// Three seconds.
    pub const PATIENCE: Duration = Duration::from_secs(3);
}

/// A way to log in, with the files that hold its secrets. They are read at each login, so that
/// what has been put there since takes effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// Which.
    pub method: AuthMethod,
    /// Where the method is mounted below `auth/`; `None`: under its own name.
    pub mount: Option<MountPath>,
}

/// The ways to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// A token that somebody else looks after, such as a Vault agent. It is renewed if it can be.
    Token {
        /// The file that holds it.
        file: PathBuf,
    },
    /// AppRole.
    AppRole {
        /// The role id.
        role_id: String,
        /// The file that holds the secret id, or a token that wraps one: that is unwrapped once,
        /// and the secret id kept in memory for later logins.
        secret_id_file: PathBuf,
    },
    /// The service account of a Kubernetes pod.
    Kubernetes {
        /// The role in Vault.
        role: String,
        /// The file that holds the service account's token.
        token_file: PathBuf,
    },
}

impl AuthMethod {
    /// Where Kubernetes puts the token of a pod's service account.
    pub const KUBERNETES_TOKEN_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

    /// As configuration names it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Token { .. } => "token",
            Self::AppRole { .. } => "approle",
            Self::Kubernetes { .. } => "kubernetes",
        }
    }
}

impl Auth {
    pub(crate) fn mount(&self) -> &str {
        match &self.mount {
            Some(mount) => mount.as_str(),
            None => self.method.name(),
        }
    }

    /// As Vault names it: below `auth/`.
    pub(crate) fn full_mount(&self) -> MountPath {
        MountPath(format!("auth/{}", self.mount()))
    }
}

/// The address of Vault: `https://vault.example.com:8200`. Plain HTTP is taken for this machine
/// alone, since private halves and tokens travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultAddress(Url);

/// Why a text is no address of a Vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// It is no URL of the kind.
    #[error("not the address of a Vault: like https://vault.example.com:8200")]
    Form,
    /// It holds more than a host and a port.
    #[error("the address of a Vault has neither user, path nor query")]
    More,
    /// Plain HTTP over a network.
    #[error("plain HTTP to another machine would show private halves and tokens: use https://")]
    Plain,
}

impl VaultAddress {
    pub(crate) const fn url(&self) -> &Url {
        &self.0
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }
}

impl FromStr for VaultAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| InvalidAddress::Form)?;
        let Some(host) = url.host_str() else {
            return Err(InvalidAddress::Form);
        };
        let is_here = host == "localhost"
            || host
                .trim_matches(['[', ']'])
                .parse()
                .is_ok_and(|address: std::net::IpAddr| address.is_loopback());
        match url.scheme() {
            "https" => {}
            "http" if is_here => {}
            "http" => return Err(InvalidAddress::Plain),
            _ => return Err(InvalidAddress::Form),
        }
        let is_bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if is_bare {
            Ok(Self(url))
        } else {
            Err(InvalidAddress::More)
        }
    }
}

impl fmt::Display for VaultAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

/// The path of a mount or of a namespace, without slashes at its ends: `secret`, `team/kv`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountPath(String);

/// A text that is no path of a mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a path in Vault: names of letters, digits, `-`, `_` and `.`, joined by slashes")]
pub struct InvalidPath;

impl MountPath {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Slashes at the ends, which Vault's own listings show, are dropped.
impl FromStr for MountPath {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path = text.trim_matches('/');
        let is_name = |name: &str| {
            !name.is_empty()
                && name.bytes().any(|byte| byte != b'.')
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        if path.split('/').all(is_name) {
            Ok(Self(path.to_owned()))
        } else {
            Err(InvalidPath)
        }
    }
}

impl fmt::Display for MountPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine() {
        for good in [
            "https://vault.example.com",
            "https://vault.example.com:8200/",
            "http://127.0.0.1:8200",
            "http://localhost:8200",
            "http://[::1]:8200",
        ] {
            let address: VaultAddress = good.parse().unwrap();
            assert_eq!(address.to_string(), good.trim_end_matches('/'));
        }
        for (bad, why) in [
            ("http://vault.example.com", InvalidAddress::Plain),
            ("http://10.0.0.1:8200", InvalidAddress::Plain),
            ("http://localhost.example.com", InvalidAddress::Plain),
            ("vault.example.com", InvalidAddress::Form),
            ("unix:///run/vault", InvalidAddress::Form),
            ("", InvalidAddress::Form),
            ("https://vault.example.com/v1", InvalidAddress::More),
            ("https://a:b@vault.example.com", InvalidAddress::More),
            ("https://vault.example.com?x", InvalidAddress::More),
        ] {
            assert_eq!(bad.parse::<VaultAddress>(), Err(why), "{bad}");
        }
    }

    #[test]
    fn a_path_is_made_of_plain_names() {
        for (good, path) in [
            ("secret", "secret"),
            ("secret/", "secret"),
            ("/team/kv-2/", "team/kv-2"),
            ("v1.0", "v1.0"),
        ] {
            assert_eq!(good.parse::<MountPath>().unwrap().as_str(), path);
        }
        for bad in [
            "", "/", "a//b", "a/../b", ".", "a b", "a?b", "a%2fb", "ä", "a\n",
        ] {
            assert!(bad.parse::<MountPath>().is_err(), "{bad:?}");
        }
    }
}
