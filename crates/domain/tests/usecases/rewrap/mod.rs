//! Rewrapping the documents of a pair, alone and among others who work.

mod cases;
mod documents;
mod meanwhile;
mod pace;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_domain::Error;
use crypt_keeper_domain::memory::{ManualClock, MemoryVault};
use crypt_keeper_domain::model::{
    AuditAction, Document, DocumentId, Entry, PageLimit, PageRequest, Principal, Rights, Serial,
};
use crypt_keeper_domain::ports::{AuditFilter, AuditLog, EntropyExt, MetadataStore};
use crypt_keeper_domain::usecase::{
    EnsureKeyPair, RewrapCounts, RewrapDocuments, RewrapPace, RewrapProgress, RewrapWatch,
    UploadGrant,
};

use crate::house::{House, Person};

fn rewrap_documents(house: &House, batch: usize, rate: Option<u32>) -> RewrapDocuments {
    RewrapDocuments {
        store: house.store.clone(),
        vault: house.vault.clone(),
        clock: house.clock.clone(),
        entropy: house.entropy.clone(),
        target: EnsureKeyPair {
            rotate: house.rotate_keys(),
            algorithm: MemoryVault::ALGORITHM,
        },
        pace: RewrapPace {
            batch: PageLimit::clamped(batch),
            rate: rate.and_then(NonZeroU32::new),
        },
    }
}

/// Follows a rewrap on a clock that moves when it pauses.
struct Follower {
    clock: Arc<ManualClock>,
    failed: Vec<DocumentId>,
    told: Vec<RewrapProgress>,
    paused: Duration,
    /// Says stop once it has been told so often of a batch.
    stop_after: usize,
    /// What happens in a pause because of a trouble.
    in_trouble: Option<Box<dyn FnMut() + Send>>,
    troubles: usize,
}

impl Follower {
    fn of(house: &House) -> Self {
        Self {
            clock: house.clock.clone(),
            failed: Vec::new(),
            told: Vec::new(),
            paused: Duration::ZERO,
            stop_after: usize::MAX,
            in_trouble: None,
            troubles: 0,
        }
    }

    fn batches(&self) -> impl Iterator<Item = RewrapCounts> {
        let batches = self.told.iter().map(|told| told.batch);
        batches.filter(|batch| batch.total() > 0)
    }
}

#[async_trait]
impl RewrapWatch for Follower {
    fn failed(&mut self, document: DocumentId, _: &Error) {
        self.failed.push(document);
    }

    fn progress(&mut self, progress: &RewrapProgress) -> ControlFlow<()> {
        self.told.push(*progress);
        if self.batches().count() >= self.stop_after {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    async fn pause(&mut self, length: Duration, why: Option<&Error>) -> ControlFlow<()> {
        self.clock.advance(length);
        self.paused += length;
        if why.is_some() {
            self.troubles += 1;
            if let Some(deed) = &mut self.in_trouble {
                deed();
            }
        }
        ControlFlow::Continue(())
    }
}

fn all_of(counts: RewrapCounts) -> [u64; 3] {
    [counts.rewrapped, counts.elsewhere, counts.failed]
}

/// So many documents of a person, under the pair that is then rotated out.
async fn under_an_old_pair(
    house: &House,
    who: &Person,
    documents: usize,
) -> (Serial, Vec<UploadGrant>) {
    let mut grants = Vec::new();
    for _ in 0..documents {
        grants.push(house.upload(who, "report.pdf").await.unwrap());
    }
    let old = house.rotate().await.unwrap().deactivated.unwrap().serial;
    (old, grants)
}

async fn serial_of(house: &House, id: DocumentId) -> Serial {
    let found = house.store.find(id, &[]).await.unwrap().unwrap();
    found.document.wrapped_key.serial
}

/// A document whose wrap does not open.
async fn insert_spoiled(house: &House, who: &Person, like: DocumentId) -> DocumentId {
    let like = house.store.find(like, &[]).await.unwrap().unwrap().document;
    let id = DocumentId::new(like.id.class(), house.now(), house.entropy.bytes().unwrap());
    let mut spoiled = Document { id, ..like };
    spoiled.wrapped_key.bytes[0] ^= 1;
    let entry = Entry {
        document: id,
        principal: Principal::User(who.user.id),
        rights: Rights::OWNER,
        granted_by: who.user.id,
        granted_at: house.now(),
        expires_at: None,
    };
    let record = house.record(AuditAction::DocumentCreated);
    house.store.insert(&spoiled, &entry, &record).await.unwrap();
    id
}

/// How often each document was rewrapped out of a pair, as the audit log has it.
async fn rewraps_of(house: &House, left: Serial) -> HashMap<DocumentId, usize> {
    let mut rewraps = HashMap::new();
    let filter = AuditFilter {
        action: Some(AuditAction::DocumentRewrapped),
        ..AuditFilter::default()
    };
    let mut page = PageRequest {
        after: None,
        limit: PageLimit::MAX,
    };
    loop {
        let found = house.store.list_audit(&filter, &page).await.unwrap();
        for entry in found.items {
            if entry.serial == Some(left) {
                *rewraps.entry(entry.document.unwrap()).or_default() += 1;
            }
        }
        match found.next {
            Some(next) => page.after = Some(next),
            None => return rewraps,
        }
    }
}
