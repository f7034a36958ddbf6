//! The retention class, which clients of 2017 do not know of.

use crypt_keeper_domain::model::{
    DocumentId, Lifetime, RetentionClass, RetentionClasses, RetentionPolicy, Timestamp,
};
use crypt_keeper_domain::ports::MetadataStore as _;
use insta::assert_snapshot;

use super::{refused, upload, with};
use crate::app::{A_TXT, App, Options};

const WEEK: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 3600);

/// With a class `short` of daily partitions beside the default.
async fn start() -> App {
    let short = RetentionPolicy {
        class: RetentionClass::new(1),
        name: "short".parse().unwrap(),
        lifetime: Lifetime::limited(WEEK).unwrap(),
    };
    App::start_with(Options {
        retention: RetentionClasses::new(vec![short], None).unwrap(),
        ..Options::default()
    })
    .await
}

/// A body with a retention class beside the metadata.
fn of_class(metadata: &str, retention: &str) -> String {
    let open = metadata.strip_suffix('}').unwrap();
    format!("{open}, \"retention\": {retention}}}")
}

#[tokio::test]
async fn a_class_is_chosen_by_name_and_none_is_as_before() {
    let app = start().await;
    assert_snapshot!(upload(&app, of_class(A_TXT, "\"short\"")).await, @r#"
    201
    cache-control: no-store
    content-type: application/json
    location: /api/v1/secure_document_service/upload_url/<id>/

    {"document_id":"<id>","document_metadata":{"name": "a.txt", "content_length": 10, "content_type": "text/plain", "compressed": false, "encryption_type": "AES|CBC"},"retention":"short","resource_uri":"/api/v1/secure_document_service/upload_url/<id>/","single_use_url":"<presigned PUT>","symmetric_key":"<44 characters of base64>"}
    "#);
    for (body, class, expires) in [
        (A_TXT.to_owned(), 0, false),
        (of_class(A_TXT, "null"), 0, false),
        (of_class(A_TXT, "\"default\""), 0, false),
        (of_class(A_TXT, "\"short\""), 1, true),
    ] {
        let answer = upload(&app, &body).await;
        assert_eq!(answer.status, 201, "{answer}");
        let id = DocumentId::parse(answer.json()["document_id"].as_str().unwrap()).unwrap();
        assert_eq!(id.class().number(), class, "{body}");
        let document = app.store.find(id, &[]).await.unwrap().unwrap().document;
        let end: Option<Timestamp> = expires.then(|| document.created_at.plus(WEEK));
        assert_eq!(document.expires_at, end, "{body}");
    }
}

#[tokio::test]
async fn what_is_no_class_is_a_field_that_is_wrong() {
    let app = start().await;
    let mut bodies: Vec<_> = ["\"long\"", "\"Short\"", "\"\"", "1", "{}"]
        .iter()
        .map(|retention| of_class(A_TXT, retention))
        .collect();
    bodies.push(of_class(&with("name", None), "7"));
    assert_snapshot!(refused(&app, &bodies).await, @r#"
    400 {"secure_document_service/upload_url":{"retention":"no retention class is named `long`: choose one of default, short"}}
    400 {"secure_document_service/upload_url":{"retention":"a retention class is named by 1 to 32 lower-case letters, digits and `-`, a letter first"}}
    400 {"secure_document_service/upload_url":{"retention":"a retention class is named by 1 to 32 lower-case letters, digits and `-`, a letter first"}}
    400 {"secure_document_service/upload_url":{"retention":"text is needed"}}
    400 {"secure_document_service/upload_url":{"retention":"text is needed"}}
    400 {"secure_document_service/upload_url":{"name":"Document metadata must have field: name","retention":"text is needed"}}
    "#);
}
