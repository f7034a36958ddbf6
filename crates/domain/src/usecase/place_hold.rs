use std::sync::Arc;
use std::time::Duration;

use super::{EnsureKeyPair, require};
use crate::Error;
use crate::model::{
    AuditAction, AuditEntry, CallContext, Document, DocumentId, Hold, HoldReason, ObjectKey,
    Record, Scope, Scopes, WrappedKey,
};
use crate::ports::{
    Change, Entropy, EntropyExt, HoldOutcome, Holds, KeyVault, MetadataStore, ObjectCopy,
    ObjectInfo, Purpose, StoreError, WrapContext,
};

/// Places a legal hold on a document: its object is copied to where no lifecycle rule and no
/// partition's end reaches it, its key is wrapped under a key pair of scope `hold`, and its row is
/// copied. From then on it does not expire until the hold is taken off.
#[derive(Clone, Debug)]
pub struct PlaceHold {
    /// Where the document is registered.
    pub store: Arc<dyn MetadataStore>,
    /// Where the hold is entered.
    pub holds: Arc<dyn Holds>,
    /// What copies the object.
    pub objects: Arc<dyn ObjectCopy>,
    /// What wraps the key anew.
    pub vault: Arc<dyn KeyVault>,
    /// Makes the first key pair of scope `hold`.
    pub first_pair: EnsureKeyPair,
    /// Where ids of audit entries are drawn from.
    pub entropy: Arc<dyn Entropy>,
    /// How long a presigned URL to upload to lives: an object that is missing may come until then.
    pub url_life: Duration,
}

/// A hold that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedHold {
    /// The document that is held.
    pub document: DocumentId,
    /// What was copied; `None` if the document never had an object, or if the hold was complete
    /// before.
    pub object: Option<ObjectInfo>,
    /// Whether it was placed or completed now; `false` if it was complete already.
    pub changed: bool,
}

impl PlaceHold {
    /// The folder that held objects are copied to.
    pub const FOLDER: &'static str = "hold";

    /// Places the hold, or completes one that was begun: the reason is that of the first call. It
    /// answers when everything is copied.
    ///
    /// # Errors
    /// [`Error::NoSuchDocument`], [`Error::HoldTooLate`] once its partition's objects are being
    /// deleted, [`Error::HoldIncomplete`] while its object may still come: placing it again
    /// completes it; [`Error::KeyPairStopped`], [`Error::Forbidden`], [`Error::Unavailable`] and
    /// the like: what was begun stays, and placing it again goes on.
    pub async fn run(
        &self,
        context: &CallContext,
        document: DocumentId,
        reason: HoldReason,
    ) -> Result<PlacedHold, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let hold = Hold {
            document,
            reason,
            placed_at: context.at,
            completed_at: None,
        };
        let record = self.record(context, AuditAction::HoldPlaced, document)?;
        match self.holds.begin_hold(&hold, &record).await? {
            HoldOutcome::Begun => {}
            HoldOutcome::AlreadyHeld => {
                let there = self.holds.find_hold(document).await?;
                if there.is_some_and(|hold| hold.completed_at.is_some()) {
                    return Ok(PlacedHold {
                        document,
                        object: None,
                        changed: false,
                    });
                }
            }
            HoldOutcome::TooLate => return Err(Error::HoldTooLate(document.partition())),
            HoldOutcome::Missing => return Err(Error::NoSuchDocument),
        }
        self.complete(context, document).await
    }

    async fn complete(&self, context: &CallContext, id: DocumentId) -> Result<PlacedHold, Error> {
        let found = self.store.find(id, &[]).await?;
        let document = found.ok_or(Error::NoSuchDocument)?.document;
        let key = ObjectKey::parse(&format!("{}/{}", Self::FOLDER, document.object_key))
            .map_err(|invalid| StoreError::Corrupt(Box::new(invalid)))?;
        let object = self.objects.copy(&document.object_key, &key).await?;
        let until = document.created_at.plus(self.url_life);
        if object.is_none() && context.at < until {
            return Err(Error::HoldIncomplete {
                document: id,
                until,
            });
        }
        let wrapped = self.wrap(context, &document).await?;
        let record = self.record(context, AuditAction::HoldCompleted, id)?;
        let done = self
            .holds
            .complete_hold(id, &wrapped, &key, &record)
            .await?;
        match done {
            Change::Changed | Change::Unchanged => Ok(PlacedHold {
                document: id,
                object,
                changed: done == Change::Changed,
            }),
            Change::Stale => Err(Error::Conflict),
            // It was taken off meanwhile.
            Change::Missing => Err(Error::NoSuchHold(id)),
        }
    }

    async fn wrap(&self, context: &CallContext, document: &Document) -> Result<WrappedKey, Error> {
        let id = document.id;
        self.first_pair.run(context, Scope::Hold).await?;
        let old = &document.wrapped_key;
        let key = self.vault.unwrap(old, id, Purpose::Rewrap).await?;
        let wrap = WrapContext {
            document: id,
            scope: Scope::Hold,
            refused: None,
        };
        Ok(self.vault.wrap(&key, &wrap).await?)
    }

    fn record(
        &self,
        context: &CallContext,
        action: AuditAction,
        document: DocumentId,
    ) -> Result<Record, Error> {
        let mut audit = AuditEntry::new(context, action, self.entropy.bytes()?);
        audit.document = Some(document);
        Ok(Record::from(audit))
    }
}
