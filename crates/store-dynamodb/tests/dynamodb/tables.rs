//! Tables: made, found as they are, refused where they are not ours.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use crypt_keeper_conformance::Scene;
use crypt_keeper_domain::model::{
    AuditAction, DocumentId, KeyState, RetentionClass, Scope, Timestamp,
};
use crypt_keeper_domain::ports::{
    Condition, DocumentFilter, InsertOutcome, MetadataStore as _, Probe as _, StoreError,
};
use crypt_keeper_store_dynamodb::{OpenError, SchemaStatus};

use crate::support::Site;

const LASTING: [&str; 4] = ["accounts", "audit", "catalogue", "key-pairs"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_made_once_this_month_s_and_the_next_two() {
    let Some(site) = Site::bare() else {
        return;
    };
    let status = site.store.schema_status().await.unwrap();
    let SchemaStatus::NeedsMigration(mut missing) = status else {
        panic!("{status:?}");
    };
    missing.sort();
    let named = LASTING.map(|table| format!("{}{table}", site.prefix));
    assert_eq!(missing, named);
    let said = site.store.check().await.unwrap_err().to_string();
    assert_eq!(said, "DynamoDB lacks 4 tables: run `crypt-keeper migrate`");

    // Two at once do no harm.
    let other = site.other_process();
    let (one, two) = tokio::join!(site.store.migrate(), other.migrate());
    assert!(!one.unwrap().is_empty() || !two.unwrap().is_empty());
    let expected = [
        "accounts",
        "audit",
        "catalogue",
        "documents-000-20260301",
        "documents-000-20260401",
        "documents-000-20260501",
        "key-pairs",
    ];
    assert_eq!(site.tables().await, expected);
    let status = site.store.schema_status().await.unwrap();
    assert_eq!(status, SchemaStatus::UpToDate);
    assert_eq!(site.store.check().await.unwrap(), Condition::Good);
    assert_eq!(site.store.migrate().await.unwrap(), Vec::<String>::new());
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_of_a_newer_program_are_refused() {
    let Some(site) = Site::new().await else {
        return;
    };
    let set = site
        .client()
        .update_item()
        .table_name(format!("{}catalogue", site.prefix))
        .key("id", AttributeValue::S("schema".into()))
        .key("item", AttributeValue::S("version".into()))
        .update_expression("SET version = :newer")
        .expression_attribute_values(":newer", AttributeValue::N("2".into()));
    set.send().await.unwrap();
    let newer = SchemaStatus::Newer { found: 2, known: 1 };
    assert_eq!(site.store.schema_status().await.unwrap(), newer);
    let refused = site.store.migrate().await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the tables are newer than this program: their schema is version 2, and this program knows \
         1. Run the version that made them, or a later one"
    );
    assert!(site.store.check().await.is_err());
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_with_another_schema_is_refused_in_words() {
    for (table, key, said) in [
        (
            "accounts",
            "name",
            "its key is `name` (HASH), and `id` (HASH), `item` (RANGE) is needed",
        ),
        (
            "documents-000-20260301",
            "id",
            "its key is `id` (HASH), and `id` (HASH), `item` (RANGE) is needed",
        ),
    ] {
        let Some(site) = Site::bare() else {
            return;
        };
        let name = format!("{}{table}", site.prefix);
        let define = AttributeDefinition::builder()
            .attribute_name(key)
            .attribute_type(ScalarAttributeType::S)
            .build();
        let hash = KeySchemaElement::builder()
            .attribute_name(key)
            .key_type(KeyType::Hash)
            .build();
        let create = site
            .client()
            .create_table()
            .table_name(&name)
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(define.unwrap())
            .key_schema(hash.unwrap());
        create.send().await.unwrap();
        let refused = site.store.migrate().await.unwrap_err();
        assert!(matches!(refused, OpenError::ForeignTable { .. }));
        let words = refused.to_string();
        let expected = format!("table `{name}` is not one of this program: {said}. Choose another");
        assert!(words.starts_with(&expected), "{words}");
        assert!(words.contains("metadata.dynamodb.table_prefix"), "{words}");
        site.remove().await;
    }
}

/// A document finds its table by its id; one that is not there yet is made on the spot, by whoever
/// needs it first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_table_of_a_partition_is_made_when_it_is_needed() {
    let Some(site) = Site::new().await else {
        return;
    };
    let scene = Scene::new(&site);
    let alice = scene.user("alice").await;
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let class = RetentionClass::new(42);
    let new = || {
        let id = scene.make.document_id(class, scene.make.at());
        scene.make.document_with_id(id, alice.id, &pair)
    };
    let (one, two) = (new(), new());
    assert_eq!(
        scene.find(one.id, &[]).await,
        None,
        "before the first document"
    );
    assert_eq!(scene.store.entries(one.id).await.unwrap(), []);

    let other = site.other_process();
    let (entry, created) = (scene.make.owner_entry(&two), AuditAction::DocumentCreated);
    let record = scene.make.record_on(created, two.id);
    let (first, second) = tokio::join!(scene.try_insert(&one), other.insert(&two, &entry, &record));
    assert_eq!(first, InsertOutcome::Inserted);
    assert_eq!(second.unwrap(), InsertOutcome::Inserted);
    assert!(
        site.tables()
            .await
            .contains(&"documents-042-20260301".to_owned())
    );
    let mut expected = vec![one.id, two.id];
    expected.sort();
    assert_eq!(scene.list(&DocumentFilter::Every).await, expected);
    let owned = DocumentFilter::OwnedBy(alice.id);
    assert_eq!(scene.list(&owned).await, expected);
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
    let delete = site.client().delete_table().table_name(table);
    delete.send().await.unwrap();

    let is_away = |error: &StoreError| matches!(error, StoreError::Unavailable(_));
    let store = &scene.store;
    assert!(
        store
            .find(document.id, &[])
            .await
            .is_err_and(|error| is_away(&error))
    );
    assert!(
        store
            .entries(document.id)
            .await
            .is_err_and(|error| is_away(&error))
    );
    let page = crypt_keeper_domain::model::PageRequest::default();
    for filter in [DocumentFilter::Every, DocumentFilter::OwnedBy(alice.id)] {
        let listed = store.list(&filter, &page).await;
        assert!(listed.is_err_and(|error| is_away(&error)), "{filter:?}");
    }
    let step = crypt_keeper_domain::ports::WalkStep::default();
    let counted = store.count_wrapped_by(pair.serial, &step).await;
    assert!(counted.is_err_and(|error| is_away(&error)));
    let late = scene.make.document(alice.id, &pair);
    let (entry, created) = (scene.make.owner_entry(&late), AuditAction::DocumentCreated);
    let record = scene.make.record_on(created, late.id);
    let refused = store.insert(&late, &entry, &record).await;
    assert!(refused.is_err_and(|error| is_away(&error)));

    // An id of a time that nobody has a table of is no document.
    let ancient = DocumentId::new(RetentionClass::DEFAULT, Timestamp::from_micros(1), [0; 10]);
    assert_eq!(store.find(ancient, &[]).await.unwrap(), None);
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_s_clock_is_compared_with_ours() {
    let Some(site) = Site::new().await else {
        return;
    };
    // Ours stands at a noon of the past.
    let skew = site.store.clock_skew().await.unwrap();
    assert!(skew.is_some_and(|millis| millis > 3_600_000), "{skew:?}");
    site.remove().await;
}
