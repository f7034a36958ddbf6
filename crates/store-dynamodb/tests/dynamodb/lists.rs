//! Lists over many tables, whose periods overlap.

use std::collections::BTreeSet;
use std::time::Duration;

use crypt_keeper_conformance::Scene;
use crypt_keeper_domain::model::{
    DocumentId, KeyState, PageLimit, PageRequest, Partition, Principal, RetentionClass, Rights,
    Scope, Timestamp, UserId,
};
use crypt_keeper_domain::ports::{
    DocumentFilter, DocumentWithEntries, MetadataStore as _, MetadataTransfer as _, PutOutcome,
};
use crypt_keeper_test_services::dynamodb_injector::Injector;

use crate::support::Site;

/// Months that follow each other; of other classes days, weeks and a year that overlap with them and
/// with each other; and what was brought over.
const PARTITIONS: [&str; 15] = [
    "0/20260101",
    "0/20260201",
    "0/20260301",
    "0/20260401",
    "0/20260501",
    "1/20260131",
    "1/20260201",
    "1/20260301",
    "1/20260331",
    "1/20260401",
    "64/20260126",
    "64/20260223",
    "64/20260330",
    "200/20260101",
    "255/19700101",
];
/// Documents that were brought over.
const IMPORTED: usize = 6;
const MILLISECOND: Duration = Duration::from_millis(1);

fn partitions() -> Vec<Partition> {
    let partitions = PARTITIONS.iter();
    partitions.map(|text| text.parse().unwrap()).collect()
}

fn is_import(partition: &Partition) -> bool {
    partition.class() == RetentionClass::IMPORT
}

/// The first and the last millisecond of every period, and those next to them.
fn moments() -> BTreeSet<Timestamp> {
    let partitions = partitions().into_iter().filter(|one| !is_import(one));
    let bounds = partitions.flat_map(|one| [one.starts_at(), one.ends_at().unwrap()]);
    bounds
        .flat_map(|bound| [bound.minus(MILLISECOND), bound])
        .collect()
}

/// Documents of each partition: at each of the moments that lie within.
struct Archive<'a> {
    scene: Scene<'a>,
    documents: Vec<DocumentWithEntries>,
    /// Has most of them.
    alice: UserId,
    /// Has the others.
    eve: UserId,
    /// May read some of all, and Carol some of those, and some others.
    bob: Principal,
    carol: Principal,
    /// May read all.
    dave: Principal,
}

impl<'a> Archive<'a> {
    async fn fill(site: &'a Site) -> Self {
        let scene = Scene::new(site);
        let make = &scene.make;
        let pair = scene.pair(Scope::Shared, KeyState::Active).await;
        let mut ids = Vec::new();
        for at in moments() {
            let there = partitions().into_iter().filter(|one| !is_import(one));
            let there = there.filter(|one| *one == Partition::at(one.class(), at));
            ids.extend(there.map(|one| make.document_id(one.class(), at)));
        }
        ids.extend((0..IMPORTED).map(|_| make.imported_id()));
        let [alice, eve, bob, carol, dave] = [(); 5].map(|()| make.user_id());
        let of = |(number, id): (usize, DocumentId)| {
            let owner = if number % 3 == 0 { eve } else { alice };
            let document = make.document_with_id(id, owner, &pair);
            let mut entries = vec![make.owner_entry(&document)];
            for (reader, has) in [
                (bob, number % 2 == 0),
                (carol, number % 5 < 2),
                (dave, true),
            ] {
                entries.extend(has.then(|| make.entry(&document, reader, Rights::READ)));
            }
            DocumentWithEntries {
                document,
                entries,
                rewrapped: None,
            }
        };
        let documents: Vec<_> = ids.into_iter().enumerate().map(of).collect();
        for partition in partitions() {
            scene.partition(partition).await;
            let is_in = |one: &DocumentWithEntries| one.document.id.partition() == partition;
            assert!(documents.iter().any(is_in), "{partition} is empty");
        }
        let put = site.store.put_documents(&documents).await.unwrap();
        assert!(put.iter().all(|one| *one == PutOutcome::Stored), "{put:?}");
        Self {
            scene,
            documents,
            alice,
            eve,
            bob: Principal::User(bob),
            carol: Principal::User(carol),
            dave: Principal::User(dave),
        }
    }

    fn filters(&self) -> [DocumentFilter; 5] {
        [
            DocumentFilter::OwnedBy(self.alice),
            DocumentFilter::OwnedBy(self.eve),
            DocumentFilter::VisibleTo(vec![self.bob]),
            DocumentFilter::VisibleTo(vec![self.carol, self.bob]),
            DocumentFilter::Every,
        ]
    }

    /// What a list holds, by the definition of its order.
    fn expected(&self, filter: &DocumentFilter, after: Option<DocumentId>) -> Vec<DocumentId> {
        let is_selected = |one: &&DocumentWithEntries| match filter {
            DocumentFilter::OwnedBy(owner) => one.document.owner == *owner,
            DocumentFilter::VisibleTo(readers) => one
                .entries
                .iter()
                .any(|entry| readers.contains(&entry.principal)),
            _ => true,
        };
        let order = filter.order();
        let selected = self.documents.iter().filter(is_selected);
        let mut ids: Vec<_> = selected.map(|one| one.document.id).collect();
        ids.retain(|id| after.is_none_or(|after| order.compare(after, *id).is_lt()));
        ids.sort_by(|one, other| order.compare(*one, *other));
        ids
    }

