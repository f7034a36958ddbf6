//! HashiCorp Vault and OpenBao: from the configuration to the adapter.

mod examine;

use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use crypt_keeper_crypto::MasterKeyId;
use crypt_keeper_domain::ports::BoxError;
use crypt_keeper_keys_sealed::master_key::{RingSeal, SealedLine};
use crypt_keeper_keys_vault::{
    Auth, AuthMethod, CallError, KvHalves, LocalVault, MountPath, SessionConfig, TransitConfig,
    TransitSeal, VaultSession, kv_vault,
};
use crypt_keeper_secret::SecretBytes;

use super::Stores;
use super::vault::{ready_scope, vault_config};
use crate::config::{ConfigError, HashiCorpVault, Settings, VaultAuth};
use crate::error::{Chain, StartError};

pub(super) use examine::examine;

/// Private halves in KV, used in this process.
pub(super) type KvVault = LocalVault<KvHalves>;
pub(super) use crypt_keeper_keys_vault::TransitVault;

/// Where the engines are unless somebody says otherwise.
const KV_MOUNT: &str = "secret";
const TRANSIT_MOUNT: &str = "transit";

const PART: &str = "key vault";

pub(super) fn open_kv(settings: &Settings, stores: &Stores) -> Result<KvVault, StartError> {
    let vault = configured(settings)?;
    let mount = mount(vault, KV_MOUNT)?;
    let (session, registry) = (session(vault)?, Arc::clone(&stores.registry));
    Ok(kv_vault(session, mount, registry, vault_config(settings))?)
}

pub(super) fn open_transit(
    settings: &Settings,
    stores: &Stores,
) -> Result<TransitVault, StartError> {
    let vault = configured(settings)?;
    let mount = mount(vault, TRANSIT_MOUNT)?;
    let (session, registry) = (session(vault)?, Arc::clone(&stores.registry));
    let config = TransitConfig {
        ready_scope: ready_scope(settings),
        ..TransitConfig::default()
    };
    Ok(TransitVault::new(session, mount, registry, config))
}

/// Transit as what seals the keys of a ring.
#[derive(Debug)]
pub(super) struct TransitRing(TransitSeal);

/// What a line of a ring is bound to, so that a key opens on its own line alone.
const RING_CONTEXT: &[u8] = b"crypt-keeper/master-key/v1\0";

fn context(id: MasterKeyId) -> Vec<u8> {
    [RING_CONTEXT, id.as_bytes()].concat()
}

pub(super) fn open_ring_seal(
    settings: &Settings,
    transit: &str,
) -> Result<TransitRing, StartError> {
    let vault = configured(settings)?;
    let key = parse("keys.master_key_transit", transit)?;
    Ok(TransitRing(TransitSeal::new(session(vault)?, key)))
}

#[async_trait]
impl RingSeal for TransitRing {
    async fn seal(&self, id: MasterKeyId, key: &SecretBytes) -> Result<String, BoxError> {
        self.0.check_key().await?;
        Ok(self.0.seal(key, &context(id)).await?)
    }

    async fn open(&self, lines: &[SealedLine]) -> Result<Vec<SecretBytes>, BoxError> {
        let contexts: Vec<_> = lines.iter().map(|line| context(line.id)).collect();
        let sealed: Vec<_> = lines
            .iter()
            .zip(&contexts)
            .map(|(line, context)| (line.sealed.as_str(), context.as_slice()))
            .collect();
        Ok(self.0.open(&sealed).await?)
    }
}

/// An outage may be over in a moment; what nobody but an operator mends is refused.
pub(super) fn judge(found: Result<(), CallError>) -> Result<(), StartError> {
    match found {
        Err(error) if error.is_outage() => {
            tracing::warn!(
                error = %Chain(&error),
                "Vault is away: document keys cannot be unwrapped until it is back"
            );
            Ok(())
        }
        found => found.map_err(StartError::part(PART)),
    }
}

fn configured(settings: &Settings) -> Result<&HashiCorpVault, StartError> {
    let vault = settings.keys.vault.as_ref();
    vault.ok_or_else(|| ConfigError::needs_vault_address(settings.keys.backend).into())
}

fn mount(vault: &HashiCorpVault, usual: &str) -> Result<MountPath, StartError> {
    parse("keys.vault.mount", vault.mount.as_deref().unwrap_or(usual))
}

fn session(vault: &HashiCorpVault) -> Result<Arc<VaultSession>, StartError> {
    let optional = |key, text: &Option<String>| {
        let text = text.as_deref();
        text.map(|text| parse(key, text)).transpose()
    };
    let method = match vault.auth.clone() {
        VaultAuth::Token { file } => AuthMethod::Token { file },
        VaultAuth::AppRole {
            role_id,
            secret_id_file,
        } => AuthMethod::AppRole {
            role_id,
            secret_id_file,
        },
        VaultAuth::Kubernetes { role, token_file } => AuthMethod::Kubernetes {
            role,
            token_file: token_file
                .unwrap_or_else(|| PathBuf::from(AuthMethod::KUBERNETES_TOKEN_FILE)),
        },
    };
    let config = SessionConfig {
        address: parse("keys.vault.address", &vault.address)?,
        namespace: optional("keys.vault.namespace", &vault.namespace)?,
        ca_file: vault.ca_file.clone(),
        auth: Auth {
            method,
            mount: optional("keys.vault.auth_mount", &vault.auth_mount)?,
        },
        patience: SessionConfig::PATIENCE,
    };
    VaultSession::start(config).map_err(StartError::part(PART))
}

fn parse<T: FromStr<Err: Display>>(key: &str, text: &str) -> Result<T, StartError> {
    text.parse().map_err(|error| {
        let said = format!("`{key}` = {text:?} is not valid: {error}");
        ConfigError::Together(said).into()
    })
}
