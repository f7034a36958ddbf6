//! Partitions: their tables, made and missing, foreign and deleted.

use std::time::Duration;

use crypt_keeper_conformance::Scene;
use crypt_keeper_domain::model::{
    AuditAction, Document, DocumentId, KeyState, Lifetime, PageRequest, Partition, PartitionState,
    RetentionClass, Rights, Scope, Timestamp,
};
use crypt_keeper_domain::ports::{
    Change, DocumentFilter, InsertOutcome, MetadataStore as _, Partitions as _, StoreError,
    WalkStep,
};
use crypt_keeper_test_services::dynamodb_injector::{Injection, Injector};

use crate::support::Site;
use crate::tables::make_foreign_table;

fn is_away<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unavailable(_)))
}

async fn insert(
    store: &crypt_keeper_store_dynamodb::DynamoDbStore,
    scene: &Scene<'_>,
    document: &Document,
) -> Result<InsertOutcome, StoreError> {
    let (entry, created) = (
        scene.make.owner_entry(document),
        AuditAction::DocumentCreated,
    );
    let record = scene.make.record_on(created, document.id);
    store.insert(document, &entry, &record).await
}

async fn advance(site: &Site, scene: &Scene<'_>, partition: Partition, to: PartitionState) {
    let mut record = scene.make.record(AuditAction::PartitionClosed);
    record.audit.partition = Some(partition);
    let changed = site.store.advance_partition(partition, to, &record).await;
    assert_eq!(changed.unwrap(), Change::Changed);
}

const WAY: [PartitionState; 3] = [
    PartitionState::Closed,
    PartitionState::Emptying,
    PartitionState::Emptied,
];

/// An insert makes no partition: nobody has said how long its documents live.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_goes_into_an_open_partition_alone() {
    let Some(site) = Site::new().await else {
        return;
    };
    let scene = Scene::new(&site);
    let alice = scene.user("alice").await;
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let document = scene.make.document(alice.id, &pair);
    let partition = document.id.partition();
    let refused = insert(&site.store, &scene, &document).await;
    let Err(StoreError::Unavailable(why)) = refused else {
        panic!("{refused:?}");
    };
    let expected = format!("partition {partition} is not made yet: run `crypt-keeper setup`");
    assert_eq!(why.to_string(), expected);
    assert_eq!(scene.find(document.id, &[]).await, None);
    assert_eq!(scene.list(&DocumentFilter::Every).await, []);
    assert_eq!(site.store.find_partition(partition).await.unwrap(), None);

    scene.partition(partition).await;
    let inserted = insert(&site.store, &scene, &document).await;
    assert_eq!(inserted.unwrap(), InsertOutcome::Inserted);
    let table = "documents-000-20260301".to_owned();
    assert!(site.tables().await.contains(&table));

    // Another process, which saw it open, closes it; a third has never seen it.
    let other = site.other_process();
    let late = scene.make.document(alice.id, &pair);
    advance(&site, &scene, partition, PartitionState::Closed).await;
    for store in [&*site.store, &other] {
        let refused = insert(store, &scene, &late).await;
        let Err(StoreError::Unavailable(why)) = refused else {
            panic!("{refused:?}");
        };
        let expected = format!("partition {partition} takes no documents any more");
        assert_eq!(why.to_string(), expected);
    }
    site.remove().await;
}

/// A partition that the catalogue has and DynamoDB does not is unavailable, never empty.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_is_gone_is_unavailable() {
    let Some(site) = Site::new().await else {
        return;
    };
    let scene = Scene::new(&site);
    let alice = scene.user("alice").await;
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let document = scene.document(alice.id, &pair).await;
    let table = format!("{}documents-000-20260301", site.prefix);
    assert_eq!(site.store.lost_tables().await.unwrap(), [""; 0]);
    let delete = site.client().delete_table().table_name(&table);
    delete.send().await.unwrap();
    assert_eq!(site.store.lost_tables().await.unwrap(), [table]);

    let store = &scene.store;
    assert!(is_away(&store.find(document.id, &[]).await));
    assert!(is_away(&store.entries(document.id).await));
    let page = PageRequest::default();
    for filter in [DocumentFilter::Every, DocumentFilter::OwnedBy(alice.id)] {
        let listed = store.list(&filter, &page).await;
        assert!(is_away(&listed), "{filter:?}");
    }
    let step = WalkStep::default();
    let counted = store.count_wrapped_by(pair.serial, &step).await;
    assert!(is_away(&counted));
    let late = scene.make.document(alice.id, &pair);
    assert!(is_away(&insert(&site.store, &scene, &late).await));
    // Closed or not: until its objects are gone, somebody may hold one of its documents.
    let partition = document.id.partition();
    for to in WAY {
        advance(&site, &scene, partition, to).await;
        let found = store.find(document.id, &[]).await;
        if to < PartitionState::Emptied {
            assert!(is_away(&found), "{to}");
        } else {
            assert_eq!(found.unwrap(), None);
            assert_eq!(site.store.lost_tables().await.unwrap(), [""; 0]);
        }
    }

    // An id of a time that nobody has a table of is no document.
    let ancient = DocumentId::new(RetentionClass::DEFAULT, Timestamp::from_micros(1), [0; 10]);
    assert_eq!(store.find(ancient, &[]).await.unwrap(), None);
    site.remove().await;
}

