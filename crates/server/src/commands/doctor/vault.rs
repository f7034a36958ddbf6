//! HashiCorp Vault or OpenBao: whether it answers, lets the service in, has what it needs, and allows
//! it no more than that.

use std::time::Duration;

use crypt_keeper_domain::model::KeyState;
use crypt_keeper_domain::usecase::ScopePolicy;

use super::finding::Finding;
use super::vault_version;
use crate::commands::administration::Administration;
use crate::config::{Settings, VaultAuth};
use crate::error::Chain;
use crate::wiring::{
    self, LineRights, MountState, PolicyRights, VaultLogin, VaultReport, VaultRights, WrappedState,
};

const VAULT: &str = "vault";
const TOKEN: &str = "vault token";
const MOUNT: &str = "vault mount";
const POLICIES: &str = "vault policies";

/// Looks at it, if anything that is configured needs it.
pub(super) async fn examine(
    settings: &Settings,
    findings: &mut Vec<Finding>,
) -> Option<VaultReport> {
    match wiring::examine_vault(settings).await {
        Ok(report) => {
            let report = report?;
            reached(&report, findings);
            login(settings, &report, findings);
            findings.extend(report.mount.as_ref().map(mount));
            Some(report)
        }
        Err(error) => {
            findings.push(Finding::error(
                VAULT,
                Chain(&error).to_string(),
                "correct what `keys.vault.*` and `keys.master_key_transit` are set to \
                 (`crypt-keeper config check`)",
            ));
            None
        }
    }
}

fn reached(report: &VaultReport, findings: &mut Vec<Finding>) {
    let address = &report.address;
    let status = match &report.status {
        Ok(status) => status,
        Err(words) => {
            findings.push(Finding::error(
                VAULT,
                format!("Vault at {address} is not reached: {words}"),
                "is it up, is `keys.vault.address` right, does a firewall lie between? If its \
                 certificate is not trusted: name the authority in `keys.vault.ca_file`",
            ));
            return;
        }
    };
    if !status.is_initialized {
        findings.push(Finding::error(
            VAULT,
            format!("Vault at {address} was never set up"),
            "run `vault operator init`, keep what it prints, and unseal it; or restore its snapshot",
        ));
    } else if status.is_sealed {
        findings.push(Finding::error(
            VAULT,
            format!("Vault at {address} is sealed, and answers nothing until it is unsealed"),
            "run `vault operator unseal`; if it should unseal itself, its log says why it does not",
        ));
    } else {
        let version = &status.version;
        findings.push(Finding::ok(
            VAULT,
            format!("Vault at {address} answers, unsealed, in version {version}"),
        ));
    }
    findings.extend(vault_version::judge(&status.version));
}

fn login(settings: &Settings, report: &VaultReport, findings: &mut Vec<Finding>) {
    let auth = settings.keys.vault.as_ref().map(|vault| &vault.auth);
    let finding = match &report.login {
        None => return,
        Some(VaultLogin::Failed(words)) => {
            Finding::error(TOKEN, format!("no login: {words}"), to_log_in(auth))
        }
        Some(VaultLogin::Wrapped(state)) => wrapped(*state),
        Some(VaultLogin::Token {
            left,
            is_renewable,
            policies,
        }) => {
            let is_fixed = matches!(auth, Some(VaultAuth::Token { .. }));
            token(*left, *is_renewable, is_fixed, &policies.join(", "))
        }
    };
    findings.push(finding);
}

fn to_log_in(auth: Option<&VaultAuth>) -> &'static str {
    match auth {
        Some(VaultAuth::AppRole { .. }) => {
            "make a new secret id (`vault write -f auth/approle/role/ROLE/secret-id`) and put it \
             into `keys.vault.secret_id_file`; compare `keys.vault.role_id` and \
             `keys.vault.auth_mount` with Vault's"
        }
        Some(VaultAuth::Kubernetes { .. }) => {
            "compare `keys.vault.role_id` and `keys.vault.auth_mount` with Vault's; does the role \
             bind this pod's service account and namespace?"
        }
        _ => {
            "put a token that Vault knows into `keys.vault.token_file`: `vault token create -orphan \
             -period=24h -policy=..`"
        }
    }
}

fn wrapped(state: WrappedState) -> Finding {
    let to_look = "to look further, run doctor with a secret id of its own: `--set \
                   keys.vault.secret_id_file=FILE`";
    match state {
        WrappedState::Unopened => Finding::warning(
            TOKEN,
            "the secret id is wrapped and opens once, for the service: it was not opened to look \
             further",
            to_look,
        ),
        WrappedState::Spent => Finding::warning(
            TOKEN,
            "the wrapped secret id has expired or was opened: well if it was by the service that \
             runs now, but it does not start once more with it",
            format!(
                "put a new one there before the next start; if the service has not opened it, find \
                 out who has; {to_look}"
            ),
        ),
        WrappedState::Foreign => Finding::error(
            TOKEN,
            "what `keys.vault.secret_id_file` holds wraps no secret id of AppRole: somebody may \
             have put it in its place",
            "find out who did; put a new one there (`vault write -f -wrap-ttl=600s \
             auth/approle/role/ROLE/secret-id`)",
        ),
    }
}

fn token(left: Option<Duration>, is_renewable: bool, is_fixed: bool, policies: &str) -> Finding {
    let Some(left) = left else {
        return Finding::warning(
            TOKEN,
            format!(
                "the token never ends (its policies: {policies}): whoever copies it has it for good"
            ),
            "give the service one that ends unless it is renewed: `vault token create -orphan \
             -period=24h -policy=..`",
        );
    };
    let left = left.as_secs();
    if is_renewable {
        Finding::ok(
            TOKEN,
            format!(
                "the token ends in {left} s, and is renewed at two thirds of that (its policies: \
                 {policies})"
            ),
        )
    } else if is_fixed {
        Finding::warning(
            TOKEN,
            format!("the token ends in {left} s and cannot be renewed (its policies: {policies})"),
            "put another into `keys.vault.token_file` before; better one that can be renewed: \
             `vault token create -orphan -period=24h -policy=..`",
        )
    } else {
        Finding::ok(
            TOKEN,
            format!(
                "the token ends in {left} s; the service logs in again then (its policies: \
                 {policies})"
            ),
        )
    }
}

