use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_secret::DocumentKey;

use super::require;
use crate::Error;
use crate::access::{self, Decision};
use crate::model::{
    Actor, AuditAction, AuditEntry, CallContext, Document, DocumentId, Record, Rights, Scopes,
};
use crate::ports::{
    BlobStore, Entropy, EntropyExt, GetTerms, KeyVault, MetadataStore, PresignedUrl, Purpose,
    Release, ReleaseOutcome,
};

/// Hands out a document's key and a presigned URL to fetch it from, and records that.
#[derive(Clone, Debug)]
pub struct RequestDownload {
    /// Where the document is registered, and the release recorded.
    pub store: Arc<dyn MetadataStore>,
    /// What unwraps its key.
    pub vault: Arc<dyn KeyVault>,
    /// Where its object lies.
    pub blobs: Arc<dyn BlobStore>,
    /// Where audit ids are drawn from.
    pub entropy: Arc<dyn Entropy>,
    /// How long the URL lives.
    pub url_life: Duration,
}

/// What a downloader is given.
#[derive(Debug)]
pub struct DownloadGrant {
    /// The document.
    pub document: Document,
    /// The key to decrypt it with.
    pub key: DocumentKey,
    /// Where to GET the ciphertext.
    pub url: PresignedUrl,
}

const NEED: Rights = Rights::READ;

/// How often a release is tried anew when the document's key is rewrapped under the request: a
/// store may refuse one whose rows it sees halfway between.
const ATTEMPTS: usize = 3;

impl RequestDownload {
    /// Finds the document, decides, unwraps, signs, and last records the release, which checks
    /// everything once more. Only then does the key leave.
    ///
    /// # Errors
    /// [`Error::NoSuchDocument`] (expired and deleted ones too), [`Error::Forbidden`],
    /// [`Error::KeyPairStopped`], [`Error::Conflict`] if its key is rewrapped over and over,
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn run(&self, context: &CallContext, id: DocumentId) -> Result<DownloadGrant, Error> {
        require(context, Scopes::DOCUMENTS)?;
        let Actor::User { id: user, api_key } = context.caller.actor else {
            return Err(Error::Forbidden);
        };
        let mut document = self.find_readable(context, id).await?;
        for _ in 0..ATTEMPTS {
            let key = self
                .vault
                .unwrap(&document.wrapped_key, id, Purpose::Release)
                .await?;
            let terms = GetTerms {
                expires_in: self.url_life,
            };
            let url = self.blobs.presign_get(&document.object_key, &terms).await?;

            let mut audit = AuditEntry::new(
                context,
                AuditAction::DocumentReleased,
                self.entropy.bytes()?,
            );
            audit.document = Some(id);
            audit.rights = Some(NEED);
            audit.serial = Some(document.wrapped_key.serial);
            let release = Release {
                document: id,
                need: NEED,
                principals: context.caller.principals.clone(),
                user,
                api_key,
                at: context.at,
            };
            match self
                .store
                .record_release(&release, &Record::from(audit))
                .await?
            {
                ReleaseOutcome::Recorded => return Ok(DownloadGrant { document, key, url }),
                ReleaseOutcome::Refused => {
                    // Say what has changed. If the document would still be given, it was being
                    // rewrapped, or the credentials have changed.
                    let now = self.find_readable(context, id).await?;
                    if now.wrapped_key == document.wrapped_key {
                        return Err(Error::Unauthenticated);
                    }
                    document = now;
                }
            }
        }
        Err(Error::Conflict)
    }

    async fn find_readable(
        &self,
        context: &CallContext,
        id: DocumentId,
    ) -> Result<Document, Error> {
        let principals = &context.caller.principals;
        let found = self
            .store
            .find(id, principals)
            .await?
            .ok_or(Error::NoSuchDocument)?;
        let document = found.document;
        if !document.state.is_releasable() || document.is_expired(context.at) {
            return Err(Error::NoSuchDocument);
        }
        match access::decide(&found.entries, principals, NEED, context.at) {
            Decision::Allow(_) if !found.key_state.may_release() => {
                Err(Error::KeyPairStopped(document.wrapped_key.serial))
            }
            Decision::Allow(_) => Ok(document),
            Decision::Deny => Err(Error::Forbidden),
        }
    }
}
