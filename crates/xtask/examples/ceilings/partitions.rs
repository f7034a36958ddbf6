//! Partitions of a store through its own API: made, filled, listed, dropped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crypt_keeper_domain::model::{
    ApiKeyId, AuditAction, AuditEntry, CallContext, Caller, DocumentId, Lifetime, ObjectKey,
    PageLimit, PageRequest, Partition, PartitionState, Record, RequestId, Timestamp,
};
use crypt_keeper_domain::ports::{Change, DocumentFilter, DocumentWithEntries, PutOutcome};
use tokio::task::JoinSet;

use super::dynamodb::Templates;
use super::open::{Store, now, random, with_store};
use super::{Result, print};

/// Documents of one call.
const BATCH: u64 = 200;
/// Calls at once.
const AT_ONCE: usize = 4;
/// As many are listed as a page of the API has by default in `ckc`.
const PAGE: usize = 50;

/// Makes a partition.
pub(crate) fn make(database: &str, partition: &str) -> Result<()> {
    let partition: Partition = partition.parse()?;
    with_store(database, |store| async move {
        store
            .ensure_partition(partition, Lifetime::UNLIMITED, now()?)
            .await?;
        Ok(())
    })
}

/// Puts copies of a document of the store into a partition, which is made first, as
/// `crypt-keeper copy` puts documents; prints documents a second.
pub(crate) fn fill(database: &str, partition: &str, count: &str) -> Result<()> {
    let partition: Partition = partition.parse()?;
    let count: u64 = count.parse()?;
    let rate = with_store(database, |store| async move {
        let like = Arc::new(any(&*store).await?);
        store
            .ensure_partition(partition, Lifetime::UNLIMITED, now()?)
            .await?;
        let times = Times::of(partition)?;
        let began = Instant::now();
        let mut puts: JoinSet<Result<()>> = JoinSet::new();
        for first in (0..count).step_by(usize::try_from(BATCH)?) {
            if puts.len() == AT_ONCE
                && let Some(put) = puts.join_next().await
            {
                put??;
            }
            let (store, like) = (Arc::clone(&store), Arc::clone(&like));
            puts.spawn(async move {
                let numbers = first..count.min(first + BATCH);
                let copies = numbers.map(|number| copy(&like, times.at(number, count), random()?));
                let copies = copies.collect::<Result<Vec<_>>>()?;
                let outcomes = store.put_documents(&copies).await?;
                match outcomes.iter().find(|one| **one != PutOutcome::Stored) {
                    None => Ok(()),
                    Some(other) => Err(format!("a document was not stored: {other:?}").into()),
                }
            });
        }
        while let Some(put) = puts.join_next().await {
            put??;
        }
        Result::Ok(count as f64 / began.elapsed().as_secs_f64())
    })?;
    print(rate)
}

/// The same on DynamoDB behind the store's back, which is faster; `same` is the partition of that
/// document.
pub(crate) fn seed(database: &str, partition: &str, count: &str) -> Result<()> {
    let place = database
        .strip_prefix("dynamodb:")
        .ok_or("dynamodb:PREFIX@ENDPOINT is needed")?;
    let partition: Option<Partition> = match partition {
        "same" => None,
        other => Some(other.parse()?),
    };
    let count: u64 = count.parse()?;
    with_store(database, |store| async move {
        let like = any(&*store).await?;
        let partition = partition.unwrap_or_else(|| like.document.id.partition());
        store
            .ensure_partition(partition, Lifetime::UNLIMITED, now()?)
            .await?;
        let times = Times::of(partition)?;
        let mut templates = Vec::new();
        for collection in 0..Templates::COUNT {
            let mut last: [u8; 10] = random()?;
            last[9] = collection;
            let at = times.at(collection.into(), Templates::COUNT.into());
            templates.push(copy(&like, at, last)?);
        }
        let outcomes = store.put_documents(&templates).await?;
        if let Some(other) = outcomes.iter().find(|one| **one != PutOutcome::Stored) {
            return Err(format!("a document was not stored: {other:?}").into());
        }
        let ids = templates.iter().map(|one| one.document.id).collect();
        let missing = count.saturating_sub(Templates::COUNT.into());
        Templates::new(partition, ids).copy(place, missing).await
    })
}

/// Any document that is there.
async fn any(store: &dyn Store) -> Result<DocumentWithEntries> {
    let first = PageRequest {
        after: None,
        limit: PageLimit::clamped(1),
    };
    let page = store.documents_with_entries(&first).await?;
    Ok(page.items.into_iter().next().ok_or("no documents")?)
}

