//! What stands between the use cases and a store with time partitions.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;

use crate::model::{
    Document, DocumentId, Entry, Lifetime, Page, PageRequest, Partition, PartitionEntry,
    PartitionState, Principal, Record, Serial, Timestamp,
};
use crate::ports::{
    Change, Clock, DocumentChange, DocumentFilter, Found, InsertOutcome, MetadataStore, Partitions,
    Release, ReleaseOutcome, Rewrap, RewrapOutcome, StoreError, WalkStep, Walked, Wraps,
};

/// A metadata store that minds its time partitions:
///
/// - before a document is put into a partition, the partition is there, and its entry in the
///   catalogue says that it lives as long as the document;
/// - a document of a partition that is closed is not there any more, at the latest
///   [`REFRESH`](Self::REFRESH) after the close, unless a legal hold keeps it: then it is read from
///   where the hold has put it;
/// - what concerns all documents of a key pair concerns the held ones too.
///
/// It asks the catalogue every [`REFRESH`](Self::REFRESH) at most, and never for one request.
#[derive(Debug)]
pub struct PartitionGate {
    store: Arc<dyn MetadataStore>,
    held: Arc<dyn MetadataStore>,
    partitions: Arc<dyn Partitions>,
    clock: Arc<dyn Clock>,
    may_make: bool,
    known: RwLock<Known>,
    loading: AtomicBool,
}

#[derive(Debug, Default)]
struct Known {
    loaded_at: Option<Timestamp>,
    entries: HashMap<Partition, PartitionEntry>,
}

/// Why an insert has to wait.
#[derive(Debug, thiserror::Error)]
#[error(
    "partition {0} has not been made yet, and this service may not make it: one that runs jobs does"
)]
struct NotMade(Partition);

impl PartitionGate {
    /// How long it may go by what it has seen of the catalogue.
    pub const REFRESH: Duration = Duration::from_secs(10);

    /// A gate before `store`; `held` is its place of held documents. A service that `may_make`
    /// none waits for one that does.
    #[must_use]
    pub fn new(
        store: Arc<dyn MetadataStore>,
        held: Arc<dyn MetadataStore>,
        partitions: Arc<dyn Partitions>,
        clock: Arc<dyn Clock>,
        may_make: bool,
    ) -> Self {
        Self {
            store,
            held,
            partitions,
            clock,
            may_make,
            known: RwLock::default(),
            loading: AtomicBool::new(false),
        }
    }

