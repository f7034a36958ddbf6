//! Tables: made, found as they are, refused where they are not ours.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use crypt_keeper_domain::ports::{Condition, Probe as _};
use crypt_keeper_store_dynamodb::{OpenError, SchemaStatus};

use crate::support::Site;

const LASTING: [&str; 5] = ["accounts", "audit", "catalogue", "held", "key-pairs"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_made_once() {
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
    assert_eq!(said, "DynamoDB lacks 5 tables: run `crypt-keeper migrate`");

    // Two at once do no harm.
    let other = site.other_process();
    let (one, two) = tokio::join!(site.store.migrate(), other.migrate());
    assert!(!one.unwrap().is_empty() || !two.unwrap().is_empty());
    assert_eq!(site.tables().await, LASTING);
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
    for (table, said) in [
        (
            "accounts",
            "its key is `name` (HASH), and `id` (HASH), `item` (RANGE) is needed",
        ),
        (
            "held",
            "its key is `name` (HASH), and `id` (HASH), `item` (RANGE) is needed",
        ),
    ] {
        let Some(site) = Site::bare() else {
            return;
        };
        let name = make_foreign_table(&site, table).await;
        let refused = site.store.migrate().await.unwrap_err();
        assert!(matches!(refused, OpenError::ForeignTable { .. }));
        let words = refused.to_string();
        let expected = format!("table `{name}` is not one of this program: {said}. Choose another");
        assert!(words.starts_with(&expected), "{words}");
        assert!(words.contains("metadata.dynamodb.table_prefix"), "{words}");
        site.remove().await;
    }
}

pub(crate) async fn make_foreign_table(site: &Site, table: &str) -> String {
    let name = format!("{}{table}", site.prefix);
    let define = AttributeDefinition::builder()
        .attribute_name("name")
        .attribute_type(ScalarAttributeType::S)
        .build();
    let hash = KeySchemaElement::builder()
        .attribute_name("name")
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
    name
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
