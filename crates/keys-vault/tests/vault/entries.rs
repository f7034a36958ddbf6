//! Entries of KV that are altered, misplaced, deleted or gone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypt_keeper_domain::model::{Algorithm, Scope};
use crypt_keeper_domain::ports::KeyVault;
use serde_json::{Value, json};

use crate::support::{Scene, Site, is_corrupt, uncached};

#[tokio::test]
async fn an_entry_holds_the_private_half_under_the_serial() {
    let Some(site) = Site::shared() else { return };
    let scene = Scene::kv_with(site.session(), site.kv_mount(), |config| {
        config.algorithm = Algorithm::HpkeX25519;
    });
    let customer = Scope::Customer(scene.make.user_id());
    let pair = scene.active_pair(customer.clone()).await;
    let entry = site.entry(&pair);
    assert_eq!(entry["serial"], pair.serial.to_string());
    assert_eq!(entry["algorithm"], "CK-HPKE-X25519");
    assert_eq!(entry["scope"], customer.to_string());
    let private = STANDARD.decode(entry["private"].as_str().unwrap());
    assert_eq!(private.unwrap().len(), 32, "the scalar");
    assert_eq!(entry.as_object().unwrap().len(), 4);
}

#[tokio::test]
async fn an_altered_or_misplaced_entry_is_corrupt() {
    let Some(site) = Site::shared() else { return };
    let scene = Scene::kv_with(site.session(), site.kv_mount(), uncached);
    let pair = scene.active_pair(Scope::Shared).await;
    let other = scene.active_pair(Scope::Hold).await;
    let wrapped = scene.wrapped().await;
    wrapped.is_released(&*scene.vault).await;
    let good = site.entry(&pair);

    let with = |field: &str, value: Value| {
        let mut entry = good.clone();
        entry[field] = value;
        entry
    };
    let others = site.entry(&other);
    let mut flipped = STANDARD.decode(good["private"].as_str().unwrap()).unwrap();
    flipped[7] ^= 1;
    let cases = [
        (others.clone(), "has another serial"),
        (with("serial", json!("17")), "has another serial"),
        (with("serial", json!(17)), "is not one of Crypt-Keeper's"),
        (
            with("algorithm", json!("CK-RSA-OAEP-256")),
            "has another algorithm",
        ),
        (with("scope", json!("hold")), "has another scope"),
        (
            with("private", others["private"].clone()),
            "belongs to another public half",
        ),
        (
            with("private", json!(STANDARD.encode(&flipped))),
            "belongs to another public half",
        ),
        (
            with("private", json!("hunter2!")),
            "is not one of Crypt-Keeper's",
        ),
        (with("private", json!("")), "cannot be used"),
        (with("private", Value::Null), "is not one of Crypt-Keeper's"),
        (
            json!({ "password": "hunter2" }),
            "is not one of Crypt-Keeper's",
        ),
    ];
    for (entry, says) in cases {
        site.set_entry(&pair, &entry);
        is_corrupt(wrapped.release(&*scene.vault).await, says);
    }
    site.set_entry(&pair, &good);
    wrapped.is_released(&*scene.vault).await;
}

#[tokio::test]
async fn a_deleted_entry_can_be_brought_back_and_a_destroyed_one_cannot() {
    let Some(site) = Site::shared() else { return };
    let scene = Scene::kv_with(site.session(), site.kv_mount(), uncached);
    let pair = scene.active_pair(Scope::Shared).await;
    let wrapped = scene.wrapped().await;
    let path = |kind: &str| format!("{}/{kind}/crypt-keeper/keys/{}", site.kv, pair.serial);

    site.access
        .must("DELETE", &path("data"), &Value::Null)
        .unwrap();
    is_corrupt(wrapped.release(&*scene.vault).await, "vault kv undelete");
    let versions = json!({ "versions": [1] });
    site.access
        .must("POST", &path("undelete"), &versions)
        .unwrap();
    wrapped.is_released(&*scene.vault).await;

    // A second version, as an operator's slip would make it: destruction takes both.
    site.set_entry(&pair, &site.entry(&pair));
    scene.vault.destroy(pair.serial).await.unwrap();
    is_corrupt(
        wrapped.release(&*scene.vault).await,
        "has no private half in Vault",
    );
    let (_, answer) = site
        .access
        .ask("POST", &path("undelete"), &versions)
        .unwrap();
    let (status, _) = site.access.ask("GET", &path("data"), &Value::Null).unwrap();
    assert_eq!(status, 404, "{answer}");
    let (status, _) = site
        .access
        .ask("GET", &path("metadata"), &Value::Null)
        .unwrap();
    assert_eq!(status, 404);
}
