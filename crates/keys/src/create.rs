use crypt_keeper_crypto::{KeyPair, wrap};
use crypt_keeper_domain::model::{Algorithm, PublicHalf, Scope, Serial};
use crypt_keeper_domain::ports::VaultError;
use crypt_keeper_secret::SecretBytes;

use crate::error::PairError;
use crate::opened;
use crate::pairs::{PairIdentity, wrap_algorithm};
use crate::private_halves::PrivateHalves;
use crate::vault::LocalVault;

impl<H: PrivateHalves> LocalVault<H> {
    /// Makes a pair, has its private half kept, fetches that back, opens it and unwraps with it
    /// what the public half has wrapped: nothing is trusted to a private half that is not known to
    /// come back.
    pub(crate) async fn make_pair(
        &self,
        serial: Serial,
        scope: &Scope,
        algorithm: Algorithm,
    ) -> Result<PublicHalf, VaultError> {
        let source = self.opened.source();
        let (identity, plain) = self.generate(serial, scope, algorithm).await?;
        source.keep(&identity, &plain).await?;
        let public_half = PublicHalf::new(identity.public_half.clone());
        match self.test_as_kept(identity, plain).await {
            Ok(()) => Ok(public_half),
            Err(error) => {
                // It was put there a moment ago, and no registry knows of it.
                if let Err(left) = source.erase(serial).await {
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
    ) -> Result<(PairIdentity, SecretBytes), VaultError> {
        let scope = scope.to_string();
        self.pool
            .run(move || {
                let unusable = |error| PairError::wrap(serial, error);
                let pair =
                    KeyPair::generate(wrap_algorithm(serial, algorithm)?).map_err(unusable)?;
                let identity = PairIdentity {
                    serial,
                    scope,
                    algorithm,
                    public_half: pair.public_half().as_bytes().to_vec(),
                };
                let plain = pair.private_half().to_bytes().map_err(unusable)?;
                Ok((identity, plain))
            })
            .await
    }

    async fn test_as_kept(
        &self,
        identity: PairIdentity,
        written: SecretBytes,
    ) -> Result<(), VaultError> {
        let serial = identity.serial;
        let read = match self.opened.source().fetch(&identity).await {
            Ok(read) if read == written => read,
            Ok(_) => return Err(PairError::not_kept(serial, None)),
            Err(VaultError::Corrupt(error)) => {
                return Err(PairError::not_kept(serial, Some(error)));
            }
            Err(error) => return Err(error),
        };
        self.pool
            .run(move || {
                let private_half = opened::open(&identity, &read)?;
                let algorithm = wrap_algorithm(serial, identity.algorithm)?;
                let public_half =
                    crypt_keeper_crypto::PublicHalf::parse(algorithm, &identity.public_half)
                        .map_err(|error| PairError::wrap(serial, error))?;
                wrap::self_test(&public_half, &private_half, serial.get())
                    .map_err(|error| PairError::wrap(serial, error))
            })
            .await
    }
}
