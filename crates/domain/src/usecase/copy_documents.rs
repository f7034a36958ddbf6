use std::collections::HashSet;

use async_trait::async_trait;
use futures_util::future::join_all;

use super::copy_canonical::{Canonical, Wrap};
use super::copy_kinds::{
    CopiedKeys, CopySide, Copying, Kind, RewrappedKeys, RowOutcome, page_after,
};
use super::copy_report::{CopiedKind, NotCopied};
use crate::Error;
use crate::model::{
    AuditAction, AuditEntry, DocumentId, DocumentState, KeyState, Lifetime, Page, RetentionClass,
    WrappedKey,
};
use crate::ports::{
    DocumentWithEntries, EntropyExt, MetadataTransfer, Purpose, PutOutcome, VaultError, WrapContext,
};

/// Documents with their access lists: those in the partitions, or the copies that legal holds keep.
pub(super) struct Documents<const HELD: bool>;

/// Keys that are wrapped anew at once.
const AT_ONCE: usize = 16;

#[async_trait]
impl<const HELD: bool> Kind for Documents<HELD> {
    type Row = DocumentWithEntries;
    type Key = (RetentionClass, DocumentId);
    type Cursor = DocumentId;

    const KIND: CopiedKind = if HELD {
        CopiedKind::HeldDocuments
    } else {
        CopiedKind::Documents
    };

    fn key(row: &DocumentWithEntries) -> Self::Key {
        (row.document.id.class(), row.document.id)
    }

    fn name(row: &DocumentWithEntries) -> String {
        row.document.id.to_string()
    }

    async fn page(
        side: &CopySide,
        after: Option<DocumentId>,
    ) -> Result<Page<DocumentWithEntries, DocumentId>, Error> {
        let page = page_after(after);
        Ok(place(side, HELD).documents_with_entries(&page).await?)
    }

    fn expected(copying: &Copying, row: &DocumentWithEntries) -> Canonical {
        if !copying.is_rewrapped() {
            return Canonical::document(row, Wrap::Compared);
        }
        let mut row = row.clone();
        row.document.key_exposed |= leaves_compromised(copying, &row);
        Canonical::document(&row, Wrap::Another)
    }

    fn found(copying: &Copying, row: &DocumentWithEntries) -> Canonical {
        let wrap = if copying.is_rewrapped() {
            Wrap::Another
        } else {
            Wrap::Compared
        };
        Canonical::document(row, wrap)
    }

    async fn put(
        copying: &Copying,
        rows: Vec<DocumentWithEntries>,
    ) -> Result<Vec<RowOutcome>, Error> {
        if !HELD {
            make_partitions(copying, &rows).await?;
        }
        let target = place(&copying.target, HELD);
        let CopiedKeys::Rewrapped(vaults) = &copying.keys else {
            let outcomes = target.put_documents(&rows).await?;
            return Ok(outcomes.into_iter().map(Ok).collect());
        };
        make_pairs(copying, vaults, &rows).await?;
        let mut outcomes: Vec<Option<RowOutcome>> = Vec::with_capacity(rows.len());
        let mut puts = Vec::with_capacity(rows.len());
        for rows in rows.chunks(AT_ONCE) {
            let wrapped = rows.iter().map(|row| rewrapped(copying, vaults, row));
            for wrapped in join_all(wrapped).await {
                match wrapped? {
                    Ok(put) => {
                        puts.push(put);
                        outcomes.push(None);
                    }
                    Err(why) => outcomes.push(Some(Err(why))),
                }
            }
        }
        let put = target.put_documents(&puts).await?;
        let mut put = put.into_iter();
        let settled = |outcome: Option<RowOutcome>| match outcome {
            Some(outcome) => outcome,
            // It was not there a moment ago, so another copy has put it, with another wrap of the
            // same key: reading back will tell.
            None => Ok(match put.next() {
                Some(PutOutcome::Stored) => PutOutcome::Stored,
                _ => PutOutcome::Unchanged,
            }),
        };
        Ok(outcomes.into_iter().map(settled).collect())
    }
}

fn place(side: &CopySide, held: bool) -> &dyn MetadataTransfer {
    if held {
        &*side.holds.documents
    } else {
        &*side.transfer
    }
}

