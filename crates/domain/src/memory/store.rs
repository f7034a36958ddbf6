use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::FaultSwitch;
use crate::model::{
    ApiKey, ApiKeyId, AuditEntry, AuditId, Document, DocumentId, Entry, KeyPair, Record,
    RetentionClass, Serial, User, UserId,
};
use crate::ports::{Clock, StoreError, WalkStep};

/// Metadata store, accounts, audit log and key registry in one: all rows lie behind one lock, so
/// that every act is atomic. Each port is in a file of its own.
#[derive(Debug)]
pub struct MemoryStore {
    pub(super) clock: Arc<dyn Clock>,
    faults: FaultSwitch,
    rows: Mutex<Rows>,
}

impl MemoryStore {
    /// An empty store that judges the moments in new ids by `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            faults: FaultSwitch::default(),
            rows: Mutex::default(),
        }
    }

    /// What makes it fail.
    #[must_use]
    pub fn faults(&self) -> &FaultSwitch {
        &self.faults
    }

    /// The rows, for one act.
    pub(super) fn rows(&self) -> Result<MutexGuard<'_, Rows>, StoreError> {
        self.faults.pass()?;
        Ok(self.rows.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What the store holds.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) documents: BTreeMap<(RetentionClass, DocumentId), Document>,
    pub(super) entries: HashMap<DocumentId, Vec<Entry>>,
    pub(super) users: BTreeMap<UserId, User>,
    pub(super) api_keys: BTreeMap<ApiKeyId, ApiKey>,
    pub(super) pairs: BTreeMap<Serial, KeyPair>,
    pub(super) audit: BTreeMap<AuditId, AuditEntry>,
}

impl Rows {
    pub(super) fn document(&self, id: DocumentId) -> Option<&Document> {
        self.documents.get(&(id.class(), id))
    }

    pub(super) fn document_mut(&mut self, id: DocumentId) -> Option<&mut Document> {
        self.documents.get_mut(&(id.class(), id))
    }

    /// The documents that a step looks at, and where the next one begins.
    pub(super) fn step(&mut self, step: &WalkStep) -> (Vec<&mut Document>, Option<DocumentId>) {
        let limit = usize::try_from(step.examine.get()).unwrap_or(usize::MAX);
        let after = step
            .after
            .map_or(Bound::Unbounded, |id| Bound::Excluded((id.class(), id)));
        let documents: Vec<_> = self
            .documents
            .range_mut((after, Bound::Unbounded))
            .take(limit)
            .map(|(_, document)| document)
            .collect();
        let last = documents.last().map(|document| document.id);
        let next = last.filter(|_| documents.len() == limit);
        (documents, next)
    }

    pub(super) fn entries(&self, id: DocumentId) -> &[Entry] {
        self.entries.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Writes the records of an act, all or none. Called when nothing else can fail any more, and
    /// before the act's own rows are touched.
    pub(super) fn record(&mut self, records: &[Record]) -> Result<(), StoreError> {
        let mut fresh = BTreeMap::new();
        for record in records {
            let id = record.audit.id;
            let taken = self.audit.contains_key(&id);
            if taken || fresh.insert(id, record.audit.clone()).is_some() {
                return Err(StoreError::Conflict);
            }
        }
        self.audit.append(&mut fresh);
        Ok(())
    }
}
