//! Keys in Transit that somebody else has touched.

use crypt_keeper_domain::model::{Algorithm, Scope};
use crypt_keeper_domain::ports::{KeyVault, Probe, VaultError};
use serde_json::{Value, json};

use crate::support::{Scene, Site, is_backend, is_corrupt, words};

#[tokio::test]
async fn a_key_stays_in_vault_and_cannot_be_deleted_by_accident() {
    let Some(site) = Site::shared() else { return };
    let scene = Scene::transit(site.session(), site.transit_mount());
    let pair = scene.active_pair(Scope::Shared).await;
    let path = format!("{}/keys/crypt-keeper-{}", site.transit, pair.serial);
    let key = site.access.must("GET", &path, &Value::Null).unwrap();
    assert_eq!(key["type"], "rsa-3072");
    for forbidden in [
        "exportable",
        "allow_plaintext_backup",
        "deletion_allowed",
        "derived",
    ] {
        assert_eq!(key[forbidden], false, "{forbidden}");
    }
    let export = format!(
        "{}/export/encryption-key/crypt-keeper-{}",
        site.transit, pair.serial
    );
    let (status, _) = site.access.ask("GET", &export, &Value::Null).unwrap();
    assert_eq!(status, 400, "not even root takes it out");
}

/// A powerful token's `encrypt` under a name that is not there makes a symmetric key of that name.
#[tokio::test]
async fn a_key_of_another_kind_under_our_name_is_told() {
    let Some(site) = Site::shared() else { return };
    let scene = Scene::transit(site.session(), site.transit_mount());
    let serial = scene.make.serial();
    let path = format!("{}/encrypt/crypt-keeper-{serial}", site.transit);
    site.access
        .must("POST", &path, &json!({ "plaintext": "AAAA" }))
        .unwrap();
    let created = scene
        .vault
        .create(serial, &Scope::Shared, Algorithm::TransitRsaOaep256)
        .await;
    is_backend(created, "there is a private half of serial");

    let mut pair = scene.active_pair(Scope::Shared).await;
    pair.serial = serial;
    pair.scope = Scope::Hold;
    scene.enter(&pair).await;
    let inspected = scene.vault.inspect_pairs().await.unwrap();
    let faults: Vec<_> = inspected
        .iter()
        .filter_map(|it| it.fault_in_words())
        .collect();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(
        faults[0].contains("is not an RSA-3072 key that stays in Vault"),
        "{faults:?}"
    );
}

#[tokio::test]
async fn a_rotated_key_still_unwraps_and_one_told_not_to_says_so() {
    let Some(site) = Site::shared() else { return };
    let scene = Scene::transit(site.session(), site.transit_mount());
    let pair = scene.active_pair(Scope::Shared).await;
    let wrapped = scene.wrapped().await;
    let path = format!("{}/keys/crypt-keeper-{}", site.transit, pair.serial);
    site.access
        .must("POST", &format!("{path}/rotate"), &json!({}))
        .unwrap();
    wrapped.is_released(&*scene.vault).await;
    let later = scene.wrapped().await;
    later.is_released(&*scene.vault).await;

    let config = format!("{path}/config");
    let raised = json!({ "min_decryption_version": 2 });
    site.access.must("POST", &config, &raised).unwrap();
    is_backend(
        wrapped.release(&*scene.vault).await,
        "min_decryption_version",
    );
    let lowered = json!({ "min_decryption_version": 1 });
    site.access.must("POST", &config, &lowered).unwrap();
    wrapped.is_released(&*scene.vault).await;
}

