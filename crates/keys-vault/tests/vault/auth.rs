//! Logging in, staying in, and what happens when the token goes.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crypt_keeper_domain::model::Scope;
use crypt_keeper_keys_vault::{AuthMethod, CallError, LoginError, VaultSession};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{ALL_ROLES, Scene, Site, is_backend, is_unavailable, uncached, words};

/// How long a refusal is remembered, and a little.
const PAUSE: Duration = Duration::from_millis(5_200);

/// An AppRole of the site's own.
struct Role<'a> {
    site: &'a Site,
    mount: String,
    role_id: String,
}

impl<'a> Role<'a> {
    fn new(site: &'a Site, settings: Value) -> Self {
        let mount = site.kv.replace("kv-", "approle-");
        let access = &site.access;
        let engine = json!({ "type": "approle" });
        access
            .must("POST", &format!("sys/auth/{mount}"), &engine)
            .unwrap();
        let policies: Vec<_> = ALL_ROLES.iter().map(|role| site.policy(role)).collect();
        let mut role = json!({ "token_policies": policies, "token_no_default_policy": true });
        for (name, value) in settings.as_object().unwrap() {
            role[name] = value.clone();
        }
        let path = format!("auth/{mount}/role/service");
        access.must("POST", &path, &role).unwrap();
        let found = access
            .must("GET", &format!("{path}/role-id"), &Value::Null)
            .unwrap();
        Self {
            site,
            mount,
            role_id: found["role_id"].as_str().unwrap().to_owned(),
        }
    }

    fn secret_id(&self) -> String {
        let path = format!("auth/{}/role/service/secret-id", self.mount);
        let made = self.site.access.must("POST", &path, &json!({})).unwrap();
        made["secret_id"].as_str().unwrap().to_owned()
    }

    fn session(&self, secret_id_file: PathBuf) -> std::sync::Arc<VaultSession> {
        let role_id = self.role_id.clone();
        let mut config = self.site.config_by(AuthMethod::AppRole {
            role_id,
            secret_id_file,
        });
        config.auth.mount = Some(self.mount.parse().unwrap());
        VaultSession::start(config).unwrap()
    }
}

fn revoke_all(site: &Site, mount: &str) {
    let path = format!("sys/leases/revoke-prefix/auth/{mount}/login");
    site.access.must("PUT", &path, &json!({})).unwrap();
}

#[tokio::test]
async fn a_token_that_does_not_end_is_a_token() {
    let Some(site) = Site::shared() else { return };
    let session = VaultSession::start(site.config(site.access.root_token())).unwrap();
    session.check().await.unwrap();
}

#[tokio::test]
async fn a_wrong_token_is_an_outage_that_is_said() {
    let Some(site) = Site::shared() else { return };
    let good = Scene::kv(site.session(), site.kv_mount());
    let pair = good.active_pair(Scope::Shared).await;
    let wrapped = good.wrapped().await;
    let file = site.file("agent-token", "s.hunter2hunter2hunter2");
    let config = site.config_by(AuthMethod::Token { file: file.clone() });
    let session = VaultSession::start(config).unwrap();
    let scene = Scene::kv_with(session, site.kv_mount(), uncached);
    scene.enter(&pair).await;
    let says = "Vault refuses the login by token";
    let refused = wrapped.release(&*scene.vault).await;
    assert!(!format!("{refused:?}").contains("hunter2"), "{refused:?}");
    is_unavailable(refused, says);

    // The right one is found where the wrong one was, within a pause.
    std::fs::write(file, site.token(ALL_ROLES)).unwrap();
    is_unavailable(wrapped.release(&*scene.vault).await, says);
    tokio::time::sleep(PAUSE).await;
    wrapped.is_released(&*scene.vault).await;
}

#[tokio::test]
async fn a_missing_or_empty_file_is_named() {
    let Some(site) = Site::shared() else { return };
    for (file, says) in [
        (
            PathBuf::from("/no/such/token"),
            "cannot read /no/such/token",
        ),
        (
            site.file("empty", "\n"),
            "does not hold a token or a secret id",
        ),
    ] {
        let session = VaultSession::start(site.config_by(AuthMethod::Token { file })).unwrap();
        let error = session.check().await.unwrap_err();
        assert!(words(&error).contains(says), "{}", words(&error));
    }
}