/// The same but for the id, whose end is given, the moment, and what goes by them.
fn copy(
    like: &DocumentWithEntries,
    (partition, at): (Partition, Timestamp),
    last: [u8; 10],
) -> Result<DocumentWithEntries> {
    let mut copy = like.clone();
    let id = DocumentId::new(partition.class(), at, last);
    copy.document.id = id;
    copy.document.object_key = ObjectKey::new(id, random()?);
    copy.document.created_at = at;
    for entry in &mut copy.entries {
        entry.document = id;
    }
    Ok(copy)
}

/// The part of a partition's period that has been.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    partition: Partition,
    until: Timestamp,
}

impl Times {
    pub(crate) fn of(partition: Partition) -> Result<Self> {
        let now = now()?;
        let until = partition.ends_at().map_or(now, |end| end.min(now));
        Ok(Self { partition, until })
    }

    /// The moment of one of so many, in order.
    pub(crate) fn at(self, number: u64, count: u64) -> (Partition, Timestamp) {
        let first = self.partition.starts_at().as_millis();
        let millis = self.until.as_millis().saturating_sub(first);
        let at = u128::from(millis) * u128::from(number) / u128::from(count.max(1));
        let at = first.saturating_add(u64::try_from(at).unwrap_or(millis));
        (self.partition, Timestamp::from_millis(at))
    }
}

/// Drops a partition, and prints how many milliseconds that took. The steps before are taken first.
pub(crate) fn remove(database: &str, partition: &str) -> Result<()> {
    let partition: Partition = partition.parse()?;
    let time = with_store(database, |store| async move {
        for (to, action) in [
            (PartitionState::Closed, AuditAction::PartitionClosed),
            (PartitionState::Emptying, AuditAction::PartitionEmptying),
            (PartitionState::Emptied, AuditAction::PartitionEmptied),
        ] {
            let context = CallContext {
                caller: Caller::system(),
                at: now()?,
                request_id: RequestId::from_random(random()?),
                address: None,
            };
            let mut act = AuditEntry::new(&context, action, random()?);
            act.partition = Some(partition);
            let act = Record::from(act);
            match store.advance_partition(partition, to, &act).await? {
                Change::Changed => {}
                other => {
                    return Err(format!("a step of {partition} was not taken: {other:?}").into());
                }
            }
        }
        let began = Instant::now();
        store.drop_partition(partition).await?;
        Result::Ok(began.elapsed())
    })?;
    print(time.as_secs_f64() * 1e3)
}

/// Lists documents of a user from anywhere in a partition, one page after the other, for so many
/// seconds; prints the median of milliseconds.
pub(crate) fn list(
    database: &str,
    api_key: &str,
    filter: &str,
    partition: &str,
    seconds: &str,
) -> Result<()> {
    let partition: Partition = partition.parse()?;
    let api_key = ApiKeyId::parse(api_key)?;
    let time = Duration::from_secs(seconds.parse()?);
    let median = with_store(database, |store| async move {
        let found = store.find_api_key(api_key).await?;
        let (_, user) = found.ok_or("no such API key")?;
        let filter = match filter {
            "owned" => DocumentFilter::OwnedBy(user.id),
            "visible" => DocumentFilter::VisibleTo(Caller::user(user.id, api_key).principals),
            _ => return Err("owned or visible is needed".into()),
        };
        pages(&*store, &filter, partition, time).await
    })?;
    print(median)
}

async fn pages(
    store: &dyn Store,
    filter: &DocumentFilter,
    partition: Partition,
    time: Duration,
) -> Result<f64> {
    let times = Times::of(partition)?;
    let mut taken = Vec::new();
    let began = Instant::now();
    while began.elapsed() < time {
        // Both ends are left alone: pages there are short.
        let at = 100 + u64::from(u16::from_le_bytes(random()?)) % 800;
        let (_, at) = times.at(at, 1000);
        let request = PageRequest {
            after: Some(DocumentId::new(partition.class(), at, random()?)),
            limit: PageLimit::clamped(PAGE),
        };
        let asked = Instant::now();
        let page = store.list(filter, &request).await?;
        taken.push(asked.elapsed().as_secs_f64() * 1e3);
        if page.items.len() != PAGE {
            return Err(format!("a page has {} documents, not {PAGE}", page.items.len()).into());
        }
    }
    taken.sort_by(f64::total_cmp);
    Ok(taken.get(taken.len() / 2).copied().ok_or("no page")?)
}

/// Prints the ids of all documents.
pub(crate) fn ids(database: &str) -> Result<()> {
    with_store(database, |store| async move {
        let mut after = None;
        loop {
            let request = PageRequest {
                after,
                limit: PageLimit::MAX,
            };
            let page = store.list(&DocumentFilter::Every, &request).await?;
            for document in &page.items {
                print(document.id)?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    })
}
