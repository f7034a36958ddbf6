//! What supervisors ask.

use crypt_keeper_domain::memory::Fault;
use insta::assert_snapshot;

use crate::app::{A_TXT, App};

#[tokio::test]
async fn it_lives_is_ready_and_says_what_it_is() {
    let app = App::start().await;
    assert_snapshot!(app.ask("GET", "/healthz").await, @r#"
    200
    cache-control: no-store
    content-type: application/json

    {"status":"ok"}
    "#);
    assert_snapshot!(app.ask("GET", "/readyz").await, @r#"
    200
    cache-control: no-store
    content-type: application/json

    {"status":"ready","parts":[{"part":"keys","ready":true},{"part":"blobs","ready":true}]}
    "#);
    let version = app.ask("GET", "/version").await.json();
    assert_eq!(version["name"], "crypt-keeper");
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(app.ask("POST", "/healthz").await.status, 405);
    assert_eq!(app.ask("GET", "/").await.to_string(), "404\n");
    assert_eq!(app.ask("GET", "/nothing").await.to_string(), "404\n");
}

#[tokio::test]
async fn the_part_that_is_not_ready_is_named_and_the_service_lives_on() {
    let app = App::start().await;
    app.store.faults().fail(Fault::Unavailable);
    let answer = app.ask("GET", "/readyz").await;
    assert_eq!(answer.status, 503);
    let json = answer.json();
    assert_eq!(json["status"], "not ready");
    let parts = json["parts"].as_array().unwrap();
    let ready = |part: &str| {
        let found = parts.iter().find(|report| report["part"] == part);
        found.unwrap()["ready"].as_bool().unwrap()
    };
    assert!(!ready("keys"));
    assert!(ready("blobs"));
    assert_eq!(app.ask("GET", "/healthz").await.status, 200);

    app.store.faults().heal();
    // An answer of the parts serves for a second.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    assert_eq!(app.ask("GET", "/readyz").await.status, 200);
}

#[tokio::test]
async fn what_happens_is_counted() {
    let app = App::start().await;
    let id = app.upload().await;
    app.share(&id, "bob").await;
    app.get("bob", &format!("download_url/{id}/")).await;
    app.get("carol", &format!("download_url/{id}/")).await;
    app.get("alice", &format!("download_url/{id}/?a=b")).await;
    app.request("POST", "upload_url/", &[], A_TXT.as_bytes())
        .await;
    app.ask("BREW", "/nothing/at/all").await;

    let answer = app.ask("GET", "/metrics").await;
    assert_eq!(answer.status, 200);
    let text = answer.text();
    for user in ["alice", "bob", "carol", &id] {
        assert!(!text.contains(user), "{user} in {text}");
    }
    assert!(text.ends_with("# EOF\n"));
    let start = text
        .lines()
        .find(|line| line.starts_with("process_start_time"));
    assert_eq!(start, Some("process_start_time_seconds 1772366400.0"));
    let mut counted: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("crypt_keeper"))
        .filter(|line| !line.contains("_duration_") && !line.contains("_age_seconds"))
        .collect();
    // A family keeps no order.
    counted.sort_unstable();
    assert_snapshot!(counted.join("\n"), @r#"
    crypt_keeper_authentication_failures_total 1
    crypt_keeper_degraded{part="blobs"} 0
    crypt_keeper_degraded{part="keys"} 0
    crypt_keeper_documents_rewrapped_total 0
    crypt_keeper_documents_swept_total 0
    crypt_keeper_documents_to_rewrap 0
    crypt_keeper_downloads_granted_total 2
    crypt_keeper_expired_objects_deleted_total 0
    crypt_keeper_http_requests_in_flight 1
    crypt_keeper_http_requests_total{route="/api/v1/secure_document_service/download_url/{id}/",method="GET",status="200"} 2
    crypt_keeper_http_requests_total{route="/api/v1/secure_document_service/download_url/{id}/",method="GET",status="401"} 1
    crypt_keeper_http_requests_total{route="/api/v1/secure_document_service/share/",method="POST",status="201"} 1
    crypt_keeper_http_requests_total{route="/api/v1/secure_document_service/upload_url/",method="POST",status="201"} 1
    crypt_keeper_http_requests_total{route="/api/v1/secure_document_service/upload_url/",method="POST",status="401"} 1
    crypt_keeper_http_requests_total{route="other",method="other",status="404"} 1
    crypt_keeper_key_cache_circuit{state="closed"} 1
    crypt_keeper_key_cache_circuit{state="half_open"} 0
    crypt_keeper_key_cache_circuit{state="open"} 0
    crypt_keeper_key_cache_entries 1
    crypt_keeper_key_cache_hits_total 2
    crypt_keeper_key_cache_misses_total 1
    crypt_keeper_key_cache_read_failures_total 0
    crypt_keeper_key_cache_reads_in_flight 0
    crypt_keeper_key_cache_reads_total 1
    crypt_keeper_key_cache_refresh_failures_total 0
    crypt_keeper_key_cache_stale_hits_total 0
    crypt_keeper_key_destructions_total 0
    crypt_keeper_key_rotations_total 0
    crypt_keeper_key_upkeep_failures_total 0
    crypt_keeper_partition_upkeep_failures_total 0
    crypt_keeper_partitions_made_total 0
    crypt_keeper_ready{part="blobs"} 1
    crypt_keeper_ready{part="keys"} 1
    crypt_keeper_releases_refused_total 1
    crypt_keeper_rewrap_failures_total 0
    crypt_keeper_shares_granted_total 1
    crypt_keeper_uploads_granted_total 1
    "#);
    let timed = text
        .lines()
        .filter(|line| line.contains("duration_seconds_count"))
        .count();
    assert_eq!(timed, 4, "{text}");
}
