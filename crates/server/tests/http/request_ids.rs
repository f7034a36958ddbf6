//! Request ids: in every answer, and in the audit log.

use crypt_keeper_domain::ports::{AuditFilter, AuditLog as _};

use crate::app::{A_TXT, App};

#[tokio::test]
async fn an_answer_has_a_new_id_or_the_one_that_was_sent() {
    let app = App::start().await;
    let ask = async |header: &str| {
        let head = format!("GET /version HTTP/1.1\r\nHost: h\r\n{header}Connection: close\r\n\r\n");
        let answer = app.send(&head, b"").await;
        answer.header("x-request-id").unwrap().to_owned()
    };
    let first = ask("").await;
    let second = ask("").await;
    assert_ne!(first, second);
    for id in [&first, &second] {
        assert_eq!(id.len(), 32);
        assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    }
    assert_eq!(
        ask("X-Request-Id: from-a-proxy_7.1\r\n").await,
        "from-a-proxy_7.1"
    );
    for odd in ["", "a b", "a\"b", "ü", &"x".repeat(65)] {
        let given = ask(&format!("X-Request-Id: {odd}\r\n")).await;
        assert_eq!(given.len(), 32, "{odd:?} gave {given:?}");
    }
    // Refusals have one too.
    let answer = app.request("POST", "upload_url/", &[], b"").await;
    assert!(answer.header("x-request-id").is_some());
}

#[tokio::test]
async fn the_audit_log_has_the_id_and_the_address_of_the_client() {
    let app = App::start_with(crate::app::Options {
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        ..Default::default()
    })
    .await;
    let headers = [
        &*app.credentials("alice"),
        "X-Request-Id: traced",
        "X-Forwarded-For: 203.0.113.9, 192.0.2.7",
    ];
    app.request("POST", "upload_url/", &headers, A_TXT.as_bytes())
        .await;
    let filter = AuditFilter::default();
    let page = app.store.list_audit(&filter, &Default::default()).await;
    let items = page.unwrap().items;
    let entry = items
        .iter()
        .find(|entry| entry.request_id.as_str() == "traced")
        .unwrap();
    assert_eq!(entry.action.to_string(), "document.created");
    assert_eq!(entry.address.as_deref(), Some("192.0.2.7"));
}
