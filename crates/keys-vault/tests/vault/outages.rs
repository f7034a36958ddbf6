//! A Vault that is sealed, stopped or killed, and comes back.

use std::time::{Duration, Instant};

use crypt_keeper_domain::model::Scope;
use crypt_keeper_domain::ports::Probe;
use crypt_keeper_test_services::{OpenBao, OpenBaoOptions, require_or_skip};

use crate::support::{Scene, Site, is_unavailable, uncached};

fn own_server() -> Option<OpenBao> {
    require_or_skip("OpenBao", OpenBao::start(&OpenBaoOptions::default()))
}

/// What is opened already is used, whatever happens to Vault.
#[tokio::test]
async fn kv_serves_what_it_keeps_opened_and_wraps_throughout() {
    let Some(mut server) = own_server() else {
        return;
    };
    let site = Site::on(server.access());
    let session = site.session();
    let scene = Scene::kv(session.clone(), site.kv_mount());
    scene.active_pair(Scope::Shared).await;
    let wrapped = scene.wrapped().await;
    wrapped.is_released(&*scene.vault).await;

    server.seal().unwrap();
    for _ in 0..3 {
        wrapped.is_released(&*scene.vault).await;
        scene.wrapped().await.is_released(&*scene.vault).await;
    }
    scene.vault.check().await.unwrap();
    server.kill().unwrap();
    wrapped.is_released(&*scene.vault).await;
    scene.wrapped().await;
    server.start_again().unwrap();
    wrapped.is_released(&*scene.vault).await;
}

#[tokio::test]
async fn what_needs_vault_is_unavailable_while_it_is_sealed_and_comes_back_within_seconds() {
    let Some(mut server) = own_server() else {
        return;
    };
    let site = Site::on(server.access());
    let session = site.session();
    let kv = Scene::kv_with(session.clone(), site.kv_mount(), uncached);
    let transit = Scene::transit_for(session, site.transit_mount(), Duration::ZERO);
    kv.active_pair(Scope::Shared).await;
    transit.active_pair(Scope::Shared).await;
    let (in_kv, in_transit) = (kv.wrapped().await, transit.wrapped().await);

    server.seal().unwrap();
    is_unavailable(
        in_kv.release(&*kv.vault).await,
        "Vault is sealed: unseal it",
    );
    is_unavailable(
        in_transit.release(&*transit.vault).await,
        "Vault is sealed: unseal it",
    );
    is_unavailable(kv.try_active_pair(Scope::Hold).await, "Vault is sealed");
    for refused in [kv.vault.check().await, transit.vault.check().await] {
        let refused = refused.unwrap_err();
        assert!(refused.to_string().contains("Vault is sealed"), "{refused}");
    }
    // Uploads go on.
    kv.wrapped().await;
    let later = transit.wrapped().await;

    server.stop().unwrap();
    is_unavailable(in_kv.release(&*kv.vault).await, "cannot be reached");
    is_unavailable(
        in_transit.release(&*transit.vault).await,
        "cannot be reached",
    );
    server.start_again().unwrap();
    let back = Instant::now();
    in_kv.is_released(&*kv.vault).await;
    in_transit.is_released(&*transit.vault).await;
    later.is_released(&*transit.vault).await;
    kv.vault.check().await.unwrap();
    transit.vault.check().await.unwrap();
    assert!(back.elapsed() < Duration::from_secs(10));
}
