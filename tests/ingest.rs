//! A server that accepts uploads and holds no way to unwrap, beside one that does.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

use std::fs;

use crypt_keeper_test_services::PostgresAccess;
use crypt_keeper_tests::{
    Blobs, Ckc, Installation, Metadata, Parts, Server, Upload, announce, content, http,
};

const ROLES: &str = include_str!("../deploy/postgres/roles.sql");
const PASSWORD: &str = "known-to-tests";

/// The URL of the metadata for the ingest role.
fn url_of_the_role(server: &Server) -> String {
    let url = server.installation.setting("METADATA__POSTGRES__URL");
    let owner = PostgresAccess::from_url("URL", url).unwrap();
    let password = format!("ALTER ROLE crypt_keeper_ingest PASSWORD '{PASSWORD}'");
    for statement in [ROLES, &password] {
        // A role is of the whole server: other tests may be giving it the same at this moment.
        let mut tries = 0;
        while let Err(error) = owner.execute(statement) {
            let again = error.to_string().contains("concurrently updated");
            assert!(again && tries < 50, "{error}");
            tries += 1;
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
    let (scheme, rest) = url.split_once("://").unwrap();
    let (_, place) = rest.split_once('@').unwrap();
    format!("{scheme}://crypt_keeper_ingest:{PASSWORD}@{place}")
}

/// An ingest server before the same metadata and the same bucket as `full`.
fn ingest_beside(full: &Server, parts: &Parts) -> Installation {
    let mut installation = Installation::new(parts);
    installation.set("ROLE", "ingest");
    installation.set("METADATA__POSTGRES__URL", &url_of_the_role(full));
    let bucket = full.installation.setting("BLOBS__S3__BUCKET").to_owned();
    installation.set("BLOBS__S3__BUCKET", &bucket);
    installation
}

fn to(server: &Server, ckc: Ckc) -> Ckc {
    ckc.with("CKC_URL", &server.url())
}

#[test]
fn what_it_accepts_a_full_server_gives_back() {
    let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Minio) else {
        return;
    };
    let full = Server::start(&parts);
    let account = full.user("alice");
    let reader = full.user("bob");
    let mut ingest = Server::start_installation(ingest_beside(&full, &parts));
    // `--pdeathsig` and the like aside, this is all that it was given.
    let environment = fs::read(format!("/proc/{}/environ", ingest.pid())).unwrap();
    let environment = String::from_utf8_lossy(&environment).into_owned();
    assert!(!environment.contains("MASTER_KEY") && !environment.contains("SEALED"));

    let alice = to(&ingest, full.ckc(&account));
    let sent = content(3_000_000, 9);
    alice.write("a.bin", &sent);
    let id = alice.succeeds(&["-q", "upload", "a.bin"]).line();
    let alice = to(&full, alice);
    alice.succeeds(&["download", &id, "-o", "copy"]);
    assert!(alice.read("copy") == sent);
    alice.succeeds(&["share", &id, "bob"]);
    let bob = full.ckc(&reader);
    bob.succeeds(&["download", &id, "-o", "copy"]);
    assert!(bob.read("copy") == sent);

    // It gives nothing back, to nobody, and says the same of what is there and what is not.
    let api = ingest.api(&account);
    let absent = "0190a3c4-7c1e-7000-8a3b-0123456789ab";
    for id in [id.as_str(), absent] {
        let answer = api.download_url(id).unwrap();
        assert_eq!((answer.status, answer.body.len()), (404, 0));
        assert_eq!(api.share(id, "bob").unwrap().status, 404);
    }
    let wrong = crypt_keeper_tests::Account {
        name: account.name.clone(),
        key: reader.key.clone(),
    };
    assert_eq!(ingest.api(&wrong).upload_url("b.txt").unwrap().status, 401);

    // A new key pair is wrapped under without a restart, and the old one's documents stay readable.
    full.installation.succeeds(&["keys", "rotate"]);
    let after = Upload::of(&api.upload_url("b.txt").unwrap());
    let found = Upload::of(&full.api(&account).download_url(&after.id).unwrap());
    assert!(found.key == after.key);
    let shown = full
        .installation
        .succeeds(&["documents", "show", &after.id, "--json"]);
    assert!(shown.contains("\"key_state\":\"active\""), "{shown}");
    assert_eq!(full.installation.database().half_states(), [""; 0]);
    assert!(ingest.terminate().success());
    announce("ingest: uploads through a server without keys came back from a full one");
}

#[test]
fn its_operator_cannot_do_more_than_it() {
    let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Minio) else {
        return;
    };
    let full = Server::start(&parts);
    let ingest = ingest_beside(&full, &parts);
    for command in [
        &["setup"][..],
        &["migrate"],
        &["keys", "list"],
        &["keys", "rotate"],
        &["master-key", "status"],
        &["master-key", "rotate"],
        &["user", "list"],
        &["documents", "list"],
        &["audit", "list"],
    ] {
        let refused = ingest.run(command);
        let words = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{command:?}: {words}");
        assert!(words.contains("`role` = \"ingest\""), "{words}");
    }
    let doctor = ingest.run(&["doctor", "--json"]);
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.status.success(), "{said}");
    assert!(said.contains("active key pair"), "{said}");
}

/// A server that is given a master key all the same does not start.
#[test]
fn it_does_not_start_with_anything_that_could_unwrap() {
    let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Minio) else {
        return;
    };
    let full = Server::start(&parts);
    let mut ingest = ingest_beside(&full, &parts);
    let key = full
        .installation
        .setting("KEYS__MASTER_KEY_FILE")
        .to_owned();
    ingest.set("KEYS__MASTER_KEY_FILE", &key);
    let refused = ingest.run(&["serve"]);
    let words = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{words}");
    assert!(
        words.contains("`keys.master_key_file` does not go with `role` = \"ingest\""),
        "{words}"
    );
    assert!(http::request(ingest.address(), "GET", "/healthz", &[], &[]).is_err());
}