    /// The entry of a partition as it was at most [`REFRESH`](Self::REFRESH) ago. One request
    /// reads the catalogue; others meanwhile go by what was known.
    async fn entry(&self, partition: Partition) -> Result<Option<PartitionEntry>, StoreError> {
        let now = self.clock.now();
        let (entry, loaded_at) = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            (known.entries.get(&partition).copied(), known.loaded_at)
        };
        // A clock that was set back must not keep the catalogue from being read.
        let is_fresh = |loaded: Timestamp, within| loaded <= now && now.since(loaded) < within;
        if loaded_at.is_some_and(|loaded| is_fresh(loaded, Self::REFRESH / 2)) {
            return Ok(entry);
        }
        let others_load = self.loading.swap(true, Ordering::AcqRel);
        if others_load && loaded_at.is_some_and(|loaded| is_fresh(loaded, Self::REFRESH)) {
            return Ok(entry);
        }
        let loaded = Loading(&self.loading).load(&*self.partitions).await?;
        let entries: HashMap<_, _> = loaded
            .into_iter()
            .map(|entry| (entry.partition, entry))
            .collect();
        let entry = entries.get(&partition).copied();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        *known = Known {
            loaded_at: Some(now),
            entries,
        };
        Ok(entry)
    }

    /// Whether documents of the partition are given to anybody.
    async fn state(&self, id: DocumentId) -> Result<PartitionState, StoreError> {
        let entry = self.entry(id.partition()).await?;
        Ok(entry.map_or(PartitionState::Open, |entry| entry.state))
    }

    /// Sees to it that a document can be put into its partition, and does not outlive it; whether
    /// it can.
    async fn make_ready(&self, document: &Document) -> Result<bool, StoreError> {
        let partition = document.id.partition();
        let lifetime = lifetime_of(document);
        let is_ready = |entry: &PartitionEntry| {
            entry.state == PartitionState::Open && entry.lifetime >= lifetime
        };
        {
            // Lifetimes are only ever raised, and what is being written to is not closed.
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if known.entries.get(&partition).is_some_and(is_ready) {
                return Ok(true);
            }
        }
        let entry = if self.may_make {
            let at = self.clock.now();
            self.partitions
                .ensure_partition(partition, lifetime, at)
                .await?
        } else {
            let found = self.partitions.find_partition(partition).await?;
            found.ok_or_else(|| StoreError::Unavailable(Box::new(NotMade(partition))))?
        };
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.entries.insert(partition, entry);
        if self.may_make || is_ready(&entry) {
            return Ok(entry.state == PartitionState::Open);
        }
        Err(StoreError::Unavailable(Box::new(NotMade(partition))))
    }

    /// What a walk of the held documents adds to the last step of a walk of the others: they are
    /// few.
    async fn walk_held(
        &self,
        what: HeldWalk,
        serial: Serial,
        examine: NonZeroU32,
    ) -> Result<u64, StoreError> {
        let mut step = WalkStep {
            after: None,
            examine,
        };
        let mut count = 0;
        loop {
            let walked = match what {
                HeldWalk::MarkExposed => self.held.mark_exposed(serial, &step).await?,
                HeldWalk::Count => self.held.count_wrapped_by(serial, &step).await?,
            };
            count += walked.count;
            step.after = walked.next;
            if step.after.is_none() {
                return Ok(count);
            }
        }
    }
}

/// What is done to the held documents of a key pair.
#[derive(Clone, Copy, Debug)]
enum HeldWalk {
    MarkExposed,
    Count,
}

/// Lets others load when the load ends, however it ends.
struct Loading<'a>(&'a AtomicBool);

impl Loading<'_> {
    async fn load(self, partitions: &dyn Partitions) -> Result<Vec<PartitionEntry>, StoreError> {
        partitions.list_partitions().await
    }
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// How long a document lives; at least as long as it says.
fn lifetime_of(document: &Document) -> Lifetime {
    let Some(end) = document.expires_at else {
        return Lifetime::UNLIMITED;
    };
    let seconds = end
        .since(document.created_at)
        .as_micros()
        .div_ceil(1_000_000);
    let length = Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX));
    Lifetime::limited(length.max(Lifetime::MIN)).unwrap_or(Lifetime::UNLIMITED)
}

#[async_trait]
impl MetadataStore for PartitionGate {
    async fn insert(
        &self,
        document: &Document,
        owner_entry: &Entry,
        record: &Record,
    ) -> Result<InsertOutcome, StoreError> {
        // Ids from another time must not make partitions.
        if !document.id.may_be_inserted_at(self.clock.now()) {
            return Ok(InsertOutcome::OutsideWindow);
        }
        if !self.make_ready(document).await? {
            return Ok(InsertOutcome::OutsideWindow);
        }
        self.store.insert(document, owner_entry, record).await
    }

    async fn find(
        &self,
        id: DocumentId,
        principals: &[Principal],
    ) -> Result<Option<Found>, StoreError> {
        let state = self.state(id).await?;
        if state == PartitionState::Open {
            return self.store.find(id, principals).await;
        }
        if let Some(found) = self.held.find(id, principals).await? {
            return Ok(Some(found));
        }
        if state != PartitionState::Closed {
            return Ok(None);
        }
        // A hold has begun and its copies are being made.
        let found = self.store.find(id, principals).await?;
        Ok(found.filter(|found| found.document.hold))
    }

    async fn entries(&self, id: DocumentId) -> Result<Vec<Entry>, StoreError> {
        match self.state(id).await? {
            PartitionState::Open => self.store.entries(id).await,
            _ => self.held.entries(id).await,
        }
    }

