use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use crypt_keeper_secret::{DocumentKey, ExposeSecret};
use sha2::{Digest, Sha256};

use super::FaultSwitch;
use crate::model::{Algorithm, DocumentId, KeyCommitment, PublicHalf, Scope, Serial, WrappedKey};
use crate::ports::{
    BoxError, Entropy, EntropyError, EntropyExt, KeyRegistry, KeyVault, Purpose, VaultError,
    WrapContext,
};

/// A vault that keeps the document keys themselves and hands out random handles to them as their
/// wrapped forms: what a vault promises, without a cryptographic library. What it wrapped is lost
/// with it.
#[derive(Debug)]
pub struct MemoryVault {
    registry: Arc<dyn KeyRegistry>,
    entropy: Arc<dyn Entropy>,
    faults: FaultSwitch,
    private_halves: Mutex<HashMap<Serial, Handles>>,
}

/// What stands for a private half: who has it, opens these.
type Handles = HashMap<Vec<u8>, (DocumentId, DocumentKey)>;

impl MemoryVault {
    /// The algorithm it wraps by, as far as the registry can tell.
    pub const ALGORITHM: Algorithm = Algorithm::RsaOaep256;

    /// An empty vault.
    #[must_use]
    pub fn new(registry: Arc<dyn KeyRegistry>, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            registry,
            entropy,
            faults: FaultSwitch::default(),
            private_halves: Mutex::default(),
        }
    }

    /// What makes it fail.
    #[must_use]
    pub fn faults(&self) -> &FaultSwitch {
        &self.faults
    }

    fn private_halves(&self) -> MutexGuard<'_, HashMap<Serial, Handles>> {
        self.private_halves
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl KeyVault for MemoryVault {
    async fn create(
        &self,
        serial: Serial,
        _scope: &Scope,
        algorithm: Algorithm,
    ) -> Result<PublicHalf, VaultError> {
        self.faults.pass()?;
        if algorithm != Self::ALGORITHM {
            return Err(VaultError::Backend(
                format!("this vault does not know {algorithm}").into(),
            ));
        }
        let public_half: [u8; 32] = self.entropy.bytes().map_err(backend)?;
        let mut private_halves = self.private_halves();
        if private_halves.contains_key(&serial) {
            return Err(VaultError::Backend(
                format!("serial {serial} has a private half already").into(),
            ));
        }
        private_halves.insert(serial, Handles::new());
        Ok(PublicHalf::new(public_half.to_vec()))
    }

    async fn destroy(&self, serial: Serial) -> Result<(), VaultError> {
        self.faults.pass()?;
        self.private_halves().remove(&serial);
        Ok(())
    }

    async fn wrap(
        &self,
        key: &DocumentKey,
        context: &WrapContext,
    ) -> Result<WrappedKey, VaultError> {
        self.faults.pass()?;
        let pair = self
            .registry
            .active_pair(&context.scope, Self::ALGORITHM)
            .await?
            .ok_or_else(|| VaultError::NoActivePair(context.scope.clone()))?;
        let handle: [u8; 32] = self.entropy.bytes().map_err(backend)?;
        self.private_halves()
            .get_mut(&pair.serial)
            .ok_or_else(|| corrupt(format!("the private half of {} is gone", pair.serial)))?
            .insert(handle.to_vec(), (context.document, key.clone()));
        Ok(WrappedKey {
            algorithm: pair.algorithm,
            serial: pair.serial,
            scope: pair.scope,
            bytes: handle.to_vec(),
            commitment: commitment(key, context.document),
        })
    }

    async fn unwrap(
        &self,
        wrapped: &WrappedKey,
        document: DocumentId,
        purpose: Purpose,
    ) -> Result<DocumentKey, VaultError> {
        self.faults.pass()?;
        let serial = wrapped.serial;
        let pair = self.registry.find_pair(serial).await?;
        let pair = pair
            .filter(|pair| pair.algorithm == wrapped.algorithm)
            .ok_or_else(|| corrupt(format!("the registry has no such pair as {serial}")))?;
        let allowed = match purpose {
            Purpose::Release => pair.state.may_release(),
            Purpose::Rewrap => pair.state.may_rewrap(),
        };
        if !allowed {
            return Err(VaultError::Refused(serial));
        }
        let private_halves = self.private_halves();
        let handles = private_halves
            .get(&serial)
            .ok_or_else(|| corrupt(format!("the private half of {serial} is gone")))?;
        match handles.get(&wrapped.bytes) {
            Some((of, key))
                if *of == document && wrapped.commitment == commitment(key, document) =>
            {
                Ok(key.clone())
            }
            _ => Err(corrupt(format!(
                "under {serial}, this does not open for document {document}"
            ))),
        }
    }
}

/// Not the commitment of the document format: that one needs HKDF.
fn commitment(key: &DocumentKey, document: DocumentId) -> KeyCommitment {
    let digest = Sha256::new()
        .chain_update("crypt-keeper/memory-vault/commitment\0")
        .chain_update(document.as_bytes())
        .chain_update(key.expose_secret())
        .finalize();
    KeyCommitment::from_bytes(digest.into())
}

fn corrupt(source: impl Into<BoxError>) -> VaultError {
    VaultError::Corrupt(source.into())
}

fn backend(error: EntropyError) -> VaultError {
    VaultError::Backend(Box::new(error))
}
