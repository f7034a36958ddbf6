use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_crypto::wrap::transit::TransitPublicHalf;
use crypt_keeper_crypto::{PublicHalf as ParsedPublicHalf, WrapError};
use crypt_keeper_domain::model::{
    Algorithm, DocumentId, KeyPair, PublicHalf, Scope, Serial, WrappedKey,
};
use crypt_keeper_domain::ports::{
    Condition, KeyRegistry, KeyVault, Probe, ProbeError, Purpose, VaultError, WrapContext,
};
use crypt_keeper_secret::DocumentKey;

use crate::error::PairError;
use crate::pairs::{Pairs, parse_public_half, parse_transit_public_half};
use crate::probe::tell_readiness;
use crate::ready_scope::ReadyScope;
use crate::vault::VaultConfig;
use crate::wrapping::{self, Wraps};

const PATIENCE: Duration = Duration::from_secs(2);

/// A vault that wraps and does nothing else: it has public halves, and no way to a private one. For
/// servers that accept uploads and should be of no use to whoever breaks into them.
///
/// How fresh its knowledge of the active pair is, is said at [`LocalVault`](crate::LocalVault).
#[derive(Debug)]
pub struct IngestVault {
    algorithm: Algorithm,
    ready_scope: ReadyScope,
    pairs: Pairs<AnyPublicHalf>,
}

impl IngestVault {
    /// Over a registry; of `config`, what has to do with wrapping.
    #[must_use]
    pub fn new(registry: Arc<dyn KeyRegistry>, config: &VaultConfig) -> Self {
        Self {
            algorithm: config.algorithm,
            ready_scope: config.ready_scope.clone(),
            pairs: Pairs::new(
                registry,
                AnyPublicHalf::parse,
                config.registry_life,
                config.capacity,
            ),
        }
    }
}

/// Whichever vault keeps the private half of a pair, its public half wraps here.
#[derive(Clone, Debug)]
enum AnyPublicHalf {
    Local(ParsedPublicHalf),
    Transit(TransitPublicHalf),
}

impl AnyPublicHalf {
    fn parse(pair: &KeyPair) -> Result<Self, VaultError> {
        match pair.algorithm {
            Algorithm::TransitRsaOaep256 => parse_transit_public_half(pair).map(Self::Transit),
            _ => parse_public_half(pair).map(Self::Local),
        }
    }
}

impl Wraps for AnyPublicHalf {
    fn wrap_key(
        &self,
        key: &DocumentKey,
        serial: Serial,
        document: DocumentId,
    ) -> Result<Vec<u8>, WrapError> {
        match self {
            Self::Local(half) => half.wrap_key(key, serial, document),
            Self::Transit(half) => half.wrap_key(key, serial, document),
        }
    }
}

#[async_trait]
impl KeyVault for IngestVault {
    /// Refused: see [`PairError::WrapsOnly`].
    async fn create(
        &self,
        _serial: Serial,
        _scope: &Scope,
        _algorithm: Algorithm,
    ) -> Result<PublicHalf, VaultError> {
        Err(PairError::WrapsOnly.backend())
    }

    /// Refused: see [`PairError::WrapsOnly`].
    async fn destroy(&self, _serial: Serial) -> Result<(), VaultError> {
        Err(PairError::WrapsOnly.backend())
    }

    async fn wrap(
        &self,
        key: &DocumentKey,
        context: &WrapContext,
    ) -> Result<WrappedKey, VaultError> {
        wrapping::wrap(&self.pairs, self.algorithm, key, context).await
    }

    /// Refused: see [`PairError::WrapsOnly`].
    async fn unwrap(
        &self,
        _wrapped: &WrappedKey,
        _document: DocumentId,
        _purpose: Purpose,
    ) -> Result<DocumentKey, VaultError> {
        Err(PairError::WrapsOnly.backend())
    }
}

/// Ready if the scope that readiness depends on has an active pair.
#[async_trait]
impl Probe for IngestVault {
    fn part(&self) -> &'static str {
        "keys"
    }

    async fn check(&self) -> Result<Condition, ProbeError> {
        let scope = self.ready_scope.now();
        let look = self.pairs.active(&scope, self.algorithm, None);
        tell_readiness(PATIENCE, async { look.await.map(|_| Condition::Good) }).await
    }
}
