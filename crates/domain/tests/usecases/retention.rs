//! Retention classes of uploads, and key pairs of partitions.

use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::Error;
use crypt_keeper_domain::memory::MemoryVault;
use crypt_keeper_domain::model::{
    Actor, AuditAction, Document, DocumentId, Lifetime, RetentionClass, RetentionClasses,
    RetentionName, RetentionPolicy, Scope,
};
use crypt_keeper_domain::ports::{DocumentFilter, KeyRegistry, MetadataStore};
use crypt_keeper_domain::usecase::{EnsureKeyPair, RequestUpload, ScopePolicy, UploadRequest};

use crate::house::{House, Person, metadata, refusal};

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// Class 0 for ever, and a class of daily partitions whose documents live for a week.
fn classes(default: &str) -> RetentionClasses {
    let short = RetentionPolicy {
        class: RetentionClass::new(1),
        name: name("short"),
        lifetime: Lifetime::limited(WEEK).unwrap(),
    };
    RetentionClasses::new(vec![short], Some(&name(default))).unwrap()
}

fn name(text: &str) -> RetentionName {
    text.parse().unwrap()
}

fn request(retention: Option<&str>) -> UploadRequest {
    UploadRequest {
        metadata: metadata("a"),
        retention: retention.map(name),
    }
}

async fn document(house: &House, id: DocumentId) -> Document {
    house.store.find(id, &[]).await.unwrap().unwrap().document
}

#[tokio::test]
async fn a_document_lives_as_long_as_its_class_says_when_it_is_made() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let mut upload = house.request_upload();
    upload.retention = classes("default");
    let mut made = Vec::new();
    for chosen in [None, Some("default"), Some("short")] {
        let context = house.of(&alice);
        let granted = upload.run(&context, request(chosen)).await.unwrap();
        made.push(document(&house, granted.id).await);
    }
    let seen: Vec<_> = made
        .iter()
        .map(|document| (document.id.class().number(), document.expires_at))
        .collect();
    let end = house.now().plus(WEEK);
    assert_eq!(seen, [(0, None), (0, None), (1, Some(end))]);
    assert!(made.iter().all(|document| !document.expires_early));

    // The class is prolonged: what was made before keeps its end.
    upload.retention = RetentionClasses::new(
        vec![RetentionPolicy {
            class: RetentionClass::new(1),
            name: name("renamed"),
            lifetime: Lifetime::UNLIMITED,
        }],
        None,
    )
    .unwrap();
    let context = house.of(&alice);
    let granted = upload.run(&context, request(Some("renamed"))).await;
    let longer = document(&house, granted.unwrap().id).await;
    assert_eq!((longer.id.class().number(), longer.expires_at), (1, None));
    assert_eq!(document(&house, made[2].id).await.expires_at, Some(end));

    house.clock.advance(WEEK - Duration::from_millis(1));
    house.download(&alice, made[2].id).await.unwrap();
    house.clock.advance(Duration::from_millis(1));
    let answer = house.download(&alice, made[2].id).await;
    assert_eq!(refusal(answer), "NoSuchDocument");
    house.download(&alice, made[0].id).await.unwrap();
}

#[tokio::test]
async fn the_callers_default_goes_before_that_of_all_and_his_choice_before_both() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let upload = RequestUpload {
        retention: classes("short"),
        ..house.request_upload()
    };
    let class = async |context, retention| {
        let granted = upload.run(&context, request(retention)).await;
        granted.map(|granted| granted.id.class().number())
    };
    assert_eq!(class(house.of(&alice), None).await.unwrap(), 1);
    let mut own = house.of(&alice);
    own.caller.retention = Some(RetentionClass::DEFAULT);
    assert_eq!(class(own.clone(), None).await.unwrap(), 0);
    assert_eq!(class(own.clone(), Some("short")).await.unwrap(), 1);
}

#[tokio::test]
async fn a_class_that_is_not_configured_is_refused_and_nothing_is_stored() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let mut upload = house.request_upload();
    upload.retention = classes("default");
    let mut own = house.of(&alice);
    own.caller.retention = Some(RetentionClass::new(9));
    for (context, chosen) in [(house.of(&alice), Some("long")), (own.clone(), None)] {
        let answer = upload.run(&context, request(chosen)).await;
        let Err(Error::Invalid(fields)) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(fields.len(), 1);
        assert_eq!(fields[0].field, "retention");
        assert!(fields[0].message.ends_with("choose one of default, short"));
    }
    let first = Default::default();
    let every = house.store.list(&DocumentFilter::Every, &first);
    assert_eq!(every.await.unwrap().items, []);
    upload.run(&own, request(Some("short"))).await.unwrap();
}

#[tokio::test]
async fn the_documents_of_a_partition_share_a_pair_that_no_other_has() {
    let house = House::empty();
    let (alice, bob) = (house.person("alice").await, house.person("bob").await);
    let upload = RequestUpload {
        scope: ScopePolicy::Partition,
        retention: classes("default"),
        first_pair: Some(EnsureKeyPair {
            rotate: house.rotate_keys(),
            algorithm: MemoryVault::ALGORITHM,
        }),
        ..house.request_upload()
    };
    // Where nobody made the pair and the service may not, nothing is stored.
    let mut ingest = upload.clone();
    ingest.first_pair = None;
    let answer = ingest.run(&house.of(&alice), metadata("a")).await;
    assert_eq!(refusal(answer), "NoKeyPair");

    let serial = async |upload: &RequestUpload, who: &Person, chosen| {
        let granted = upload.run(&house.of(who), request(chosen)).await.unwrap();
        let wrapped = document(&house, granted.id).await.wrapped_key;
        assert_eq!(wrapped.scope, Scope::Partition(granted.id.partition()));
        wrapped.serial
    };
    let march = serial(&upload, &alice, None).await;
    assert_eq!(serial(&upload, &bob, None).await, march);
    assert_eq!(serial(&ingest, &bob, None).await, march);
    let day = serial(&upload, &alice, Some("short")).await;
    house.clock.advance(Duration::from_secs(24 * 3600));
    let next_day = serial(&upload, &alice, Some("short")).await;
    assert_eq!(serial(&upload, &alice, None).await, march);
    house.clock.advance(Duration::from_secs(30 * 24 * 3600));
    let april = serial(&upload, &alice, None).await;
    let mut serials = vec![march, day, next_day, april];
    serials.sort();
    serials.dedup();
    assert_eq!(serials.len(), 4);
    assert_eq!(house.store.list_pairs().await.unwrap().len(), 4);
    for entry in house.audit().await {
        if entry.action == AuditAction::KeyPairCreated {
            assert_eq!(entry.actor, Actor::System);
        }
    }
}

#[tokio::test]
async fn many_first_uploads_of_a_partition_find_one_pair() {
    let house = Arc::new(House::empty());
    let alice = house.person("alice").await;
    let upload = RequestUpload {
        scope: ScopePolicy::Partition,
        first_pair: Some(EnsureKeyPair {
            rotate: house.rotate_keys(),
            algorithm: MemoryVault::ALGORITHM,
        }),
        ..house.request_upload()
    };
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (upload, context) = (upload.clone(), house.of(&alice));
            tokio::spawn(async move { upload.run(&context, metadata("a")).await })
        })
        .collect();
    let mut serials = Vec::new();
    for task in tasks {
        let granted = task.await.unwrap().unwrap();
        serials.push(document(&house, granted.id).await.wrapped_key.serial);
    }
    serials.dedup();
    assert_eq!(serials.len(), 1);
}
