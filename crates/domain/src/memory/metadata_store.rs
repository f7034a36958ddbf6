use std::collections::HashSet;

use async_trait::async_trait;

use super::MemoryStore;
use super::store::{Place, Rows};
use crate::access::{self, Decision};
use crate::model::{
    AuditAction, Document, DocumentId, DocumentState, Entry, KeyPair, KeyState, Page, PageRequest,
    Principal, Record, Serial, Timestamp, UserState, WrappedKey,
};
use crate::ports::{
    Change, DocumentChange, DocumentFilter, Found, InsertOutcome, MetadataStore, Release,
    ReleaseOutcome, Rewrap, RewrapOutcome, StoreError, WalkStep, Walked, Wraps,
};

#[async_trait]
impl MetadataStore for MemoryStore {
    async fn insert(
        &self,
        document: &Document,
        owner_entry: &Entry,
        record: &Record,
    ) -> Result<InsertOutcome, StoreError> {
        let now = self.clock.now();
        let mut rows = self.rows()?;
        if rows.shelf(self.place).document(document.id).is_some() {
            return Err(StoreError::Conflict);
        }
        if !document.id.may_be_inserted_at(now) {
            return Ok(InsertOutcome::OutsideWindow);
        }
        if !may_have_wrapped(&rows, &document.wrapped_key) {
            return Ok(InsertOutcome::KeyPairNotActive);
        }
        rows.record(std::slice::from_ref(record))?;
        let shelf = rows.shelf_mut(self.place);
        let key = (document.id.class(), document.id);
        shelf.documents.insert(key, document.clone());
        shelf.entries.insert(document.id, vec![owner_entry.clone()]);
        Ok(InsertOutcome::Inserted)
    }

    async fn find(
        &self,
        id: DocumentId,
        principals: &[Principal],
    ) -> Result<Option<Found>, StoreError> {
        let rows = self.rows()?;
        let shelf = rows.shelf(self.place);
        let Some(document) = shelf.document(id) else {
            return Ok(None);
        };
        let spoken_of = |entry: &&Entry| principals.contains(&entry.principal);
        Ok(Some(Found {
            document: document.clone(),
            entries: shelf
                .entries(id)
                .iter()
                .filter(spoken_of)
                .cloned()
                .collect(),
            key_state: pair_of(&rows, document)?.state,
        }))
    }

    async fn entries(&self, id: DocumentId) -> Result<Vec<Entry>, StoreError> {
        let mut entries = self.rows()?.shelf(self.place).entries(id).to_vec();
        entries.sort_by_key(|entry| (entry.granted_at, entry.principal));
        Ok(entries)
    }

    async fn list(
        &self,
        filter: &DocumentFilter,
        page: &PageRequest<DocumentId>,
    ) -> Result<Page<Document, DocumentId>, StoreError> {
        let rows = self.rows()?;
        let shelf = rows.shelf(self.place);
        let order = filter.order();
        let is_behind = |one: &Document| {
            page.after
                .is_none_or(|after| order.compare(after, one.id).is_lt())
        };
        let mut selected: Vec<&Document> = shelf
            .documents
            .values()
            .filter(|document| is_behind(document))
            .filter(|document| selects(filter, document, shelf.entries(document.id)))
            .collect();
        selected.sort_by(|one, other| order.compare(one.id, other.id));
        let items = selected.into_iter().take(page.limit.get() + 1);
        let items = items.cloned().collect();
        Ok(Page::cut(items, page.limit, |document: &Document| {
            document.id
        }))
    }

    async fn grant(&self, entry: &Entry, record: &Record) -> Result<Change, StoreError> {
        let mut rows = self.rows()?;
        let shelf = rows.shelf(self.place);
        if shelf.document(entry.document).is_none() {
            return Ok(Change::Missing);
        }
        let mut grants = Vec::new();
        for place in [Place::Partitions, Place::Held] {
            let shelf = rows.shelf(place);
            let is_copy = place == Place::Held && shelf.document(entry.document).is_some();
            if place != self.place && !is_copy {
                continue;
            }
            let mut granted = entry.clone();
            let same = |held: &&Entry| held.principal == entry.principal;
            if let Some(held) = shelf.entries(entry.document).iter().find(same) {
                if held.rights.contains(entry.rights) && held.expires_at == entry.expires_at {
                    continue;
                }
                granted.rights = held.rights.union(entry.rights);
            }
            grants.push((place, granted));
        }
        if grants.is_empty() {
            return Ok(Change::Unchanged);
        }
        rows.record(std::slice::from_ref(record))?;
        for (place, granted) in grants {
            let entries = &mut rows.shelf_mut(place).entries;
            let entries = entries.entry(granted.document).or_default();
            entries.retain(|held| held.principal != granted.principal);
            entries.push(granted);
        }
        Ok(Change::Changed)
    }

