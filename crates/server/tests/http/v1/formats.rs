//! JSON and XML.

use insta::assert_snapshot;

use crate::app::{A_TXT, App};

async fn get_as(app: &App, path: &str, accept: Option<&str>) -> crate::transcript::Answer {
    let credentials = app.credentials("alice");
    let accept = accept.map(|value| format!("Accept: {value}"));
    let mut headers = vec![&*credentials];
    headers.extend(accept.as_deref());
    app.request("GET", path, &headers, b"").await
}

#[tokio::test]
async fn json_unless_xml_is_asked_for() {
    let app = App::start().await;
    let path = format!("download_url/{}/", app.upload().await);
    for accept in [
        None,
        Some("*/*"),
        Some("text/html"),
        Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        Some("application/json"),
        Some("image/png"),
    ] {
        let answer = get_as(&app, &path, accept).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn a_download_in_xml() {
    let app = App::start().await;
    let path = format!("download_url/{}/", app.upload().await);
    let by_header = get_as(&app, &path, Some("application/xml")).await;
    assert_snapshot!(by_header, @r#"
    200
    cache-control: no-store
    content-type: application/xml; charset=utf-8

    <?xml version="1.0" encoding="utf-8"?><object><document_id><id></document_id><document_metadata type="hash"><compressed type="boolean">False</compressed><content_length>10</content_length><content_type>text/plain</content_type><encryption_type>AES|CBC</encryption_type><name>a.txt</name></document_metadata><resource_uri>/api/v1/secure_document_service/download_url/<id>/</resource_uri><single_use_url><presigned GET></single_use_url><symmetric_key><44 characters of base64></symmetric_key></object>
    "#);
    let by_query = get_as(&app, &format!("{path}?format=xml"), None).await;
    assert_eq!(by_query.to_string(), by_header.to_string());
}

#[tokio::test]
async fn an_upload_in_xml() {
    let app = App::start().await;
    let answer = app.post("alice", "upload_url/?format=xml", A_TXT).await;
    assert_snapshot!(answer, @r#"
    201
    cache-control: no-store
    content-type: application/xml; charset=utf-8
    location: /api/v1/secure_document_service/upload_url/<id>/

    <?xml version="1.0" encoding="utf-8"?><object><document_id><id></document_id><document_metadata type="hash"><compressed type="boolean">False</compressed><content_length type="integer">10</content_length><content_type>text/plain</content_type><encryption_type>AES|CBC</encryption_type><name>a.txt</name></document_metadata><resource_uri>/api/v1/secure_document_service/upload_url/<id>/</resource_uri><single_use_url><presigned PUT></single_use_url><symmetric_key><44 characters of base64></symmetric_key></object>
    "#);
}

#[tokio::test]
async fn shares_in_xml() {
    let app = App::start().await;
    let id = app.upload().await;
    app.share(&id, "bob").await;
    let answer = get_as(&app, &format!("share/{id}/"), Some("application/xml")).await;
    assert_snapshot!(answer, @r#"
    200
    cache-control: no-store
    content-type: application/xml; charset=utf-8

    <?xml version="1.0" encoding="utf-8"?><object><document_id><id></document_id><resource_uri>/api/v1/secure_document_service/share/<id>/</resource_uri><users type="list"><value>alice</value><value>bob</value></users></object>
    "#);
}

#[tokio::test]
async fn errors_in_xml() {
    let app = App::start().await;
    let post = async |path: &str, body: &str| app.post("alice", path, body).await.line();
    let mut lines = String::new();
    for (path, body) in [
        ("upload_url/?format=xml", "nonsense"),
        ("upload_url/?format=xml", "{}"),
        (
            "upload_url/?format=xml",
            r#"{"document_metadata": {"name": "a"}}"#,
        ),
        ("share/?format=xml", "{}"),
    ] {
        lines.push_str(&post(path, body).await);
        lines.push('\n');
    }
    lines.push_str(
        &get_as(&app, "share/nonsense/", Some("application/xml"))
            .await
            .line(),
    );
    assert_snapshot!(lines, @r#"
    400 <?xml version="1.0" encoding="utf-8"?><object><error>Request is not valid JSON.</error></object>
    400 <?xml version="1.0" encoding="utf-8"?><object><value name="secure_document_service/upload_url" type="hash"><__all__>Must provide document metadata.</__all__></value></object>
    400 <?xml version="1.0" encoding="utf-8"?><object><value name="secure_document_service/upload_url" type="hash"><compressed>Document metadata must have field: compressed</compressed><content_length>Document metadata must have field: content_length</content_length><content_type>Document metadata must have field: content_type</content_type></value></object>
    400 <?xml version="1.0" encoding="utf-8"?><object><value name="secure_document_service/share">Must provide document id and username.</value></object>
    400 <?xml version="1.0" encoding="utf-8"?><value>Request with badly formed document ID string: nonsense</value>
    "#);
    let nothing = get_as(&app, "download_url/nonsense/?format=xml", None).await;
    assert_eq!(nothing.to_string(), "404\n");
}
