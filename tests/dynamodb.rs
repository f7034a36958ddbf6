//! The service on DynamoDB Local: the operator's commands, crashes, throttling. The main job is done
//! there as on every other backend.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

use std::net::SocketAddr;
use std::time::Duration;

use crypt_keeper_test_services::dynamodb_injector::{Injection, Injector};
use crypt_keeper_test_services::{DynamoDbAccess, Fault, FaultProxy, cycles};
use crypt_keeper_tests::http::Answer;
use crypt_keeper_tests::{
    Blobs, Metadata, Parts, Server, Stored, Upload, Writers, announce, assert_kept, content,
    random_below,
};
use serde_json::json;

#[test]
fn the_operators_commands_work_on_dynamodb() {
    let Some(parts) = Parts::find(Metadata::DynamoDb, Blobs::Local) else {
        return;
    };
    let server = Server::start(&parts);
    let alice = server.ckc(&server.user("alice"));
    for number in 0..5 {
        alice.write("a.bin", content(1_000, number));
        let id = alice.succeeds(&["-q", "upload", "a.bin"]).line();
        alice.succeeds(&["download", &id, "--force", "-o", "copy"]);
        assert!(alice.read("copy") == alice.read("a.bin"));
    }

    let operator = &server.installation;
    let migrated = operator.succeeds(&["migrate"]);
    assert_eq!(
        migrated,
        "metadata database: up to date\nkey store: up to date\n"
    );
    let doctor = operator.run(&["doctor"]);
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.status.success(), "{said}");
    let listed = operator.succeeds(&["documents", "list", "--json"]);
    assert_eq!(listed.lines().count(), 5, "{listed}");
    let audit = operator.succeeds(&["audit", "list", "--json"]);
    assert!(audit.contains("document.released"), "{audit}");
    assert!(!server.log().contains("panicked"), "{}", server.log());
    let stored = operator.stored();
    assert_eq!(stored.half_states(), [""; 0]);

    // A partition that somebody has deleted behind the service's back.
    let Stored::DynamoDb(tables) = stored else {
        panic!("the metadata lie elsewhere");
    };
    let names = tables.names();
    let mut partitions = names
        .iter()
        .rev()
        .filter(|name| name.contains("documents-"));
    let lost = partitions.next().unwrap();
    let _ = tables.call("DeleteTable", &json!({ "TableName": lost }));
    let doctor = operator.run(&["doctor", "--json"]);
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(!doctor.status.success(), "{said}");
    let words = format!("lacks {lost}, which its catalogue has");
    assert!(said.contains(&words), "{said}");
}

/// The service is killed, and DynamoDB cut off in the middle of whatever it is at, in turn, under
/// writers. DynamoDB Local itself is not killed: it answers some transactions before they are on the
/// disk, which is nothing to hold a service to.
#[test]
fn no_acknowledged_upload_is_lost_by_kills_on_dynamodb_in_all_cycles() {
    let Some(mut parts) = Parts::find(Metadata::DynamoDb, Blobs::Local) else {
        return;
    };
    let dynamodb = parts.dynamodb.as_mut().unwrap();
    let proxy = FaultProxy::start(address_of(dynamodb)).unwrap();
    dynamodb.endpoint = format!("http://{}", proxy.address());
    let mut server = Server::start(&parts);
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    let mut total = 0;
    for cycle in 0..cycles(4) {
        let writers = Writers::start(server.address(), &alice, &bob);
        writers.wait_for_uploads(1);
        std::thread::sleep(Duration::from_millis(random_below(300)));
        let record = if cycle % 2 == 0 {
            server.kill();
            let record = writers.finish();
            server.start_again();
            record
        } else {
            proxy.set(Fault::Refuse).unwrap();
            std::thread::sleep(Duration::from_millis(random_below(1_000)));
            proxy.set(Fault::None).unwrap();
            // It comes back by itself.
            writers.wait_for_uploads(1);
            let record = writers.finish();
            assert_eq!(record.unanswered, 0, "every request gets an answer");
            record
        };
        assert_kept(&server, &alice, &bob, &record);
        total += record.uploads.len();
    }
    announce(&format!(
        "kill -9 of the service, and DynamoDB cut off: {total} acknowledged uploads, none lost"
    ));
    assert!(total > 0, "nothing was written: nothing was tried");
}

/// A DynamoDB that throttles, whose transactions meet, or that fails: it is asked a few times, then
/// the client is told when to come back, and nothing is half done.
#[test]
fn a_dynamodb_that_throttles_or_fails_is_503_with_retry_after() {
    let Some(mut parts) = Parts::find(Metadata::DynamoDb, Blobs::Local) else {
        return;
    };
    let dynamodb = parts.dynamodb.as_mut().unwrap();
    let injector = Injector::start(address_of(dynamodb)).unwrap();
    dynamodb.endpoint = format!("http://{}", injector.address());
    let server = Server::start(&parts);
    let api = server.api(&server.user("alice"));
    let before = Upload::of(&api.upload_url("before.txt").unwrap());
    let stored = server.installation.stored();
    let (mut documents, mut releases) = (1, 0);

    let throttling = || Injection::error(400, "ThrottlingException");
    for (operation, injection) in [
        ("TransactWriteItems", throttling()),
        (
            "TransactWriteItems",
            Injection::cancelled(&["TransactionConflict", "None"]),
        ),
        (
            "TransactWriteItems",
            Injection::error(500, "InternalServerError"),
        ),
        // The first thing that a request asks for is whose API key it shows: it is not refused.
        ("GetItem", throttling()),
    ] {
        injector.always(operation, injection);
        for is_upload in [true, false] {
            injector.seen(operation);
            let answer = if is_upload {
                api.upload_url("meanwhile.txt")
            } else {
                api.download_url(&before.id)
            };
            assert_unavailable(&answer.unwrap());
            let attempts = injector.seen(operation);
            assert!(
                (2..=16).contains(&attempts),
                "{operation}: {attempts} attempts"
            );
        }
        injector.calm();
        assert_eq!(stored.documents(), documents, "{operation}");
        assert_eq!(stored.releases(), releases, "{operation}");

        // It is over, and nobody has to do anything.
        let upload = Upload::of(&api.upload_url("after.txt").unwrap());
        for known in [&before, &upload] {
            let found = Upload::of(&api.download_url(&known.id).unwrap());
            assert!(found.key == known.key);
        }
        documents += 1;
        releases += 2;
    }
    assert_eq!(stored.documents(), documents);
    assert_eq!(stored.releases(), releases);
    assert_eq!(stored.half_states(), [""; 0]);
}

fn address_of(dynamodb: &DynamoDbAccess) -> SocketAddr {
    let host = dynamodb.endpoint.strip_prefix("http://").unwrap();
    host.parse().unwrap()
}

/// As `docs/api.md` words it.
fn assert_unavailable(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(answer.header("retry-after"), Some("5"));
    let kind = answer.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("application/json"), "{kind}");
    let sorry = "Sorry, this request could not be processed. Please try again later.";
    assert_eq!(answer.json(), json!({ "error_message": sorry }));
}
