use std::path::PathBuf;

use super::values::Values;
use super::{ConfigError, quoted};

/// Where HashiCorp Vault or OpenBao is, and who this service is there. Of addresses and paths the
/// adapter says whether they can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashiCorpVault {
    /// Its address.
    pub address: String,
    /// Where the engine is mounted; `None`: under the engine's usual name.
    pub mount: Option<String>,
    /// The namespace that every path lies in.
    pub namespace: Option<String>,
    /// The certificate authorities to trust instead of the machine's.
    pub ca_file: Option<PathBuf>,
    /// How to log in.
    pub auth: VaultAuth,
    /// Where that method is mounted below `auth/`; `None`: under its own name.
    pub auth_mount: Option<String>,
}

/// Ways to log in to Vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultAuth {
    /// A token from a file.
    Token {
        /// The file.
        file: PathBuf,
    },
    /// AppRole.
    AppRole {
        /// The role id.
        role_id: String,
        /// The file of the secret id.
        secret_id_file: PathBuf,
    },
    /// The service account of a Kubernetes pod.
    Kubernetes {
        /// The role.
        role: String,
        /// The file of the service account's token; `None`: where Kubernetes puts it.
        token_file: Option<PathBuf>,
    },
}

#[derive(Clone, Copy)]
enum Method {
    Token,
    AppRole,
    Kubernetes,
}

impl HashiCorpVault {
    /// Reads `keys.vault.*`; `None` if none of it is given.
    pub(super) fn read(values: &Values) -> Result<Option<Self>, ConfigError> {
        let word = |key| values.parse(key, "it is empty", |text| some(text.trim()));
        let address = word("keys.vault.address")?;
        let mount = word("keys.vault.mount")?;
        let namespace = word("keys.vault.namespace")?;
        let ca_file = values.path("keys.vault.ca_file")?;
        let method = values.parse(
            "keys.vault.auth",
            "`token`, `approle` or `kubernetes` is needed",
            |text| match text {
                "token" => Some(Method::Token),
                "approle" => Some(Method::AppRole),
                "kubernetes" => Some(Method::Kubernetes),
                _ => None,
            },
        )?;
        let auth_mount = word("keys.vault.auth_mount")?;
        let token_file = values.path("keys.vault.token_file")?;
        let role_id = word("keys.vault.role_id")?;
        let secret_id_file = values.path("keys.vault.secret_id_file")?;
        let Some(address) = address else {
            return Ok(None);
        };
        let auth = match method.unwrap_or(Method::Token) {
            Method::Token => VaultAuth::Token {
                file: needed(token_file, "keys.vault.token_file", "token")?,
            },
            Method::AppRole => VaultAuth::AppRole {
                role_id: needed(role_id, "keys.vault.role_id", "approle")?,
                secret_id_file: needed(secret_id_file, "keys.vault.secret_id_file", "approle")?,
            },
            Method::Kubernetes => VaultAuth::Kubernetes {
                role: needed(role_id, "keys.vault.role_id", "kubernetes")?,
                token_file,
            },
        };
        Ok(Some(Self {
            address,
            mount,
            namespace,
            ca_file,
            auth,
            auth_mount,
        }))
    }

    /// In the order of [`KEYS`](super::KEYS); the files hold the secrets, and are not read here.
    pub(super) fn rows(vault: Option<&Self>) -> Vec<(&'static str, Option<String>)> {
        let text = |of: fn(&Self) -> Option<&String>| vault.and_then(of).map(|it| quoted(it));
        let path = |of: fn(&VaultAuth) -> Option<&PathBuf>| {
            let found = vault.and_then(|vault| of(&vault.auth));
            found.map(|path| quoted(&path.to_string_lossy()))
        };
        let ca_file = vault.and_then(|vault| vault.ca_file.as_ref());
        vec![
            ("keys.vault.address", text(|vault| Some(&vault.address))),
            ("keys.vault.mount", text(|vault| vault.mount.as_ref())),
            (
                "keys.vault.namespace",
                text(|vault| vault.namespace.as_ref()),
            ),
            (
                "keys.vault.ca_file",
                ca_file.map(|path| quoted(&path.to_string_lossy())),
            ),
            (
                "keys.vault.auth",
                vault.map(|vault| quoted(vault.auth.name())),
            ),
            (
                "keys.vault.auth_mount",
                text(|vault| vault.auth_mount.as_ref()),
            ),
            (
                "keys.vault.token_file",
                path(|auth| match auth {
                    VaultAuth::Token { file } => Some(file),
                    VaultAuth::Kubernetes { token_file, .. } => token_file.as_ref(),
                    VaultAuth::AppRole { .. } => None,
                }),
            ),
            (
                "keys.vault.role_id",
                text(|vault| match &vault.auth {
                    VaultAuth::AppRole { role_id, .. } => Some(role_id),
                    VaultAuth::Kubernetes { role, .. } => Some(role),
                    VaultAuth::Token { .. } => None,
                }),
            ),
            (
                "keys.vault.secret_id_file",
                path(|auth| match auth {
                    VaultAuth::AppRole { secret_id_file, .. } => Some(secret_id_file),
                    _ => None,
                }),
            ),
        ]
    }
}