/// A table that is deleted while somebody reads it: he finds the row, or nothing, and no error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_reads_of_a_partition_that_is_dropped_are_misses() {
    let Some(site) = Site::new().await else {
        return;
    };
    let scene = Scene::new(&site);
    let alice = scene.user("alice").await;
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let document = scene.document(alice.id, &pair).await;
    let partition = document.id.partition();
    for to in WAY {
        advance(&site, &scene, partition, to).await;
    }
    let reader = site.other_process();
    let (begun, mut begins) = tokio::sync::oneshot::channel();
    let id = document.id;
    let reading = tokio::spawn(async move {
        let mut begun = Some(begun);
        let (mut found, mut missed) = (0, 0);
        while missed < 20 {
            match reader.find(id, &[]).await.expect("find") {
                Some(_) => found += 1,
                None => missed += 1,
            }
            reader.entries(id).await.expect("entries");
            let step = WalkStep::default();
            reader
                .count_wrapped_by(pair.serial, &step)
                .await
                .expect("count");
            if let Some(begun) = begun.take() {
                let _ = begun.send(());
            }
        }
        found
    });
    (&mut begins).await.expect("a reader");
    site.store.drop_partition(partition).await.unwrap();
    assert!(
        reading.await.unwrap() > 0,
        "nothing was there to be dropped"
    );
    site.remove().await;
}

/// The deletion of a table that is being made is tried again; one that is told twice is one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drop_that_is_held_up_goes_on() {
    let Some(site) = Site::new().await else {
        return;
    };
    let scene = Scene::new(&site);
    let class = RetentionClass::new(3);
    let id = scene.make.document_id(class, scene.make.at());
    let partition = id.partition();
    scene.partition(partition).await;
    for to in WAY {
        advance(&site, &scene, partition, to).await;
    }
    let injector = Injector::start(site.upstream()).unwrap();
    let store = site.through(injector.address());
    injector.next(
        "DeleteTable",
        Injection::error(400, "ResourceInUseException"),
    );
    injector.next(
        "DeleteTable",
        Injection::error(400, "LimitExceededException"),
    );
    injector.next("DeleteTable", Injection::LoseAnswer);
    store.drop_partition(partition).await.unwrap();
    assert!(injector.is_spent());
    assert!(
        !site
            .tables()
            .await
            .contains(&"documents-003-20260301".to_owned())
    );
    store.drop_partition(partition).await.unwrap();
    // And nobody makes it again.
    let entry = site
        .store
        .ensure_partition(partition, Lifetime::UNLIMITED, scene.make.at());
    assert_eq!(entry.await.unwrap().state, PartitionState::Emptied);
    assert!(
        !site
            .tables()
            .await
            .contains(&"documents-003-20260301".to_owned())
    );
    site.remove().await;
}

/// DynamoDB answers at once and deletes later; DynamoDB Local deletes first, and counts before it
/// describes: of a big table each takes seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_takes_seconds_to_delete_is_waited_for() {
    let Some(site) = Site::new().await else {
        return;
    };
    let scene = Scene::new(&site);
    let id = scene
        .make
        .document_id(RetentionClass::new(3), scene.make.at());
    let partition = id.partition();
    scene.partition(partition).await;
    for to in WAY {
        advance(&site, &scene, partition, to).await;
    }
    let injector = Injector::start(site.upstream()).unwrap();
    let store = site.through(injector.address());
    injector.always("DeleteTable", Injection::Late(Duration::from_secs(3)));
    injector.next("DescribeTable", Injection::Late(Duration::from_secs(3)));
    store.drop_partition(partition).await.unwrap();
    let calls = injector.calls().into_iter().map(|call| call.operation);
    let calls: Vec<_> = calls.filter(|call| call.ends_with("Table")).collect();
    assert_eq!(calls, ["DescribeTable", "DeleteTable", "DescribeTable"]);
    assert!(injector.is_spent());
    let tables = site.tables().await;
    assert!(!tables.contains(&"documents-003-20260301".to_owned()));
    site.remove().await;
}

