//! Mounts that are missing or something else, namespaces, TLS.

use crypt_keeper_domain::model::{Algorithm, Scope};
use crypt_keeper_domain::ports::KeyVault;
use crypt_keeper_keys_vault::{CallError, VaultSession};
use crypt_keeper_test_services::{OpenBao, OpenBaoOptions, require_or_skip};
use serde_json::json;

use crate::support::{Scene, Site, is_backend};

#[tokio::test]
async fn a_mount_that_is_missing_or_of_another_kind_is_told_before_anything_is_written() {
    let Some(site) = Site::shared() else { return };
    let v1 = json!({ "type": "kv", "options": { "version": "1" } });
    let v1 = site.access.create_fresh_mount("kv1", &v1).unwrap();
    // Root sees what is mounted, and what is not.
    let session = VaultSession::start(site.config(site.access.root_token())).unwrap();
    for (mount, says) in [
        (
            v1.as_str(),
            "is KV version 1, not KV version 2: see `keys.vault.mount`",
        ),
        (
            site.transit.as_str(),
            "is Transit, not KV version 2: see `keys.vault.mount`",
        ),
        ("nowhere", "nothing mounted at `nowhere`"),
    ] {
        let scene = Scene::kv(session.clone(), mount.parse().unwrap());
        is_backend(scene.try_active_pair(Scope::Shared).await, says);
        is_backend(scene.vault.destroy(scene.make.serial()).await, says);
        let pair = Scene::kv(session.clone(), site.kv_mount());
        let pair = pair.active_pair(Scope::Shared).await;
        scene.enter(&pair).await;
        let wrapped = scene.wrapped().await;
        is_backend(wrapped.release(&*scene.vault).await, says);
        let checked = scene.vault.private_halves().check().await;
        assert!(checked.unwrap_err().to_string().contains(says));
    }
    let listed = site
        .access
        .ask("LIST", &format!("{v1}/data"), &json!(null))
        .unwrap();
    assert_eq!(listed.0, 404, "nothing was written to version 1");

    for (mount, says) in [
        (
            site.kv.as_str(),
            "is KV version 2, not Transit: see `keys.vault.mount`",
        ),
        ("nowhere", "nothing mounted at `nowhere`"),
    ] {
        let scene = Scene::transit(session.clone(), mount.parse().unwrap());
        let serial = scene.make.serial();
        let algorithm = Algorithm::TransitRsaOaep256;
        let created = scene.vault.create(serial, &Scope::Shared, algorithm).await;
        is_backend(created, says);
        is_backend(scene.vault.destroy(serial).await, says);
    }
}

/// The roles of a service see the mount that they use without a policy that says so.
#[tokio::test]
async fn every_role_of_a_service_may_check_its_mounts() {
    let Some(site) = Site::shared() else { return };
    for role in ["serve", "rotate", "destroy"] {
        let session = VaultSession::start(site.config(&site.token(&[role]))).unwrap();
        let kv = Scene::kv(session.clone(), site.kv_mount());
        kv.vault.private_halves().check().await.unwrap();
        let transit = Scene::transit(session, site.transit_mount());
        transit.vault.check_mount().await.unwrap();
    }
}

#[tokio::test]
async fn a_namespace_is_a_vault_of_its_own() {
    let Some(site) = Site::shared() else { return };
    let namespace = site.kv.replace("kv-", "team-");
    let path = format!("sys/namespaces/{namespace}");
    site.access.must("POST", &path, &json!({})).unwrap();
    let root = site.access.root_token();
    let mount = json!({ "type": "kv", "options": { "version": "2" } });
    let (status, answer) = site
        .access
        .ask_as(root, Some(&namespace), "POST", "sys/mounts/own", &mount)
        .unwrap();
    assert_eq!(status, 204, "{answer}");

    let mut config = site.config(root);
    let outside = VaultSession::start(config.clone()).unwrap();
    config.namespace = Some(format!("{namespace}/").parse().unwrap());
    let inside = VaultSession::start(config).unwrap();
    let scene = Scene::kv(inside, "own".parse().unwrap());
    // A new mount takes a moment.
    let mut made = scene.try_active_pair(Scope::Shared).await;
    for _ in 0..20 {
        if made.is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        made = scene.try_active_pair(Scope::Shared).await;
    }
    made.unwrap();
    scene.wrapped().await.is_released(&*scene.vault).await;
    let elsewhere = Scene::kv(outside, "own".parse().unwrap());
    let made = elsewhere.try_active_pair(Scope::Shared).await;
    is_backend(made, "nothing mounted at `own`");
}

#[tokio::test]
async fn tls_trusts_the_authority_that_is_named_and_no_other() {
    let options = OpenBaoOptions {
        tls: true,
        ..OpenBaoOptions::default()
    };
    let Some(server) = require_or_skip("OpenBao", OpenBao::start(&options)) else {
        return;
    };
    let site = Site::on(server.access());
    let (address, authority) = server.tls().unwrap();
    let mut config = site.config(&site.token(crate::support::ALL_ROLES));
    config.address = address.parse().unwrap();
    config.ca_file = Some(authority);
    let session = VaultSession::start(config.clone()).unwrap();
    let scene = Scene::kv(session, site.kv_mount());
    scene.active_pair(Scope::Shared).await;
    scene.wrapped().await.is_released(&*scene.vault).await;

    config.ca_file = None;
    let distrusting = VaultSession::start(config.clone()).unwrap();
    let error = distrusting.check().await.unwrap_err();
    let CallError::Login(error) = error else {
        panic!("{error:?}")
    };
    assert!(
        error.to_string().contains("certificate is not trusted"),
        "{error}"
    );

    config.ca_file = Some(site.file("no.pem", "hunter2"));
    let error = VaultSession::start(config.clone()).unwrap_err();
    assert!(
        error.to_string().contains("holds no certificate in PEM"),
        "{error}"
    );
    config.ca_file = Some("/no/such.pem".into());
    let error = VaultSession::start(config).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("cannot read the certificate authorities"),
        "{error}"
    );
}
