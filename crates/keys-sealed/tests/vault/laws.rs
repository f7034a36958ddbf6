//! The sealed vault keeps every law of `KeyVault` with each algorithm, whether it remembers the
//! registry or not.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_conformance::{Harness, KeyVaultHarness, key_vault_laws};
use crypt_keeper_domain::model::{Algorithm, Timestamp};
use crypt_keeper_domain::ports::{KeyRegistry, KeyVault};

use crate::support::{NOON, Scene};

struct Vault {
    scene: Scene,
    registry_life: Duration,
}

async fn vault(algorithm: Algorithm, registry_life: Duration) -> Option<Vault> {
    Some(Vault {
        scene: Scene::with(|config| {
            config.algorithm = algorithm;
            config.registry_life = registry_life;
        }),
        registry_life,
    })
}

#[async_trait]
impl Harness for Vault {
    async fn teardown(self) {}
}

impl KeyVaultHarness for Vault {
    fn key_vault(&self) -> Arc<dyn KeyVault> {
        self.scene.vault.clone()
    }

    fn key_registry(&self) -> Arc<dyn KeyRegistry> {
        self.scene.registry.clone()
    }

    fn algorithm(&self) -> Algorithm {
        self.scene.vault.algorithm()
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(NOON)
    }

    fn state_bound(&self) -> Duration {
        self.registry_life
    }
}

mod remembering {
    use super::{Algorithm, Duration, key_vault_laws, vault};

    key_vault_laws!(vault(Algorithm::DEFAULT, Duration::from_millis(100)));
}

mod rsa {
    use super::{Algorithm, Duration, key_vault_laws, vault};

    key_vault_laws!(vault(Algorithm::RsaOaep256, Duration::ZERO));
}

mod hpke_x25519 {
    use super::{Algorithm, Duration, key_vault_laws, vault};

    key_vault_laws!(vault(Algorithm::HpkeX25519, Duration::ZERO));
}

mod hpke_x_wing {
    use super::{Algorithm, Duration, key_vault_laws, vault};

    key_vault_laws!(vault(Algorithm::HpkeXWing, Duration::ZERO));
}