/// Before its documents are put, a partition must be there. All of the source's are, unless one was
/// made there since, or its catalogue has lost it: nobody knows then how long it is to live.
async fn make_partitions(copying: &Copying, rows: &[DocumentWithEntries]) -> Result<(), Error> {
    let needed: HashSet<_> = rows.iter().map(|row| row.document.id.partition()).collect();
    let target = &copying.target.partitions;
    for partition in needed {
        if target.find_partition(partition).await?.is_none() {
            let known = copying.source.partitions.find_partition(partition).await?;
            let lifetime = known.map_or(Lifetime::UNLIMITED, |entry| entry.lifetime);
            let at = copying.context.at;
            target.ensure_partition(partition, lifetime, at).await?;
        }
    }
    Ok(())
}

/// The target needs an active pair in the scope of every document.
async fn make_pairs(
    copying: &Copying,
    vaults: &RewrappedKeys,
    rows: &[DocumentWithEntries],
) -> Result<(), Error> {
    let scopes: HashSet<_> = rows
        .iter()
        .map(|row| row.document.scope().clone())
        .collect();
    for scope in scopes {
        vaults.ensure.run(&copying.context, scope).await?;
    }
    Ok(())
}

/// Whether the document's key leaves a pair that was found compromised.
fn leaves_compromised(copying: &Copying, row: &DocumentWithEntries) -> bool {
    let state = state_of_pair(copying, row);
    state == Some(KeyState::Compromised) && row.document.state != DocumentState::Deleted
}

fn state_of_pair(copying: &Copying, row: &DocumentWithEntries) -> Option<KeyState> {
    let pair = copying.pairs.get(&row.document.wrapped_key.serial);
    pair.map(|pair| pair.state)
}

/// The document as the target gets it: with its key under the target's pair of its scope. The outer
/// error concerns all documents, the inner one this one alone.
async fn rewrapped(
    copying: &Copying,
    vaults: &RewrappedKeys,
    row: &DocumentWithEntries,
) -> Result<Result<DocumentWithEntries, NotCopied>, Error> {
    let document = &row.document;
    let left = &document.wrapped_key;
    let state = state_of_pair(copying, row);
    // Nobody opens these any more: they say what once was.
    if document.state == DocumentState::Deleted || state == Some(KeyState::Destroyed) {
        return Ok(Ok(row.clone()));
    }
    let wrapped = match wrap_anew(vaults, document.id, left).await {
        Ok(wrapped) => wrapped,
        Err(VaultError::Refused(serial)) if serial == left.serial => {
            return Ok(Err(NotCopied::KeyPairStopped(serial)));
        }
        Err(error @ (VaultError::Corrupt(_) | VaultError::Backend(_))) => {
            return Ok(Err(NotCopied::Failed(error.into())));
        }
        Err(error) => return Err(error.into()),
    };
    let action = AuditAction::DocumentRewrapped;
    let mut audit = AuditEntry::new(&copying.context, action, copying.entropy.bytes()?);
    audit.document = Some(document.id);
    audit.serial = Some(left.serial);
    let mut put = row.clone();
    put.document.key_exposed |= leaves_compromised(copying, row);
    put.document.wrapped_key = wrapped;
    put.rewrapped = Some(audit);
    Ok(Ok(put))
}

/// Under the target's pair, and opened again: what the source has is not needed any more after this.
async fn wrap_anew(
    vaults: &RewrappedKeys,
    document: DocumentId,
    left: &WrappedKey,
) -> Result<WrappedKey, VaultError> {
    let purpose = Purpose::Rewrap;
    let key = vaults.from.unwrap(left, document, purpose).await?;
    let context = WrapContext {
        document,
        scope: left.scope.clone(),
        refused: None,
    };
    let wrapped = vaults.to.wrap(&key, &context).await?;
    vaults.to.unwrap(&wrapped, document, purpose).await?;
    if wrapped.commitment == left.commitment {
        Ok(wrapped)
    } else {
        Err(VaultError::Corrupt(
            "the new wrap commits to another key".into(),
        ))
    }
}