    async fn revoke(
        &self,
        id: DocumentId,
        principal: Principal,
        record: &Record,
    ) -> Result<Change, StoreError> {
        let mut rows = self.rows()?;
        let shelf = rows.shelf(self.place);
        if shelf.document(id).is_none() {
            return Ok(Change::Missing);
        }
        let of_principal = |entry: &Entry| entry.principal == principal;
        let held_too = rows.shelf(Place::Held).entries(id).iter().any(of_principal);
        if !shelf.entries(id).iter().any(of_principal) && !held_too {
            return Ok(Change::Unchanged);
        }
        rows.record(std::slice::from_ref(record))?;
        for place in [self.place, Place::Held] {
            if let Some(entries) = rows.shelf_mut(place).entries.get_mut(&id) {
                entries.retain(|entry| !of_principal(entry));
            }
        }
        Ok(Change::Changed)
    }

    async fn record_release(
        &self,
        release: &Release,
        record: &Record,
    ) -> Result<ReleaseOutcome, StoreError> {
        let at = release.at.max(self.clock.now());
        let mut rows = self.rows()?;
        if !may_release(&rows, self.place, release, at)? {
            return Ok(ReleaseOutcome::Refused);
        }
        rows.record(std::slice::from_ref(record))?;
        Ok(ReleaseOutcome::Recorded)
    }

    async fn change(
        &self,
        id: DocumentId,
        seen_version: i64,
        change: &DocumentChange,
        record: &Record,
    ) -> Result<Change, StoreError> {
        let mut rows = self.rows()?;
        match rows.shelf(self.place).document(id) {
            None => return Ok(Change::Missing),
            Some(document) if document.version != seen_version => return Ok(Change::Stale),
            Some(_) => rows.record(std::slice::from_ref(record))?,
        }
        if let Some(document) = rows.shelf_mut(self.place).document_mut(id) {
            document.version += 1;
            match change {
                DocumentChange::Confirm(object) => {
                    document.state = DocumentState::Available;
                    document.object = Some(object.clone());
                }
                DocumentChange::State(state) => document.state = *state,
                DocumentChange::ExpiresAt(end) => {
                    document.expires_at = *end;
                    document.expires_early = end.is_some();
                }
            }
        }
        Ok(Change::Changed)
    }

    async fn rewrap(&self, rewraps: &[Rewrap]) -> Result<Vec<RewrapOutcome>, StoreError> {
        let mut rows = self.rows()?;
        let rewrap = |one| rewrap(&mut rows, self.place, one);
        rewraps.iter().map(rewrap).collect()
    }

    async fn mark_exposed(&self, serial: Serial, step: &WalkStep) -> Result<Walked, StoreError> {
        let mut rows = self.rows()?;
        let left_it: HashSet<DocumentId> = rows
            .audit
            .values()
            .filter(|entry| entry.action == AuditAction::DocumentRewrapped)
            .filter(|entry| entry.serial == Some(serial))
            .filter_map(|entry| entry.document)
            .collect();
        let (documents, next) = rows.shelf_mut(self.place).step(step);
        let mut count = 0;
        for document in documents {
            let was_under = document.wrapped_key.serial == serial || left_it.contains(&document.id);
            if was_under && !document.key_exposed {
                document.key_exposed = true;
                count += 1;
            }
        }
        Ok(Walked { count, next })
    }

    async fn count_wrapped_by(
        &self,
        serial: Serial,
        step: &WalkStep,
    ) -> Result<Walked, StoreError> {
        let mut rows = self.rows()?;
        let (documents, next) = rows.shelf_mut(self.place).step(step);
        let needs_it = |document: &&mut Document| needs(document, serial);
        let count = documents.into_iter().filter(needs_it).count() as u64;
        Ok(Walked { count, next })
    }