    async fn list(
        &self,
        filter: &DocumentFilter,
        page: &PageRequest<DocumentId>,
    ) -> Result<Page<Document, DocumentId>, StoreError> {
        self.store.list(filter, page).await
    }

    async fn grant(&self, entry: &Entry, record: &Record) -> Result<Change, StoreError> {
        match self.state(entry.document).await? {
            PartitionState::Open => self.store.grant(entry, record).await,
            _ => self.held.grant(entry, record).await,
        }
    }

    async fn revoke(
        &self,
        id: DocumentId,
        principal: Principal,
        record: &Record,
    ) -> Result<Change, StoreError> {
        match self.state(id).await? {
            // It reaches the copy, also one that is being made.
            PartitionState::Open | PartitionState::Closed | PartitionState::Emptying => {
                self.store.revoke(id, principal, record).await
            }
            PartitionState::Emptied | PartitionState::Dropped | PartitionState::Expired => {
                self.held.revoke(id, principal, record).await
            }
        }
    }

    async fn record_release(
        &self,
        release: &Release,
        record: &Record,
    ) -> Result<ReleaseOutcome, StoreError> {
        let id = release.document;
        let state = self.state(id).await?;
        if state == PartitionState::Open {
            return self.store.record_release(release, record).await;
        }
        let held = self.held.record_release(release, record).await?;
        if held == ReleaseOutcome::Recorded || state != PartitionState::Closed {
            return Ok(held);
        }
        let found = self.store.find(id, &release.principals).await?;
        if found.is_some_and(|found| found.document.hold) {
            return self.store.record_release(release, record).await;
        }
        Ok(ReleaseOutcome::Refused)
    }

    async fn change(
        &self,
        id: DocumentId,
        seen_version: i64,
        change: &DocumentChange,
        record: &Record,
    ) -> Result<Change, StoreError> {
        match self.state(id).await? {
            PartitionState::Open => self.store.change(id, seen_version, change, record).await,
            _ => Ok(Change::Missing),
        }
    }

    async fn rewrap(&self, rewraps: &[Rewrap]) -> Result<Vec<RewrapOutcome>, StoreError> {
        let mut outcomes = self.store.rewrap(rewraps).await?;
        let others: Vec<usize> = (0..rewraps.len())
            .filter(|at| {
                matches!(
                    outcomes.get(*at),
                    Some(RewrapOutcome::Missing | RewrapOutcome::Stale)
                )
            })
            .collect();
        if others.is_empty() {
            return Ok(outcomes);
        }
        // A held copy has a wrap of its own.
        let again: Vec<Rewrap> = others.iter().map(|at| rewraps[*at].clone()).collect();
        let held = self.held.rewrap(&again).await?;
        for (at, outcome) in others.into_iter().zip(held) {
            if outcome != RewrapOutcome::Missing
                && let Some(slot) = outcomes.get_mut(at)
            {
                *slot = outcome;
            }
        }
        Ok(outcomes)
    }

    async fn mark_exposed(&self, serial: Serial, step: &WalkStep) -> Result<Walked, StoreError> {
        let mut walked = self.store.mark_exposed(serial, step).await?;
        if walked.next.is_none() {
            let what = HeldWalk::MarkExposed;
            walked.count += self.walk_held(what, serial, step.examine).await?;
        }
        Ok(walked)
    }

    async fn count_wrapped_by(
        &self,
        serial: Serial,
        step: &WalkStep,
    ) -> Result<Walked, StoreError> {
        let mut walked = self.store.count_wrapped_by(serial, step).await?;
        if walked.next.is_none() {
            let what = HeldWalk::Count;
            walked.count += self.walk_held(what, serial, step.examine).await?;
        }
        Ok(walked)
    }

    async fn wraps_under(&self, serial: Serial, step: &WalkStep) -> Result<Wraps, StoreError> {
        let mut wraps = self.store.wraps_under(serial, step).await?;
        if wraps.next.is_none() {
            let mut after = None;
            loop {
                let step = WalkStep {
                    after,
                    examine: step.examine,
                };
                let held = self.held.wraps_under(serial, &step).await?;
                wraps.found.extend(held.found);
                after = held.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(wraps)
    }
}
