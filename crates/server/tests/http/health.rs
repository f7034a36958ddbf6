//! What supervisors ask.

use std::time::Duration;

use crypt_keeper_domain::memory::Fault;
use crypt_keeper_domain::model::{Lifetime, Partition, RetentionClass};
use crypt_keeper_domain::ports::{Clock, Partitions};
use insta::assert_snapshot;

use crate::app::{A_TXT, App, Options};

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
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(app.ask("GET", "/readyz").await.status, 200);
}

/// What `/metrics` says of partitions, in order.
async fn partition_lines(app: &App) -> String {
    let answer = app.ask("GET", "/metrics").await;
    let text = answer.text();
    let is_of_partitions = |line: &&str| {
        line.contains("partitions_ahead{") || line.ends_with("{part=\"partitions\"} 1")
    };
    let mut lines: Vec<_> = text.lines().filter(is_of_partitions).collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// No job runs here: nobody but the probe counts them.
#[tokio::test]
async fn a_class_with_too_few_partitions_ahead_is_named_and_counted_where_no_job_runs() {
    let options = Options {
        partitions: true,
        ..Options::default()
    };
    let app = App::start_with(options).await;
    assert_snapshot!(app.ask("GET", "/readyz").await, @r#"
    200
    cache-control: no-store
    content-type: application/json

    {"status":"degraded","parts":[{"part":"keys","ready":true},{"part":"blobs","ready":true},{"part":"partitions","ready":true,"message":"fewer than 2 partitions are made ahead: class 0 has 0; no instance runs jobs, or they fail (`crypt-keeper partitions list` shows what there is)"}]}
    "#);
    assert_snapshot!(partition_lines(&app).await, @r#"
    crypt_keeper_degraded{part="partitions"} 1
    crypt_keeper_partitions_ahead{retention_class="0"} 0
    crypt_keeper_ready{part="partitions"} 1
    "#);

    let at = app.clock.now();
    let mut partition = Some(Partition::at(RetentionClass::DEFAULT, at));
    for _ in 0..3 {
        let next = partition.unwrap();
        let made = app.store.ensure_partition(next, Lifetime::SHORTEST, at);
        made.await.unwrap();
        partition = next.next();
    }
    // An answer of the parts serves for a second.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_snapshot!(partition_lines(&app).await, @r#"
    crypt_keeper_partitions_ahead{retention_class="0"} 2
    crypt_keeper_ready{part="partitions"} 1
    "#);
    assert_eq!(app.ask("GET", "/readyz").await.json()["status"], "ready");
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