    async fn wraps_under(&self, serial: Serial, step: &WalkStep) -> Result<Wraps, StoreError> {
        let mut rows = self.rows()?;
        let (documents, next) = rows.shelf_mut(self.place).step(step);
        let documents: Vec<Document> = documents
            .into_iter()
            .filter(|document| needs(document, serial))
            .map(|document| document.clone())
            .collect();
        let wrap = |document: Document| {
            let whole = pair_of(&rows, &document).map(drop);
            (document.id, whole.map(|()| document.wrapped_key))
        };
        let found = documents.into_iter().map(wrap).collect();
        Ok(Wraps { found, next })
    }
}

/// Whether a document would be lost with a pair.
fn needs(document: &Document, serial: Serial) -> bool {
    document.wrapped_key.serial == serial && document.state != DocumentState::Deleted
}

/// Whether the pair that a wrap names is active, and of the wrap's scope and algorithm.
pub(super) fn may_have_wrapped(rows: &Rows, wrapped: &WrappedKey) -> bool {
    rows.pairs.get(&wrapped.serial).is_some_and(|pair| {
        pair.state.may_wrap() && pair.scope == wrapped.scope && pair.algorithm == wrapped.algorithm
    })
}

fn rewrap(rows: &mut Rows, place: Place, rewrap: &Rewrap) -> Result<RewrapOutcome, StoreError> {
    let Some(document) = rows.shelf(place).document(rewrap.document) else {
        return Ok(RewrapOutcome::Missing);
    };
    if document.wrapped_key.serial != rewrap.seen_serial {
        return Ok(RewrapOutcome::Stale);
    }
    let left = pair_of(rows, document)?;
    if left.scope != rewrap.wrapped.scope || !may_have_wrapped(rows, &rewrap.wrapped) {
        return Ok(RewrapOutcome::KeyPairNotActive);
    }
    let exposed = left.state == KeyState::Compromised;
    rows.record(std::slice::from_ref(&rewrap.record))?;
    if let Some(document) = rows.shelf_mut(place).document_mut(rewrap.document) {
        document.wrapped_key = rewrap.wrapped.clone();
        document.key_exposed |= exposed;
    }
    Ok(RewrapOutcome::Rewrapped)
}

pub(super) fn pair_of<'a>(rows: &'a Rows, document: &Document) -> Result<&'a KeyPair, StoreError> {
    let wrapped = &document.wrapped_key;
    rows.pairs
        .get(&wrapped.serial)
        .filter(|pair| pair.algorithm == wrapped.algorithm)
        .ok_or_else(|| {
            StoreError::corrupt(format!(
                "document {} is wrapped by {} under {}, which the registry does not have",
                document.id, wrapped.algorithm, wrapped.serial
            ))
        })
}

fn selects(filter: &DocumentFilter, document: &Document, entries: &[Entry]) -> bool {
    match filter {
        DocumentFilter::Every => true,
        DocumentFilter::OwnedBy(owner) => document.owner == *owner,
        DocumentFilter::VisibleTo(principals) => entries
            .iter()
            .any(|entry| principals.contains(&entry.principal)),
        DocumentFilter::WrappedBy(serial) => document.wrapped_key.serial == *serial,
        DocumentFilter::KeyExposed => document.key_exposed,
        DocumentFilter::PendingBefore(moment) => {
            document.state == DocumentState::Pending && document.created_at < *moment
        }
    }
}

fn may_release(
    rows: &Rows,
    place: Place,
    release: &Release,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let shelf = rows.shelf(place);
    let Some(document) = shelf.document(release.document) else {
        return Ok(false);
    };
    let decision = access::decide(
        shelf.entries(release.document),
        &release.principals,
        release.need,
        at,
    );
    let user_is_active = rows
        .users
        .get(&release.user)
        .is_some_and(|user| user.state == UserState::Active);
    let key_is_live = rows
        .api_keys
        .get(&release.api_key)
        .is_some_and(|key| key.user == release.user && key.is_live(at));
    Ok(matches!(decision, Decision::Allow(_))
        && user_is_active
        && key_is_live
        && document.state.is_releasable()
        && !document.is_expired(at)
        && pair_of(rows, document)?.state.may_release())
}