fn mount(state: &MountState) -> Finding {
    match state {
        MountState::Right(engine, path) => {
            Finding::ok(MOUNT, format!("{engine} is mounted at `{path}`"))
        }
        MountState::Wrong(words, command) => Finding::error(
            MOUNT,
            words.as_str(),
            format!(
                "give Crypt-Keeper a mount of its own (`{command}`), name it in the configuration, \
                 and write its policies for it"
            ),
        ),
        MountState::Unknown(words) => Finding::error(
            MOUNT,
            format!("what is mounted is not known: {words}"),
            "run doctor again once Vault answers",
        ),
    }
}

/// Judges what the token may do. What it has to be allowed depends on what the service is to do.
pub(super) async fn policies(
    settings: &Settings,
    admin: Option<&Administration>,
    report: &VaultReport,
    findings: &mut Vec<Finding>,
) {
    let rights = match &report.rights {
        None => return,
        Some(Ok(rights)) => rights,
        Some(Err(words)) => {
            findings.push(Finding::warning(
                POLICIES,
                format!("Vault does not say what the token may do: {words}"),
                "let it ask: `path \"sys/capabilities-self\" { capabilities = [\"update\"] }`, as \
                 all policies of deploy/vault/ have it",
            ));
            return;
        }
    };
    if rights.is_root {
        findings.push(Finding::warning(
            POLICIES,
            "the token may do everything there is in Vault: so may whoever breaks into the service",
            "give it one with the policies of deploy/vault/ and no other",
        ));
        return;
    }
    let is_any_scheduled = match admin {
        Some(admin) => is_any_scheduled(admin).await,
        None => false,
    };
    for policy in &rights.policies {
        findings.extend(judge(policy, settings, is_any_scheduled));
    }
    excess(rights, findings);
}

async fn is_any_scheduled(admin: &Administration) -> bool {
    let pairs = admin.stores.registry.list_pairs().await;
    // A registry that does not answer is said elsewhere.
    pairs.is_ok_and(|pairs| {
        let mut pairs = pairs.iter();
        pairs.any(|pair| pair.state == KeyState::DestroyScheduled)
    })
}

/// What it means to lack a policy.
enum Lack {
    /// The service cannot do what it is there for.
    Error(&'static str),
    /// Something will not be done.
    Warning(&'static str),
    /// Somebody else does it.
    Fine(&'static str),
}

fn lack(policy: &str, settings: &Settings, is_any_scheduled: bool) -> Lack {
    match policy {
        "serve" => Lack::Error("no document key is unwrapped: downloads are refused"),
        "master-key" => Lack::Error("the master keys do not open: the service does not start"),
        "rotate" => {
            let makes =
                settings.keys.rotate_after.is_some() || settings.keys.scope != ScopePolicy::Shared;
            if makes {
                Lack::Warning(
                    "key pairs are not rotated by age, nor made for new partitions or customers; nor \
                     by commands with this configuration",
                )
            } else {
                Lack::Fine("key pairs are made with another configuration")
            }
        }
        "destroy" if is_any_scheduled => {
            Lack::Warning("key pairs that are scheduled for destruction are not destroyed when due")
        }
        "destroy" => Lack::Fine("key pairs are destroyed with another configuration"),
        _ => Lack::Fine("master keys are made and changed with another configuration"),
    }
}

fn judge(policy: &PolicyRights, settings: &Settings, is_any_scheduled: bool) -> Vec<Finding> {
    let file = format!("deploy/vault/{}.hcl", policy.policy);
    if policy.missing.is_empty() {
        let message = format!("the token has what {file} allows");
        return vec![Finding::ok(POLICIES, message)];
    }
    let (is_error, what) = match lack(policy.policy, settings, is_any_scheduled) {
        Lack::Error(what) => (true, what),
        Lack::Warning(what) => (false, what),
        // Some of it other policies allow as well.
        Lack::Fine(who) => {
            let message = format!("the token has not all that {file} allows: {who}");
            return vec![Finding::ok(POLICIES, message)];
        }
    };
    let of_line = |line: &LineRights| {
        let capabilities = quoted(&line.capabilities);
        let message = format!("the token lacks {capabilities} on `{}`: {what}", line.path);
        let fix = format!(
            "{file} has the line: `path \"{}\" {{ capabilities = [.., {capabilities}] }}`; write \
             that policy to Vault anew (`vault policy write`), and attach it to the service's role",
            line.path
        );
        match is_error {
            true => Finding::error(POLICIES, message, fix),
            false => Finding::warning(POLICIES, message, fix),
        }
    };
    policy.missing.iter().map(of_line).collect()
}

fn excess(rights: &VaultRights, findings: &mut Vec<Finding>) {
    for line in &rights.excess {
        findings.push(Finding::warning(
            POLICIES,
            format!(
                "the token has {} on `{}`, which it should not: {}",
                quoted(&line.capabilities),
                line.path,
                line.meaning
            ),
            "take that out of the policies of the service's role: none of deploy/vault/ has it",
        ));
    }
}

fn quoted(capabilities: &[&str]) -> String {
    let quoted: Vec<_> = capabilities
        .iter()
        .map(|capability| format!("\"{capability}\""))
        .collect();
    quoted.join(", ")
}