impl VaultAuth {
    const fn name(&self) -> &'static str {
        match self {
            Self::Token { .. } => "token",
            Self::AppRole { .. } => "approle",
            Self::Kubernetes { .. } => "kubernetes",
        }
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn needed<T>(value: Option<T>, key: &str, method: &str) -> Result<T, ConfigError> {
    value.ok_or_else(|| {
        ConfigError::Together(format!(
            "`keys.vault.auth` = \"{method}\" needs `{key}`: set it"
        ))
    })
}

#[cfg(test)]
mod tests {
    use crate::config::MasterKey;
    use crate::config::load::loaded;

    #[test]
    fn a_vault_needs_its_address_and_a_way_to_log_in() {
        let kv = ("keys.backend", "vault-kv");
        let address = ("keys.vault.address", "https://vault.example.com");
        let token = ("keys.vault.token_file", "token");
        let ring = ("keys.master_key_file", "ring");
        let transit = ("keys.master_key_transit", "transit/master-key");
        for (given, says) in [
            (vec![kv], "needs `keys.vault.address`"),
            (vec![kv, address], "needs `keys.vault.token_file`"),
            (
                vec![kv, address, ("keys.vault.auth", "approle")],
                "needs `keys.vault.role_id`",
            ),
            (
                vec![
                    kv,
                    address,
                    ("keys.vault.auth", "approle"),
                    ("keys.vault.role_id", "role"),
                ],
                "needs `keys.vault.secret_id_file`",
            ),
            (
                vec![kv, address, ("keys.vault.auth", "ldap")],
                "`token`, `approle` or `kubernetes` is needed",
            ),
            (
                vec![address, ("keys.vault.token_file", "token")],
                "`keys.backend` = \"sealed\"",
            ),
            (
                vec![("keys.master_key_transit", "transit/master-key")],
                "needs `keys.master_key_file`",
            ),
            (
                vec![ring, transit],
                "`keys.master_key_transit` needs `keys.vault.address`",
            ),
            (
                vec![
                    ring,
                    transit,
                    address,
                    token,
                    ("keys.vault.mount", "secret"),
                ],
                "`keys.vault.mount` is of no use with `keys.backend` = \"sealed\"",
            ),
            (
                vec![kv, ring, transit, address, token],
                "`keys.master_key_transit` goes with `keys.backend` = \"sealed\"",
            ),
            (
                vec![("keys.master_key_command", "cat x"), transit],
                "does not go with `keys.master_key_command`",
            ),
            (
                vec![("keys.backend", "vault")],
                "`vault-kv` or `vault-transit` is needed",
            ),
        ] {
            let refused = loaded(&given).unwrap_err();
            assert!(refused.contains(says), "{given:?}: {refused}");
        }
        let sealed = loaded(&[ring, transit, address, token]).unwrap();
        assert_eq!(
            sealed.keys.master_key,
            Some(MasterKey::SealedFile {
                file: "ring".into(),
                transit: "transit/master-key".to_owned()
            })
        );
        let kubernetes = [
            kv,
            address,
            ("keys.vault.auth", "kubernetes"),
            ("keys.vault.role_id", "crypt-keeper"),
        ];
        loaded(&kubernetes).unwrap();
    }
}
