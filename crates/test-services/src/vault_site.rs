//! A place of a test's own in a Vault.

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::vault_access::VaultAccess;
use crate::workspace::workspace;

const ROLES: [&str; 6] = [
    "ingest",
    "serve",
    "rotate",
    "destroy",
    "master-key",
    "master-key-change",
];

/// The name of the Transit key in the policies that are about master keys.
const MASTER_KEY: &str = "master-key";

/// A mount of KV version 2, a mount of Transit, and the policies of `deploy/vault/` written for them.
#[derive(Clone, Debug)]
pub struct VaultSite {
    access: VaultAccess,
    kv: String,
    transit: String,
}

impl VaultSite {
    /// Makes a new one.
    ///
    /// # Errors
    /// Those of [`VaultAccess::must`]; [`Error::File`] if a policy cannot be read.
    pub fn create(access: &VaultAccess) -> Result<Self> {
        let site = Self {
            access: access.clone(),
            kv: access.create_fresh_kv()?,
            transit: access.create_fresh_transit()?,
        };
        for role in ROLES {
            let text = policy_text(role)?
                .replace("\"secret/", &format!("\"{}/", site.kv))
                .replace("\"transit/", &format!("\"{}/", site.transit));
            let path = format!("sys/policies/acl/{}", site.policy(role));
            access.must("PUT", &path, &json!({ "policy": text }))?;
        }
        Ok(site)
    }

    /// The server that it is in.
    #[must_use]
    pub fn access(&self) -> &VaultAccess {
        &self.access
    }

    /// The mount of KV.
    #[must_use]
    pub fn kv(&self) -> &str {
        &self.kv
    }

    /// The mount of Transit.
    #[must_use]
    pub fn transit(&self) -> &str {
        &self.transit
    }

    /// Makes the Transit key that may seal master keys; its path, mount and name.
    ///
    /// # Errors
    /// Those of [`VaultAccess::must`].
    pub fn create_master_key(&self) -> Result<String> {
        let path = format!("{}/keys/{MASTER_KEY}", self.transit);
        self.access.must("POST", &path, &json!({}))?;
        Ok(format!("{}/{MASTER_KEY}", self.transit))
    }

    /// The name of the policy of a role of `deploy/vault/`.
    #[must_use]
    pub fn policy(&self, role: &str) -> String {
        format!("{role}-{}", self.kv)
    }

    /// A renewable token with the policies of some roles and no other, not even `default`, for
    /// so many seconds from now or from its last renewal.
    ///
    /// # Errors
    /// [`Error::Other`] if Vault makes none.
    pub fn token(&self, roles: &[&str], ttl_seconds: u32) -> Result<String> {
        let policies: Vec<_> = roles.iter().map(|role| self.policy(role)).collect();
        let body = json!({
            "policies": policies,
            "no_default_policy": true,
            "no_parent": true,
            "renewable": true,
            "ttl": format!("{ttl_seconds}s"),
        });
        let (status, answer) = self.access.ask("POST", "auth/token/create", &body)?;
        let token = answer["auth"]["client_token"].as_str();
        token
            .map(ToOwned::to_owned)
            .ok_or_else(|| Error::Other(format!("Vault makes no token: {status}")))
    }

    /// Everything that lies in KV, as the root token sees it: paths and entries.
    ///
    /// # Errors
    /// Those of [`VaultAccess::must`].
    pub fn entries(&self) -> Result<Vec<(String, Value)>> {
        let folder = "crypt-keeper/keys";
        let path = format!("{}/metadata/{folder}", self.kv);
        let (status, listed) = self.access.ask("LIST", &path, &Value::Null)?;
        if status == 404 {
            return Ok(Vec::new());
        }
        let names = listed["data"]["keys"].as_array().cloned();
        let names = names.unwrap_or_default();
        let mut entries = Vec::new();
        for name in names.iter().filter_map(Value::as_str) {
            let path = format!("{}/data/{folder}/{name}", self.kv);
            let entry = self.access.must("GET", &path, &Value::Null)?;
            entries.push((name.to_owned(), entry["data"].clone()));
        }
        Ok(entries)
    }
}

/// A policy of `deploy/vault/`, for the mounts `secret` and `transit`.
fn policy_text(role: &str) -> Result<String> {
    let path = workspace()?.join(format!("deploy/vault/{role}.hcl"));
    std::fs::read_to_string(&path).map_err(|source| Error::file("read", &path, source))
}
