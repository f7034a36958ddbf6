//! Private halves that are missing, altered, misplaced, or sealed under another master key.

use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;
use crypt_keeper_crypto::{MasterKey, MasterKeyRing};
use crypt_keeper_domain::memory::{Fault, MemoryPrivateKeys};
use crypt_keeper_domain::model::{Algorithm, KeyState, Scope, Serial};
use crypt_keeper_domain::ports::{
    KeyVault, PrivateKeys, Probe, SealedPrivateHalf, StoreError, VaultError,
};
use crypt_keeper_keys_sealed::{CacheConfig, SealedVault, SealedVaultConfig, Workers};
use crypt_keeper_secret::ExposeSecret;
use futures_util::future::join_all;

use crate::support::{Scene, overwrite, words};

#[tokio::test]
async fn a_wrong_master_key_is_named_and_nothing_is_called_corrupt() {
    let scene = Scene::new();
    scene.active_pair(Scope::Shared).await;
    let wrapped = scene.wrapped().await;
    let other = MasterKeyRing::new(MasterKey::generate().unwrap());
    let vault = scene.vault_with_ring(&other);

    let lacking = format!(
        "is sealed under master key {}, which is not in the ring: add its line to the master key \
         file",
        scene.ring.first().id()
    );
    let error = wrapped.release(&vault).await.unwrap_err();
    assert!(matches!(error, VaultError::Backend(_)), "{error:?}");
    assert!(words(&error).contains(&lacking), "{}", words(&error));
    let probed = vault.check().await.unwrap_err();
    assert!(probed.to_string().contains(&lacking), "{probed}");
    let inspected = vault.inspect_pairs().await.unwrap();
    let fault = inspected[0].fault_in_words().unwrap();
    assert!(fault.contains(&lacking), "{fault}");

    let mut both = other;
    both.prepend(scene.ring.first().clone()).unwrap();
    let vault = scene.vault_with_ring(&both);
    assert_eq!(wrapped.release(&vault).await.unwrap(), wrapped.key);
    assert!(vault.inspect_pairs().await.unwrap()[0].fault.is_none());
}

#[tokio::test]
async fn an_altered_private_half_is_corrupt() {
    let scene = Scene::with(|config| config.cache = CacheConfig::OFF);
    let pair = scene.active_pair(Scope::Shared).await;
    let wrapped = scene.wrapped().await;
    let good = scene.private_keys.get(pair.serial).await.unwrap().unwrap();
    let length = good.as_bytes().len();
    // Version, nonce, ciphertext, tag.
    for at in [
        0,
        9,
        20,
        21,
        length / 2,
        length - 17,
        length - 16,
        length - 1,
    ] {
        let mut bytes = good.as_bytes().to_vec();
        bytes[at] ^= 1;
        overwrite(&*scene.private_keys, pair.serial, bytes).await;
        let error = wrapped.release(&scene.vault).await.unwrap_err();
        assert!(matches!(error, VaultError::Corrupt(_)), "{at}: {error:?}");
    }
    for bytes in [vec![], vec![1], good.as_bytes()[..length - 1].to_vec()] {
        overwrite(&*scene.private_keys, pair.serial, bytes).await;
        let error = wrapped.release(&scene.vault).await.unwrap_err();
        assert!(matches!(error, VaultError::Corrupt(_)), "{error:?}");
    }
    overwrite(&*scene.private_keys, pair.serial, good.as_bytes().to_vec()).await;
    assert_eq!(wrapped.release(&scene.vault).await.unwrap(), wrapped.key);
}

#[tokio::test]
async fn a_private_half_in_anothers_row_does_not_open() {
    let scene = Scene::new();
    let pair = scene.active_pair(Scope::Shared).await;
    let other = scene.active_pair(Scope::Hold).await;
    let wrapped = scene.wrapped().await;
    let others = scene.private_keys.get(other.serial).await.unwrap().unwrap();
    overwrite(
        &*scene.private_keys,
        pair.serial,
        others.as_bytes().to_vec(),
    )
    .await;
    let error = wrapped.release(&scene.vault).await.unwrap_err();
    assert!(matches!(error, VaultError::Corrupt(_)), "{error:?}");
}

