//! A Vault that is slow, silent, gone, or resets connections: no request outlives its patience, and
//! all goes on when the network does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crypt_keeper_domain::model::Scope;
use crypt_keeper_domain::ports::{KeyVault, VaultError};
use crypt_keeper_keys_vault::{SessionConfig, VaultSession};
use crypt_keeper_test_services::{Direction, Fault, FaultProxy};

use crate::support::{ALL_ROLES, Scene, Site, Wrapped, uncached, words};

const SLOW: Duration = Duration::from_secs(5);
/// What a busy machine may add to the patience.
const SLACK: Duration = Duration::from_millis(1_500);

const FAULTS: [Fault; 6] = [
    Fault::Delay(SLOW),
    Fault::Hang,
    Fault::Refuse,
    Fault::ResetAfter(Direction::Request, 0),
    Fault::ResetAfter(Direction::Response, 0),
    Fault::ResetAfter(Direction::Response, 40),
];

fn behind(site: &Site) -> (FaultProxy, Arc<VaultSession>) {
    let proxy = FaultProxy::start(site.access.socket().unwrap()).unwrap();
    let mut config = site.config(&site.token(ALL_ROLES));
    config.address = format!("http://{}", proxy.address()).parse().unwrap();
    (proxy, VaultSession::start(config).unwrap())
}

async fn is_turned_away_in_time<V: KeyVault>(wrapped: &Wrapped, vault: &V, fault: Fault) {
    let begin = Instant::now();
    let answers = [wrapped.release(vault).await, wrapped.release(vault).await];
    let took = begin.elapsed();
    for answer in answers {
        match answer {
            Err(error @ VaultError::Unavailable(_)) => {
                let said = words(&error);
                let known = ["has not answered within 3s", "cannot be reached"];
                assert!(
                    known.iter().any(|words| said.contains(words)),
                    "{fault:?}: {said}"
                );
            }
            other => panic!("{fault:?}: {other:?}"),
        }
    }
    assert!(
        took < 2 * SessionConfig::PATIENCE + SLACK,
        "{fault:?}: {took:?}"
    );
}

#[tokio::test]
async fn kv_gives_up_in_time_and_comes_back() {
    let Some(site) = Site::shared() else { return };
    let (proxy, session) = behind(&site);
    let scene = Scene::kv_with(session, site.kv_mount(), uncached);
    scene.active_pair(Scope::Shared).await;
    let wrapped = scene.wrapped().await;
    for fault in FAULTS {
        proxy.set(fault).unwrap();
        is_turned_away_in_time(&wrapped, &*scene.vault, fault).await;
        proxy.set(Fault::None).unwrap();
        wrapped.is_released(&*scene.vault).await;
    }
}

#[tokio::test]
async fn transit_gives_up_in_time_and_comes_back() {
    let Some(site) = Site::shared() else { return };
    let (proxy, session) = behind(&site);
    let scene = Scene::transit(session, site.transit_mount());
    scene.active_pair(Scope::Shared).await;
    let wrapped = scene.wrapped().await;
    for fault in FAULTS {
        proxy.set(fault).unwrap();
        is_turned_away_in_time(&wrapped, &*scene.vault, fault).await;
        proxy.set(Fault::None).unwrap();
        wrapped.is_released(&*scene.vault).await;
    }
}

/// The first request of a service that finds Vault silent.
#[tokio::test]
async fn a_login_gives_up_in_time_too() {
    let Some(site) = Site::shared() else { return };
    let (proxy, session) = behind(&site);
    proxy.set(Fault::Hang).unwrap();
    let begin = Instant::now();
    session.check().await.unwrap_err();
    assert!(begin.elapsed() < SessionConfig::PATIENCE + SLACK);
    proxy.set(Fault::None).unwrap();
    let healed = Instant::now();
    while session.check().await.is_err() {
        assert!(
            healed.elapsed() < Duration::from_secs(10),
            "within 10 s of its return"
        );
    }
}

/// What was made of a creation whose answer was lost is not known: it fails, and the next, under a
/// serial of its own, does not.
#[tokio::test]
async fn a_creation_whose_answer_is_lost_fails_in_time() {
    let Some(site) = Site::shared() else { return };
    let (proxy, session) = behind(&site);
    let kv = Scene::kv(session, site.kv_mount());
    kv.active_pair(Scope::Shared).await;
    proxy
        .set(Fault::ResetAfter(Direction::Response, 0))
        .unwrap();
    let begin = Instant::now();
    let lost = kv.try_active_pair(Scope::Hold).await;
    assert!(matches!(lost, Err(VaultError::Unavailable(_))), "{lost:?}");
    assert!(begin.elapsed() < SessionConfig::PATIENCE + SLACK);
    proxy.set(Fault::None).unwrap();
    kv.active_pair(Scope::Hold).await;
}
