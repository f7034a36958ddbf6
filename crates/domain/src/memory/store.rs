use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::FaultSwitch;
use crate::model::{
    ApiKey, ApiKeyId, AuditEntry, AuditId, Document, DocumentId, Entry, Hold, KeyPair, Partition,
    PartitionEntry, Record, RetentionClass, Serial, User, UserId,
};
use crate::ports::{Clock, StoreError, WalkStep};

/// Metadata store, accounts, audit log and key registry in one: all rows lie behind one lock, so
/// that every act is atomic. Each port is in a file of its own.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) place: Place,
    faults: Arc<FaultSwitch>,
    rows: Arc<Mutex<Rows>>,
}

/// Where the documents lie that a store speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In their partitions.
    Partitions,
    /// Where legal holds keep copies of them.
    Held,
}

impl MemoryStore {
    /// An empty store whose own clock is `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            place: Place::Partitions,
            faults: Arc::default(),
            rows: Arc::default(),
        }
    }

    /// The documents that legal holds keep, as a store of their own over the same rows.
    #[must_use]
    pub fn held(&self) -> Self {
        Self {
            place: Place::Held,
            ..self.clone()
        }
    }

    /// What makes it fail.
    #[must_use]
    pub fn faults(&self) -> &FaultSwitch {
        &self.faults
    }

    /// Where the rows lie: the same for every view of them.
    pub(super) fn address(&self) -> *const Mutex<Rows> {
        Arc::as_ptr(&self.rows)
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
    partitioned: Shelf,
    held: Shelf,
    pub(super) partitions: BTreeMap<Partition, PartitionEntry>,
    pub(super) holds: BTreeMap<(RetentionClass, DocumentId), Hold>,
    pub(super) users: BTreeMap<UserId, User>,
    pub(super) api_keys: BTreeMap<ApiKeyId, ApiKey>,
    pub(super) pairs: BTreeMap<Serial, KeyPair>,
    pub(super) audit: BTreeMap<AuditId, AuditEntry>,
}

/// Documents and their entries in one place.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    pub(super) documents: BTreeMap<(RetentionClass, DocumentId), Document>,
    pub(super) entries: HashMap<DocumentId, Vec<Entry>>,
}

impl Shelf {
    pub(super) fn document(&self, id: DocumentId) -> Option<&Document> {
        self.documents.get(&(id.class(), id))
    }

    pub(super) fn document_mut(&mut self, id: DocumentId) -> Option<&mut Document> {
        self.documents.get_mut(&(id.class(), id))
    }

    pub(super) fn remove(&mut self, id: DocumentId) {
        self.documents.remove(&(id.class(), id));
        self.entries.remove(&id);
    }

    pub(super) fn entries(&self, id: DocumentId) -> &[Entry] {
        self.entries.get(&id).map_or(&[], Vec::as_slice)
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
}

impl Rows {
    pub(super) fn shelf(&self, place: Place) -> &Shelf {
        match place {
            Place::Partitions => &self.partitioned,
            Place::Held => &self.held,
        }
    }

    pub(super) fn shelf_mut(&mut self, place: Place) -> &mut Shelf {
        match place {
            Place::Partitions => &mut self.partitioned,
            Place::Held => &mut self.held,
        }
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
