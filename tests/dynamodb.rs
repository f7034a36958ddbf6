//! The service on DynamoDB Local: the main job by `ckc`, the operator's commands, and crashes.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

use std::time::Duration;

use crypt_keeper_test_services::{Fault, FaultProxy, cycles};
use crypt_keeper_tests::{
    Blobs, Metadata, Parts, Server, Writers, announce, assert_kept, content, random_below,
};

/// Exit code of `ckc`.
const CREDENTIALS_OR_RIGHTS: i32 = 3;

#[test]
fn documents_are_uploaded_shared_and_downloaded_on_dynamodb() {
    let Some(parts) = Parts::find(Metadata::DynamoDb, Blobs::Local) else {
        return;
    };
    let server = Server::start(&parts);
    let (alice, bob, mallory) = (
        server.user("alice"),
        server.user("bob"),
        server.user("mallory"),
    );
    let (alice, bob, mallory) = (server.ckc(&alice), server.ckc(&bob), server.ckc(&mallory));
    let mut last = String::new();
    for size in [0, 1, 1_048_520, 1_048_521, 3_000_000] {
        let name = format!("{size}.bin");
        alice.write(&name, content(size, size as u64));
        last = alice.succeeds(&["-q", "upload", &name]).line();
        let copy = format!("copy-{name}");
        alice.succeeds(&["download", &last, "-o", &copy]);
        assert!(alice.read(&copy) == alice.read(&name), "{size}");
    }
    mallory.fails_with(CREDENTIALS_OR_RIGHTS, &["download", &last]);
    alice.succeeds(&["share", &last, "bob"]);
    let shares = alice.succeeds(&["shares", &last]).text();
    let names: Vec<&str> = shares.split_whitespace().collect();
    assert_eq!(names, ["alice", "bob"]);
    bob.succeeds(&["download", &last, "-o", "from-alice"]);
    assert!(bob.read("from-alice") == alice.read("3000000.bin"));
    bob.fails_with(CREDENTIALS_OR_RIGHTS, &["share", &last, "mallory"]);

    // The operator's commands work beside it.
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
    assert_eq!(operator.stored().half_states(), [""; 0]);
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
    let host = dynamodb.endpoint.strip_prefix("http://").unwrap();
    let proxy = FaultProxy::start(host.parse().unwrap()).unwrap();
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