/// What a drop asks of DynamoDB does not grow with what the partition holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drop_asks_the_same_of_few_documents_and_of_many() {
    let Some(site) = Site::new().await else {
        return;
    };
    let scene = Scene::new(&site);
    let alice = scene.user("alice").await;
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let injector = Injector::start(site.upstream()).unwrap();
    let mut asked = Vec::new();
    for (class, documents) in [(3, 1), (4, 60)] {
        let mut partition = None;
        for _ in 0..documents {
            let id = scene
                .make
                .document_id(RetentionClass::new(class), scene.make.at());
            let document = scene.make.document_with_id(id, alice.id, &pair);
            scene.insert(&document).await;
            partition = Some(id.partition());
        }
        let partition = partition.expect("a document");
        for to in WAY {
            advance(&site, &scene, partition, to).await;
        }
        let store = site.through(injector.address());
        injector.calls();
        store.drop_partition(partition).await.unwrap();
        let calls = injector.calls().into_iter();
        let mut calls: Vec<_> = calls.map(|call| call.operation).collect();
        // How often one looks whether the table is gone is a matter of the server's time.
        calls.dedup();
        asked.push(calls);
    }
    assert_eq!(asked[0], asked[1]);
    assert!(asked[0].contains(&"DeleteTable".to_owned()), "{asked:?}");
    assert!(asked[0].len() < 8, "{asked:?}");
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_table_in_a_partition_s_place_is_refused_in_words() {
    let Some(site) = Site::new().await else {
        return;
    };
    let scene = Scene::new(&site);
    let name = make_foreign_table(&site, "documents-000-20260301").await;
    let partition = Partition::at(RetentionClass::DEFAULT, scene.make.at());
    let made = site
        .store
        .ensure_partition(partition, Lifetime::UNLIMITED, scene.make.at());
    let Err(StoreError::Backend(error)) = made.await else {
        panic!("a foreign table was taken");
    };
    let expected = format!(
        "table `{name}` is not one of this program: its key is `name` (HASH), and `id` (HASH), \
         `item` (RANGE) is needed. Choose another"
    );
    assert!(error.to_string().starts_with(&expected), "{error}");
    // It was never made, so nothing of it is lost.
    assert_eq!(site.store.lost_tables().await.unwrap(), [""; 0]);
    site.remove().await;
}

/// What was interrupted between the catalogue and the table is gone on with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_making_that_was_interrupted_is_gone_on_with() {
    let Some(site) = Site::new().await else {
        return;
    };
    let scene = Scene::new(&site);
    let at = scene.make.at();
    let partition = Partition::at(RetentionClass::DEFAULT, at);
    let injector = Injector::start(site.upstream()).unwrap();
    let cut = site.through(injector.address());
    injector.next(
        "CreateTable",
        Injection::error(400, "AccessDeniedException"),
    );
    let refused = cut
        .ensure_partition(partition, Lifetime::UNLIMITED, at)
        .await;
    assert!(is_away(&refused), "{refused:?}");
    let found = site.store.find_partition(partition).await.unwrap();
    assert_eq!(found.unwrap().state, PartitionState::Open);
    // Nothing can be in it.
    let id = scene.make.document_id(RetentionClass::DEFAULT, at);
    assert_eq!(scene.find(id, &[]).await, None);

    let made = cut
        .ensure_partition(partition, Lifetime::UNLIMITED, at)
        .await;
    assert_eq!(made.unwrap().made_at, at);
    let alice = scene.user("alice").await;
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let document = scene.make.document_with_id(id, alice.id, &pair);
    let inserted = insert(&site.store, &scene, &document).await;
    assert_eq!(inserted.unwrap(), InsertOutcome::Inserted);
    assert_eq!(
        site.store.estimate_documents(partition).await.unwrap(),
        Some(1)
    );
    scene
        .share(&document, scene.user("bob").await.id, Rights::READ)
        .await;
    assert_eq!(
        site.store.estimate_documents(partition).await.unwrap(),
        Some(1)
    );
    site.remove().await;
}
