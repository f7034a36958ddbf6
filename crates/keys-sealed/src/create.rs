use std::sync::Arc;

use crypt_keeper_crypto::{KeyPair, wrap};
use crypt_keeper_domain::model::{Algorithm, PublicHalf, Scope, Serial};
use crypt_keeper_domain::ports::{SealedPrivateHalf, StoreError, VaultError};

use crate::error::PairError;
use crate::pairs::{PairIdentity, wrap_algorithm};
use crate::private_halves;
use crate::vault::SealedVault;

impl SealedVault {
    /// Makes a pair, stores its private half, reads that back from the store, opens it and
    /// unwraps with it what the public half has wrapped: nothing is trusted to a private half
    /// that is not known to come back.
    pub(crate) async fn make_pair(
        &self,
        serial: Serial,
        scope: &Scope,
        algorithm: Algorithm,
    ) -> Result<PublicHalf, VaultError> {
        let store = self.private_halves.store();
        let (identity, sealed) = self.generate(serial, scope, algorithm).await?;
        match store.put(serial, &sealed).await {
            Ok(()) => {}
            Err(StoreError::Conflict) => {
                return Err(VaultError::Backend(Box::new(PairError::Exists(serial))));
            }
            Err(error) => return Err(error.into()),
        }
        let public_half = PublicHalf::new(identity.public_half.clone());
        match self.test_as_stored(identity, &sealed).await {
            Ok(()) => Ok(public_half),
            Err(error) => {
                // It was put here a moment ago, and no registry knows of it.
                if let Err(left) = store.erase(serial).await {
                    tracing::warn!(%serial, error = %left, "a private half of no use is left");
                }
                Err(error)
            }
        }
    }

    async fn generate(
        &self,
        serial: Serial,
        scope: &Scope,
        algorithm: Algorithm,
    ) -> Result<(PairIdentity, SealedPrivateHalf), VaultError> {
        let ring = Arc::clone(self.private_halves.ring());
        let scope = scope.to_string();
        self.pool
            .run(move || {
                let unusable = |error| PairError::wrap(serial, error);
                let pair = KeyPair::generate(wrap_algorithm(algorithm)).map_err(unusable)?;
                let identity = PairIdentity {
                    serial,
                    scope,
                    algorithm,
                    public_half: pair.public_half().as_bytes().to_vec(),
                };
                let plain = pair.private_half().to_bytes().map_err(unusable)?;
                let sealed = ring
                    .seal(&identity.seal_context(), &plain)
                    .map_err(|error| VaultError::Backend(Box::new(error)))?;
                Ok((identity, SealedPrivateHalf::new(sealed)))
            })
            .await
    }

    async fn test_as_stored(
        &self,
        identity: PairIdentity,
        written: &SealedPrivateHalf,
    ) -> Result<(), VaultError> {
        let serial = identity.serial;
        let read = self.private_halves.store().get(serial).await?;
        let Some(read) = read.filter(|read| read == written) else {
            return Err(VaultError::Backend(Box::new(PairError::NotKept(serial))));
        };
        let ring = Arc::clone(self.private_halves.ring());
        self.pool
            .run(move || {
                let private_half = private_halves::open(&ring, &identity, &read)?;
                let public_half = crypt_keeper_crypto::PublicHalf::parse(
                    wrap_algorithm(identity.algorithm),
                    &identity.public_half,
                )
                .map_err(|error| PairError::wrap(serial, error))?;
                wrap::self_test(&public_half, &private_half, serial.get())
                    .map_err(|error| PairError::wrap(serial, error))
            })
            .await
    }
}