/// The registry is bound into the seal: a row there cannot be given another public half or scope.
#[tokio::test]
async fn an_altered_registry_does_not_fit_the_private_half() {
    let scene = Scene::new();
    let pair = scene.active_pair(Scope::Shared).await;
    let wrapped = scene.wrapped().await;
    let foreign = scene.active_pair(Scope::Hold).await;
    let mut with_other_public_half = pair.clone();
    with_other_public_half.public_half = foreign.public_half;
    let mut with_other_scope = pair.clone();
    with_other_scope.scope = Scope::Hold;
    for row in [with_other_public_half, with_other_scope] {
        let forged = Scene::new();
        forged.enter(&row).await;
        let sealed = scene.private_keys.get(pair.serial).await.unwrap().unwrap();
        forged.private_keys.put(pair.serial, &sealed).await.unwrap();
        let vault = forged.vault_with_ring(&scene.ring);
        let error = wrapped.release(&vault).await.unwrap_err();
        assert!(matches!(error, VaultError::Corrupt(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_missing_private_half_is_said_with_what_to_do() {
    let scene = Scene::new();
    let pair = scene.active_pair(Scope::Shared).await;
    let wrapped = scene.wrapped().await;
    scene.private_keys.erase(pair.serial).await.unwrap();
    let error = wrapped.release(&scene.vault).await.unwrap_err();
    assert!(matches!(error, VaultError::Corrupt(_)), "{error:?}");
    let expected = format!(
        "key pair {} has no private half in the key store: restore the key store from its backup",
        pair.serial
    );
    assert!(words(&error).ends_with(&expected), "{}", words(&error));
    scene.set_state(&pair, KeyState::Destroyed).await;
    assert!(scene.vault.inspect_pairs().await.unwrap().is_empty());
}

#[tokio::test]
async fn readiness_needs_an_active_pair_and_both_stores() {
    let scene = Scene::with(|config| {
        config.registry_life = std::time::Duration::ZERO;
        config.cache = CacheConfig::OFF;
    });
    assert_eq!(scene.vault.part(), "keys");
    let none = scene.vault.check().await.unwrap_err();
    assert_eq!(
        none.to_string(),
        "no active key pair for scope shared: make one with `crypt-keeper keys rotate`"
    );
    scene.active_pair(Scope::Hold).await;
    assert!(scene.vault.check().await.is_err());
    scene.active_pair(Scope::Shared).await;
    scene.vault.check().await.unwrap();
    for faults in [scene.private_keys.faults(), scene.registry.faults()] {
        faults.fail(Fault::Unavailable);
        assert!(scene.vault.check().await.is_err());
        faults.heal();
        scene.vault.check().await.unwrap();
    }
}

/// A store that keeps what it is given, but not as it is given it.
#[derive(Debug, Default)]
struct Forgetful {
    keys: MemoryPrivateKeys,
    loses: bool,
}

#[async_trait]
impl PrivateKeys for Forgetful {
    async fn put(&self, serial: Serial, sealed: &SealedPrivateHalf) -> Result<(), StoreError> {
        let mut bytes = sealed.as_bytes().to_vec();
        bytes.pop();
        self.keys.put(serial, &SealedPrivateHalf::new(bytes)).await
    }

    async fn get(&self, serial: Serial) -> Result<Option<SealedPrivateHalf>, StoreError> {
        if self.loses {
            return Ok(None);
        }
        self.keys.get(serial).await
    }

    async fn serials(&self) -> Result<Vec<Serial>, StoreError> {
        self.keys.serials().await
    }

    async fn replace(
        &self,
        serial: Serial,
        seen: &SealedPrivateHalf,
        sealed: &SealedPrivateHalf,
    ) -> Result<bool, StoreError> {
        self.keys.replace(serial, seen, sealed).await
    }

    async fn erase(&self, serial: Serial) -> Result<(), StoreError> {
        self.keys.erase(serial).await
    }
}

#[tokio::test]
async fn a_pair_whose_private_half_does_not_come_back_is_not_made() {
    let scene = Scene::new();
    for loses in [true, false] {
        let keys = Arc::new(Forgetful {
            keys: MemoryPrivateKeys::default(),
            loses,
        });
        let vault = SealedVault::new(
            scene.registry.clone(),
            keys.clone(),
            scene.ring.clone(),
            SealedVaultConfig::default(),
        )
        .unwrap();
        let serial = scene.make.serial();
        let made = vault
            .create(serial, &Scope::Shared, Algorithm::RsaOaep256)
            .await;
        let error = made.unwrap_err();
        assert!(words(&error).contains("not read back"), "{}", words(&error));
        assert_eq!(keys.serials().await.unwrap(), []);
    }
}

#[tokio::test]
async fn requests_beyond_the_queue_are_turned_away() {
    let scene = Scene::with(|config| {
        config.workers = Workers {
            threads: NonZeroUsize::MIN,
            queue: NonZeroUsize::MIN,
        };
    });
    scene.active_pair(Scope::Shared).await;
    let wrapped = scene.wrapped().await;
    wrapped.release(&scene.vault).await.unwrap();
    let answers = join_all((0..32).map(|_| wrapped.release(&scene.vault))).await;
    let (released, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert!(!released.is_empty() && !refused.is_empty());
    for answer in refused {
        let error = answer.unwrap_err();
        assert!(matches!(error, VaultError::Unavailable(_)), "{error:?}");
        assert!(
            words(&error).contains("ask again later"),
            "{}",
            words(&error)
        );
    }
    wrapped.release(&scene.vault).await.unwrap();
}

#[tokio::test]
async fn debug_output_shows_no_key() {
    let scene = Scene::new();
    scene.active_pair(Scope::Shared).await;
    let wrapped = scene.wrapped().await;
    wrapped.release(&scene.vault).await.unwrap();
    let shown = format!("{:?}", scene.vault);
    let text = scene.ring.to_text();
    let line = str::from_utf8(text.expose_secret()).unwrap();
    let master_key = line.trim().split_once(':').unwrap().1;
    assert!(shown.contains("SealedVault"), "{shown}");
    assert!(!shown.contains(master_key), "{shown}");
    assert!(!shown.contains("PRIVATE") && shown.len() < 3000, "{shown}");
}