    /// Asserts what the page after `after` holds; the id that the next one begins after.
    async fn assert_page(
        &self,
        filter: &DocumentFilter,
        after: Option<DocumentId>,
        limit: usize,
    ) -> Option<DocumentId> {
        let page = self.scene.page(filter, after, limit).await;
        let found: Vec<_> = page.items.iter().map(|document| document.id).collect();
        let expected = self.expected(filter, after);
        let (here, later) = expected.split_at(limit.min(expected.len()));
        assert_eq!(found, here, "{filter:?}, {limit} after {after:?}");
        let next = here.last().filter(|_| !later.is_empty()).copied();
        assert_eq!(page.next, next, "{filter:?}, {limit} after {after:?}");
        next
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_document_is_listed_once_and_in_its_place_by_pages_of_any_size() {
    let Some(site) = Site::new().await else {
        return;
    };
    let archive = Archive::fill(&site).await;
    for filter in archive.filters() {
        for limit in [3, 11, 1000] {
            let (mut after, mut pages) = (None, 1);
            loop {
                after = archive.assert_page(&filter, after, limit).await;
                if after.is_none() {
                    break;
                }
                pages += 1;
            }
            let listed = archive.expected(&filter, None).len();
            assert!(listed > 20, "{filter:?} lists {listed}");
            assert_eq!(pages, listed.div_ceil(limit), "{filter:?}, {limit}");
        }
    }
    site.remove().await;
}

/// A page goes on from any id, of a document or not: so from where a period begins or ends, in the
/// table of which that is and in all others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_goes_on_from_the_bounds_of_periods() {
    let Some(site) = Site::new().await else {
        return;
    };
    let archive = Archive::fill(&site).await;
    let mut cursors = BTreeSet::new();
    for partition in partitions() {
        cursors.extend(partition.before_first());
        let Some(end) = partition.ends_at() else {
            continue;
        };
        let made = |at, random| DocumentId::new(partition.class(), at, random);
        // Before all documents of the first millisecond, after all of the last.
        cursors.insert(made(partition.starts_at(), [0; 10]));
        cursors.insert(made(end.minus(MILLISECOND), [0xff; 10]));
        cursors.insert(made(end, [0; 10]));
    }
    let imported = archive.documents.iter().rev().take(IMPORTED);
    cursors.extend(imported.map(|one| one.document.id));
    for text in [
        "00000000-0000-4000-8000-000000000000",
        "ffffffff-ffff-4fff-bfff-ffffffffffff",
    ] {
        cursors.insert(DocumentId::parse(text).unwrap());
    }
    let [owned, _, _, visible, every] = archive.filters();
    for filter in [owned, visible, every] {
        for after in &cursors {
            archive.assert_page(&filter, Some(*after), 3).await;
        }
    }
    site.remove().await;
}

/// What is read for a page are the tables that could hold something of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_looks_into_no_table_that_is_all_newer_or_all_older() {
    let Some(site) = Site::new().await else {
        return;
    };
    let archive = Archive::fill(&site).await;
    let injector = Injector::start(site.upstream()).unwrap();
    let store = site.through(injector.address());
    // Behind all documents of a period.
    let cursor = |partition: &str| {
        let partition: Partition = partition.parse().unwrap();
        let end = partition.ends_at().unwrap().minus(MILLISECOND);
        DocumentId::new(partition.class(), end, [0xff; 10])
    };
    let filter = DocumentFilter::VisibleTo(vec![archive.dave]);
    for (after, tables) in [
        // The two newest, of which the second tells that there is more, are of the year alone.
        (None, &["200-20260101"][..]),
        (
            Some(cursor("0/20260501")),
            &["200-20260101", "000-20260501"],
        ),
        // What begins in April is left out, and so is what ended before the last day of March.
        (
            Some(cursor("1/20260331")),
            &[
                "200-20260101",
                "064-20260330",
                "000-20260301",
                "001-20260331",
            ],
        ),
        // Nothing is older, and only what has no age comes behind.
        (
            Some(DocumentId::new(
                RetentionClass::DEFAULT,
                Timestamp::EPOCH,
                [0; 10],
            )),
            &["255-19700101"],
        ),
    ] {
        injector.calls();
        let limit = PageLimit::clamped(1);
        let page = store.list(&filter, &PageRequest { after, limit }).await;
        let found = page.unwrap().items;
        assert_eq!(found[0].id, archive.expected(&filter, after)[0]);
        let mut asked = Vec::new();
        for call in injector.calls() {
            let table = call.request["TableName"].as_str().unwrap_or_default();
            let table = table.strip_prefix(&site.prefix).unwrap_or_default();
            let table = table.strip_prefix("documents-").unwrap_or_default();
            let is_new = call.operation == "Query" && !table.is_empty();
            if is_new && !asked.iter().any(|one| one == table) {
                asked.push(table.to_owned());
            }
        }
        assert_eq!(asked, tables, "after {after:?}");
    }
    site.remove().await;
}
