//! What a doctor asks of Vault, asked as the service would.

use crypt_keeper_keys_vault::{
    CallError, MountPath, Place, Policy, Rights, TransitKeyPath, VaultSession, WrappedSecretId,
};

use super::{KV_MOUNT, TRANSIT_MOUNT, configured, mount, parse, session};
use crate::config::{KeysBackend, MasterKey, Settings};
use crate::error::{Chain, StartError};
use crate::wiring::vault_report::{
    LineRights, MountState, PolicyRights, VaultLogin, VaultReport, VaultRights, VaultStatus,
    WrappedState,
};

pub(crate) async fn examine(settings: &Settings) -> Result<Option<VaultReport>, StartError> {
    let Some(place) = place(settings)? else {
        return Ok(None);
    };
    let vault = configured(settings)?;
    let session = session(vault)?;
    let mut report = VaultReport {
        address: vault.address.clone(),
        status: Err(String::new()),
        login: None,
        mount: None,
        rights: None,
    };
    report.status = match session.seal_status().await {
        Ok(status) => Ok(VaultStatus {
            is_initialized: status.initialized,
            is_sealed: status.sealed,
            version: status.version,
        }),
        Err(error) => Err(Chain(&error).to_string()),
    };
    if !matches!(&report.status, Ok(status) if status.is_initialized && !status.is_sealed) {
        return Ok(Some(report));
    }
    let login = log_in(&session).await;
    let has_token = matches!(login, VaultLogin::Token { .. });
    report.login = Some(login);
    if has_token {
        report.mount = Some(look_at_mount(&place, &session).await);
        let rights = place.rights(&session, policies(&place)).await;
        report.rights = Some(match rights {
            Ok(rights) => Ok(facts(rights)),
            Err(error) => Err(Chain(&error).to_string()),
        });
    }
    Ok(Some(report))
}

fn place(settings: &Settings) -> Result<Option<Place>, StartError> {
    Ok(match (settings.keys.backend, &settings.keys.master_key) {
        (KeysBackend::VaultKv, _) => Some(Place::Kv(mount(configured(settings)?, KV_MOUNT)?)),
        (KeysBackend::VaultTransit, _) => {
            Some(Place::Transit(mount(configured(settings)?, TRANSIT_MOUNT)?))
        }
        (KeysBackend::Sealed, Some(MasterKey::SealedFile { transit, .. })) => {
            let key: TransitKeyPath = parse("keys.master_key_transit", transit)?;
            Some(Place::MasterKey(key))
        }
        (KeysBackend::Sealed, _) => None,
    })
}

const fn policies(place: &Place) -> &'static [Policy] {
    match place {
        Place::Kv(_) | Place::Transit(_) => &[Policy::Serve, Policy::Rotate, Policy::Destroy],
        Place::MasterKey(_) => &[Policy::MasterKey, Policy::MasterKeyChange],
    }
}

async fn log_in(session: &VaultSession) -> VaultLogin {
    match session.wrapped_secret_id().await {
        Ok(None) => {}
        Ok(Some(wrapped)) => {
            return VaultLogin::Wrapped(match wrapped {
                WrappedSecretId::Unopened => WrappedState::Unopened,
                WrappedSecretId::Spent => WrappedState::Spent,
                WrappedSecretId::Foreign => WrappedState::Foreign,
            });
        }
        Err(error) => return VaultLogin::Failed(Chain(&error).to_string()),
    }
    match session.token_report().await {
        Ok(token) => VaultLogin::Token {
            left: token.left,
            is_renewable: token.is_renewable,
            policies: token.policies,
        },
        Err(error) => VaultLogin::Failed(Chain(&error).to_string()),
    }
}

async fn look_at_mount(place: &Place, session: &VaultSession) -> MountState {
    let (engine, path): (_, &MountPath) = match place {
        Place::Kv(path) => ("KV version 2", path),
        Place::Transit(path) => ("Transit", path),
        Place::MasterKey(key) => ("Transit", key.mount()),
    };
    match place.check_mount(session).await {
        Ok(()) => MountState::Right(engine, path.to_string()),
        Err(error @ (CallError::NoMount(_) | CallError::WrongMount { .. })) => {
            let command = match place {
                Place::Kv(_) => "vault secrets enable -path=crypt-keeper -version=2 kv",
                Place::Transit(_) | Place::MasterKey(_) => {
                    "vault secrets enable -path=crypt-keeper-transit transit"
                }
            };
            MountState::Wrong(Chain(&error).to_string(), command.to_owned())
        }
        Err(error) => MountState::Unknown(Chain(&error).to_string()),
    }
}

fn facts(rights: Rights) -> VaultRights {
    let policies = rights.policies.into_iter().map(|report| PolicyRights {
        policy: report.policy.name(),
        missing: report
            .missing
            .into_iter()
            .map(|line| LineRights {
                path: line.path,
                capabilities: line.capabilities,
                meaning: "",
            })
            .collect(),
    });
    let excess = rights.excess.into_iter().map(|excess| LineRights {
        path: excess.path,
        capabilities: excess.capabilities,
        meaning: excess.meaning,
    });
    VaultRights {
        is_root: rights.is_root,
        policies: policies.collect(),
        excess: excess.collect(),
    }
}
