//! Both vaults keep every law of `KeyVault`, with tokens that have the policies of `deploy/vault/`
//! and no other.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_conformance::{Harness, KeyVaultHarness, key_vault_laws};
use crypt_keeper_domain::model::{Algorithm, Timestamp};
use crypt_keeper_domain::ports::{KeyRegistry, KeyVault};
use crypt_keeper_keys_vault::{KvHalves, LocalVault, TransitVault};

use crate::support::{NOON, Scene, Site};

struct Vault<V> {
    scene: Scene<V>,
    registry_life: Duration,
    _site: Site,
}

async fn kv(algorithm: Algorithm, life: Duration) -> Option<Vault<LocalVault<KvHalves>>> {
    let site = Site::shared()?;
    let scene = Scene::kv_with(site.session(), site.kv_mount(), |config| {
        config.algorithm = algorithm;
        config.registry_life = life;
    });
    Some(Vault {
        scene,
        registry_life: life,
        _site: site,
    })
}

async fn transit(life: Duration) -> Option<Vault<TransitVault>> {
    let site = Site::shared()?;
    let scene = Scene::transit_for(site.session(), site.transit_mount(), life);
    Some(Vault {
        scene,
        registry_life: life,
        _site: site,
    })
}

#[async_trait]
impl<V: KeyVault> Harness for Vault<V> {
    async fn teardown(self) {}
}

impl<V: KeyVault> KeyVaultHarness for Vault<V> {
    fn key_vault(&self) -> Arc<dyn KeyVault> {
        self.scene.vault.clone()
    }

    fn key_registry(&self) -> Arc<dyn KeyRegistry> {
        self.scene.registry.clone()
    }

    fn algorithm(&self) -> Algorithm {
        self.scene.algorithm
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(NOON)
    }

    fn binds_document_in_wrap(&self) -> bool {
        // Transit's OAEP has no label: the commitment does the binding.
        self.scene.algorithm != Algorithm::TransitRsaOaep256
    }

    fn state_bound(&self) -> Duration {
        self.registry_life
    }
}

mod kv_hybrid_remembering {
    use super::{Algorithm, Duration, key_vault_laws, kv};

    key_vault_laws!(kv(Algorithm::HpkeXWing, Duration::from_millis(100)));
}

mod kv_x25519 {
    use super::{Algorithm, Duration, key_vault_laws, kv};

    key_vault_laws!(kv(Algorithm::HpkeX25519, Duration::ZERO));
}

mod kv_rsa {
    use super::{Algorithm, Duration, key_vault_laws, kv};

    key_vault_laws!(kv(Algorithm::RsaOaep256, Duration::ZERO));
}

mod in_transit {
    use super::{Duration, key_vault_laws, transit};

    key_vault_laws!(transit(Duration::ZERO));
}
