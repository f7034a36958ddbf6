use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_secret::DocumentKey;

use super::{EnsureKeyPair, ScopePolicy, require};
use crate::Error;
use crate::model::{
    Actor, AuditAction, AuditEntry, CallContext, Document, DocumentId, DocumentMetadata,
    DocumentState, Entry, ObjectKey, Principal, Record, RetentionClasses, RetentionName, Rights,
    Scope, Scopes, Timestamp, UserId, WrappedKey,
};
use crate::ports::{
    BlobStore, Entropy, EntropyExt, InsertOutcome, KeyVault, MetadataStore, PresignedUrl, PutTerms,
    VaultError, WrapContext,
};

/// Registers a new document, and hands out its key and a presigned URL to upload it to.
#[derive(Clone, Debug)]
pub struct RequestUpload {
    /// Where the document is registered.
    pub store: Arc<dyn MetadataStore>,
    /// What wraps its key.
    pub vault: Arc<dyn KeyVault>,
    /// Where its object will lie.
    pub blobs: Arc<dyn BlobStore>,
    /// Where key, id and object key are drawn from.
    pub entropy: Arc<dyn Entropy>,
    /// Which scope it belongs to.
    pub scope: ScopePolicy,
    /// The retention classes to choose from.
    pub retention: RetentionClasses,
    /// Makes the first key pair of a customer, and that of a partition which nobody made ahead of
    /// time; `None` where this service may not.
    pub first_pair: Option<EnsureKeyPair>,
    /// What the URL allows.
    pub limits: UploadLimits,
}

/// A document that is to be uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadRequest {
    /// What the uploader says of it.
    pub metadata: DocumentMetadata,
    /// The retention class that he chose; `None`: his default, or else that of all.
    pub retention: Option<RetentionName>,
}

/// No retention class is chosen.
impl From<DocumentMetadata> for UploadRequest {
    fn from(metadata: DocumentMetadata) -> Self {
        Self {
            metadata,
            retention: None,
        }
    }
}

/// What a presigned URL allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadLimits {
    /// How long it lives.
    pub url_life: Duration,
    /// The longest object, in bytes of ciphertext.
    pub max_object_length: u64,
}

impl Default for UploadLimits {
    /// 600 s, and 5 GiB: the most that S3 takes in one PUT (Amazon S3 quotas).
    fn default() -> Self {
        Self {
            url_life: Duration::from_secs(600),
            max_object_length: 5 << 30,
        }
    }
}

/// What an uploader is given.
#[derive(Debug)]
pub struct UploadGrant {
    /// The document's id.
    pub id: DocumentId,
    /// The key to encrypt it with.
    pub key: DocumentKey,
    /// Where to PUT the ciphertext.
    pub url: PresignedUrl,
}

struct NewDocument {
    id: DocumentId,
    owner: UserId,
    metadata: DocumentMetadata,
    object_key: ObjectKey,
    expires_at: Option<Timestamp>,
}

/// How often a key is wrapped anew when key pairs rotate under the request.
const WRAP_ATTEMPTS: usize = 3;

impl RequestUpload {
    /// Makes a document key and an id, wraps the key, signs the URL, and stores document, owner's
    /// entry and audit entry in one step. Before that step nothing is stored. When the document
    /// expires is fixed by then: its class may be shortened or prolonged later.
    ///
    /// # Errors
    /// [`Error::Forbidden`] without the scope, [`Error::Invalid`] if its retention class is not
    /// configured, [`Error::NoKeyPair`], [`Error::ClockSkew`],
    /// [`Error::Conflict`] if key pairs rotate faster than a key is wrapped,
    /// [`Error::Unavailable`].
    pub async fn run(
        &self,
        context: &CallContext,
        request: impl Into<UploadRequest>,
    ) -> Result<UploadGrant, Error> {
        require(context, Scopes::DOCUMENTS)?;
        let Actor::User { id: owner, .. } = context.caller.actor else {
            return Err(Error::Forbidden);
        };
        let request = request.into();
        let chosen = self
            .retention
            .choose(request.retention.as_ref(), context.caller.retention)
            .map_err(|field| Error::Invalid(vec![field]))?;

        let key = DocumentKey::try_fill(|bytes| self.entropy.fill(bytes))?;
        let id = DocumentId::new(chosen.class, context.at, self.entropy.bytes()?);
        let object_key = ObjectKey::new(id, self.entropy.bytes()?);
        let terms = PutTerms {
            expires_in: self.limits.url_life,
            max_length: self.limits.max_object_length,
        };
        let url = self.blobs.presign_put(&object_key, &terms).await?;
        let new = NewDocument {
            id,
            owner,
            metadata: request.metadata,
            object_key,
            expires_at: chosen.lifetime.end(context.at),
        };
        self.wrap_and_insert(context, &key, new).await?;
        Ok(UploadGrant { id, key, url })
    }

    async fn wrap_and_insert(
        &self,
        context: &CallContext,
        key: &DocumentKey,
        new: NewDocument,
    ) -> Result<(), Error> {
        let NewDocument { id, owner, .. } = new;
        let entry = Entry {
            document: id,
            principal: Principal::User(owner),
            rights: Rights::OWNER,
            granted_by: owner,
            granted_at: context.at,
            expires_at: None,
        };
        let mut wrap = WrapContext {
            document: id,
            scope: self.scope.scope_of(id, owner),
            refused: None,
        };
        let mut document = Document {
            id,
            state: DocumentState::Pending,
            version: 1,
            owner,
            metadata: new.metadata,
            wrapped_key: self.wrap(context, key, &wrap).await?,
            object_key: new.object_key,
            object: None,
            created_at: context.at,
            expires_at: new.expires_at,
            hold: false,
            expires_early: false,
            key_exposed: false,
        };
        for _ in 0..WRAP_ATTEMPTS {
            let mut audit =
                AuditEntry::new(context, AuditAction::DocumentCreated, self.entropy.bytes()?);
            audit.document = Some(id);
            audit.principal = Some(entry.principal);
            audit.rights = Some(entry.rights);
            audit.serial = Some(document.wrapped_key.serial);
            match self
                .store
                .insert(&document, &entry, &Record::from(audit))
                .await?
            {
                InsertOutcome::Inserted => return Ok(()),
                InsertOutcome::KeyPairNotActive => {
                    wrap.refused = Some(document.wrapped_key.serial);
                    document.wrapped_key = self.vault.wrap(key, &wrap).await?;
                }
                InsertOutcome::OutsideWindow => return Err(Error::ClockSkew),
            }
        }
        // Key pairs rotated under every attempt; the next request will do better.
        Err(Error::Conflict)
    }

    async fn wrap(
        &self,
        context: &CallContext,
        key: &DocumentKey,
        wrap: &WrapContext,
    ) -> Result<WrappedKey, Error> {
        match (self.vault.wrap(key, wrap).await, &self.first_pair) {
            (
                Err(VaultError::NoActivePair(scope @ (Scope::Customer(_) | Scope::Partition(_)))),
                Some(first_pair),
            ) => {
                first_pair.run(context, scope).await?;
                Ok(self.vault.wrap(key, wrap).await?)
            }
            (answer, _) => Ok(answer?),
        }
    }
}