#[tokio::test]
async fn another_key_of_the_same_name_does_not_fit_the_registry() {
    let Some(site) = Site::shared() else { return };
    let scene = Scene::transit(site.session(), site.transit_mount());
    let pair = scene.active_pair(Scope::Shared).await;
    let wrapped = scene.wrapped().await;
    scene.vault.destroy(pair.serial).await.unwrap();
    is_corrupt(
        wrapped.release(&*scene.vault).await,
        "has no private half in Vault's Transit",
    );
    let path = format!("{}/keys/crypt-keeper-{}", site.transit, pair.serial);
    site.access
        .must("POST", &path, &json!({ "type": "rsa-3072" }))
        .unwrap();
    is_corrupt(wrapped.release(&*scene.vault).await, "does not decrypt");
    let inspected = scene.vault.inspect_pairs().await.unwrap();
    let fault = inspected[0].fault_in_words().unwrap();
    assert!(fault.contains("belongs to another public half"), "{fault}");
}

#[tokio::test]
async fn pairs_of_other_vaults_are_refused_with_the_setting() {
    let Some(site) = Site::shared() else { return };
    let scene = Scene::transit(site.session(), site.transit_mount());
    for algorithm in [Algorithm::RsaOaep256, Algorithm::HpkeXWing] {
        let serial = scene.make.serial();
        let created = scene.vault.create(serial, &Scope::Shared, algorithm).await;
        is_backend(
            created,
            "`keys.backend` must be the one that it was made with",
        );
    }
    let kv = Scene::kv(site.session(), site.kv_mount());
    let serial = kv.make.serial();
    let created = kv
        .vault
        .create(serial, &Scope::Shared, Algorithm::TransitRsaOaep256)
        .await;
    is_backend(
        created,
        "`keys.backend` must be the one that it was made with",
    );
}

#[tokio::test]
async fn readiness_needs_an_active_pair_and_a_good_token() {
    let Some(site) = Site::shared() else { return };
    let scene = Scene::transit_for(
        site.session(),
        site.transit_mount(),
        std::time::Duration::ZERO,
    );
    let none = scene.vault.check().await.unwrap_err();
    assert!(none.to_string().contains("no active key pair"), "{none}");
    scene.active_pair(Scope::Shared).await;
    scene.vault.check().await.unwrap();

    let session = crypt_keeper_keys_vault::VaultSession::start(site.config("s.wrong")).unwrap();
    let wrong = Scene::transit(session, site.transit_mount());
    let mut pair = wrong
        .make
        .pair(Scope::Shared, crypt_keeper_domain::model::KeyState::Active);
    pair.algorithm = Algorithm::TransitRsaOaep256;
    let active = scene.registry_pair().await;
    pair.public_half = active.public_half;
    wrong.enter(&pair).await;
    let refused = wrong.vault.check().await.unwrap_err();
    assert!(
        refused.to_string().contains("refuses the login"),
        "{refused}"
    );
}

impl Scene<crypt_keeper_keys_vault::TransitVault> {
    async fn registry_pair(&self) -> crypt_keeper_domain::model::KeyPair {
        use crypt_keeper_domain::ports::KeyRegistry;
        let pairs = self.registry.list_pairs().await.unwrap();
        pairs.into_iter().next().unwrap()
    }
}

#[tokio::test]
async fn uploads_go_on_while_vault_is_away_and_downloads_do_not() {
    let Some(site) = Site::shared() else { return };
    let upstream = site.access.socket().unwrap();
    let proxy = crypt_keeper_test_services::FaultProxy::start(upstream).unwrap();
    let mut config = site.config(&site.token(crate::support::ALL_ROLES));
    config.address = format!("http://{}", proxy.address()).parse().unwrap();
    let session = crypt_keeper_keys_vault::VaultSession::start(config).unwrap();
    let scene = Scene::transit(session, site.transit_mount());
    scene.active_pair(Scope::Shared).await;
    proxy
        .set(crypt_keeper_test_services::Fault::Refuse)
        .unwrap();
    let wrapped = scene.wrapped().await;
    let away = wrapped.release(&*scene.vault).await.unwrap_err();
    assert!(
        matches!(away, VaultError::Unavailable(_)),
        "{}",
        words(&away)
    );
    proxy.set(crypt_keeper_test_services::Fault::None).unwrap();
    wrapped.is_released(&*scene.vault).await;
}
