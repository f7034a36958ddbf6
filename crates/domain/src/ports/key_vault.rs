use std::fmt::Debug;

use async_trait::async_trait;
use crypt_keeper_secret::DocumentKey;

use super::BoxError;
use crate::model::{Algorithm, DocumentId, PublicHalf, Scope, Serial, WrappedKey};

/// Wraps and unwraps document keys. Private halves never leave it.
///
/// Laws, each a test of `crypt_keeper_conformance::key_vault`:
/// - `wrapped_is_unwrapped`: to the same key.
/// - `wrapping_twice_differs`.
/// - `a_flipped_bit_is_refused`: any bit of the wrapped bytes or of the commitment.
/// - `another_documents_id_is_refused`.
/// - `another_pairs_serial_is_refused`.
/// - `unwrap_works_after_rotation`.
/// - `wrap_needs_an_active_pair`.
/// - `create_never_overwrites`.
/// - `destroyed_opens_nothing`, and destroying again is harmless.
/// - `purpose_is_held_to_the_state`: compromised pairs unwrap for rewrapping only, suspended and
///   destroyed ones not at all.
/// - `rewrapped_is_unwrapped`: to the same key, under the active pair of the document's scope; what
///   does not open is answered in its place, and does not stop the rest.
#[async_trait]
pub trait KeyVault: Debug + Send + Sync + 'static {
    /// Makes a key pair, keeps its private half under `serial`, and tests that what the public
    /// half wraps the kept private half unwraps. Entering it in the registry is the caller's.
    ///
    /// # Errors
    /// [`VaultError`]; [`VaultError::Backend`] if the serial has a private half already.
    async fn create(
        &self,
        serial: Serial,
        scope: &Scope,
        algorithm: Algorithm,
    ) -> Result<PublicHalf, VaultError>;

    /// Erases the private half of a serial for good; idempotent.
    ///
    /// # Errors
    /// [`VaultError`] if it cannot be known to be erased.
    async fn destroy(&self, serial: Serial) -> Result<(), VaultError>;

    /// Wraps a document key under the active pair of the document's scope.
    ///
    /// # Errors
    /// [`VaultError::NoActivePair`] if the scope has none.
    async fn wrap(
        &self,
        key: &DocumentKey,
        context: &WrapContext,
    ) -> Result<WrappedKey, VaultError>;

    /// Unwraps a document key, and checks that it is the one that was committed to.
    ///
    /// # Errors
    /// [`VaultError::Corrupt`] if it does not open or commits to another key;
    /// [`VaultError::Refused`] if the pair's state does not allow `purpose`.
    async fn unwrap(
        &self,
        wrapped: &WrappedKey,
        document: DocumentId,
        purpose: Purpose,
    ) -> Result<DocumentKey, VaultError>;

    /// Unwraps document keys for rewrapping, and wraps each under the active pair of its document's
    /// scope. Each is answered in its place, with what [`unwrap`](Self::unwrap) and
    /// [`wrap`](Self::wrap) answer, which is what this does unless a vault knows better: one after
    /// the other. A vault with threads of its own does as many at once as suits it, and whoever
    /// waits for an unwrap meanwhile.
    async fn rewrap(&self, old: &[OldWrap]) -> Vec<Result<WrappedKey, VaultError>> {
        let mut answers = Vec::with_capacity(old.len());
        for one in old {
            let key = self.unwrap(&one.wrapped, one.document, Purpose::Rewrap);
            answers.push(match key.await {
                Ok(key) => self.wrap(&key, &one.context()).await,
                Err(error) => Err(error),
            });
        }
        answers
    }
}

/// A wrap that is to be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldWrap {
    /// The document whose key it is.
    pub document: DocumentId,
    /// The wrap; its scope is the document's.
    pub wrapped: WrappedKey,
    /// As in [`WrapContext::refused`].
    pub refused: Option<Serial>,
}

impl OldWrap {
    /// What the new wrap is made for.
    #[must_use]
    pub fn context(&self) -> WrapContext {
        WrapContext {
            document: self.document,
            scope: self.wrapped.scope.clone(),
            refused: self.refused,
        }
    }
}

/// What a document key is wrapped for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrapContext {
    /// The document whose key it is; bound into the wrap.
    pub document: DocumentId,
    /// The document's scope.
    pub scope: Scope,
    /// A pair that the store has just refused as not active: if the vault remembers it as the
    /// active one, it must look again.
    pub refused: Option<Serial>,
}

/// What a document key is unwrapped for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To hand it to someone who may read the document.
    Release,
    /// To wrap it under another pair.
    Rewrap,
}

/// Why a vault did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The scope has no active key pair.
    #[error("no active key pair for scope {0}")]
    NoActivePair(Scope),
    /// The state of the key pair does not allow it.
    #[error("key pair {0} may not be used for this")]
    Refused(Serial),
    /// The vault, or a store it needs, cannot be reached.
    #[error("the key vault is unavailable")]
    Unavailable(#[source] BoxError),
    /// A wrapped key does not open, or opens to another key than was committed to.
    #[error("a wrapped key, or a private half, is corrupt")]
    Corrupt(#[source] BoxError),
    /// Anything else.
    #[error("the key vault failed")]
    Backend(#[source] BoxError),
}

impl From<super::StoreError> for VaultError {
    fn from(error: super::StoreError) -> Self {
        use super::StoreError as Store;
        match error {
            Store::Unavailable(source) => Self::Unavailable(source),
            Store::Corrupt(source) => Self::Corrupt(source),
            Store::Conflict => Self::Backend(Box::new(Store::Conflict)),
            Store::Backend(source) => Self::Backend(source),
        }
    }
}