/// A lease of two seconds, three times over, under traffic that finds no token ended.
#[tokio::test]
async fn a_token_is_renewed_before_its_lease_ends() {
    let Some(site) = Site::shared() else { return };
    let config = site.config(&site.token_for(ALL_ROLES, 2));
    let session = VaultSession::start(config).unwrap();
    let scene = Scene::kv_with(session, site.kv_mount(), uncached);
    scene.active_pair(Scope::Shared).await;
    let wrapped = scene.wrapped().await;
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(6) {
        wrapped.is_released(&*scene.vault).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// An idle service keeps its token too.
#[tokio::test]
async fn a_token_is_renewed_without_traffic() {
    let Some(site) = Site::shared() else { return };
    let token = site.token_for(ALL_ROLES, 2);
    let session = VaultSession::start(site.config(&token)).unwrap();
    session.check().await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let look_up = |token: &str| {
        let (access, path) = (&site.access, "auth/token/lookup-self");
        access
            .ask_as(token, None, "GET", path, &Value::Null)
            .unwrap()
            .0
    };
    assert_eq!(look_up(&token), 200);
    drop(session);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(look_up(&token), 403, "nobody renews it any more");
}

/// Vault lets such a token live for three seconds at most, renewed or not.
#[tokio::test]
async fn approle_logs_in_anew_where_renewal_ends() {
    let Some(site) = Site::shared() else { return };
    let role = Role::new(&site, json!({ "token_ttl": "2s", "token_max_ttl": "3s" }));
    let session = role.session(site.file("secret-id", &role.secret_id()));
    let scene = Scene::kv_with(session, site.kv_mount(), uncached);
    scene.active_pair(Scope::Shared).await;
    let wrapped = scene.wrapped().await;
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(8) {
        wrapped.is_released(&*scene.vault).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Somebody revokes the service's token in mid-traffic.
#[tokio::test]
async fn a_revoked_token_is_replaced() {
    let Some(site) = Site::shared() else { return };
    let role = Role::new(&site, json!({ "token_ttl": "600s" }));
    let session = role.session(site.file("secret-id", &role.secret_id()));
    let scene = Scene::kv_with(session, site.kv_mount(), uncached);
    scene.active_pair(Scope::Shared).await;
    let wrapped = scene.wrapped().await;
    wrapped.is_released(&*scene.vault).await;
    tokio::time::sleep(PAUSE).await;
    revoke_all(&site, &role.mount);
    // Not one request notices.
    let released = join_all((0..8).map(|_| wrapped.release(&*scene.vault))).await;
    for key in released {
        assert_eq!(key.unwrap(), wrapped.key);
    }
    // Revoked again at once: a login is not repeated within seconds, and then it is.
    revoke_all(&site, &role.mount);
    is_backend(
        wrapped.release(&*scene.vault).await,
        "deploy/vault/serve.hcl",
    );
    tokio::time::sleep(PAUSE).await;
    wrapped.is_released(&*scene.vault).await;
}

#[tokio::test]
async fn a_wrong_secret_id_is_refused_and_not_tried_at_every_request() {
    let Some(site) = Site::shared() else { return };
    let role = Role::new(&site, json!({}));
    let session = role.session(site.file("secret-id", "11111111-hunter2"));
    let begin = Instant::now();
    for _ in 0..50 {
        let error = session.check().await.unwrap_err();
        assert_eq!(error, CallError::Login(LoginError::Refused("approle")));
        assert!(!format!("{error:?}").contains("hunter2"));
    }
    assert!(
        begin.elapsed() < Duration::from_secs(4),
        "49 of them cost nothing"
    );
}

#[tokio::test]
async fn a_wrapped_secret_id_is_unwrapped_once_and_serves_later_logins() {
    let Some(site) = Site::shared() else { return };
    let role = Role::new(&site, json!({ "token_ttl": "600s" }));
    let token = wrapped_answer(
        &site,
        &format!("auth/{}/role/service/secret-id", role.mount),
    );
    let file = site.file("wrapped", &token);
    let session = role.session(file.clone());
    session.check().await.unwrap();
    tokio::time::sleep(PAUSE).await;
    revoke_all(&site, &role.mount);
    session.check().await.unwrap();

    // Whoever comes second finds it spent.
    let second = role.session(file.clone());
    let error = second.check().await.unwrap_err();
    assert_eq!(error, CallError::Login(LoginError::Spent(file)));
    assert!(
        words(&error).contains("find out who used it"),
        "{}",
        words(&error)
    );
}

#[tokio::test]
async fn a_token_that_wraps_something_else_is_not_taken() {
    let Some(site) = Site::shared() else { return };
    let role = Role::new(&site, json!({}));
    let token = wrapped_answer(&site, "sys/wrapping/wrap");
    let file = site.file("wrapped", &token);
    let session = role.session(file.clone());
    let error = session.check().await.unwrap_err();
    assert_eq!(error, CallError::Login(LoginError::NotASecretId(file)));
}

/// The token that wraps the answer to a request.
fn wrapped_answer(site: &Site, path: &str) -> String {
    let body = json!({ "secret_id": "chosen by somebody" });
    let body = if path.starts_with("sys/") {
        body
    } else {
        json!({})
    };
    let answer = site.access.ask_wrapped("POST", path, &body).unwrap();
    answer["wrap_info"]["token"].as_str().unwrap().to_owned()
}
