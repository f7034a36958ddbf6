//! `documents` and `audit`.

use insta::assert_snapshot;

use crate::desk::Desk;
use crate::http;

const ODD_NAME: &str = "a\u{202e}fdp.exe\u{1b}[2J";

/// Alice uploads two documents, bob none; she shares the first with him, and he fetches it.
fn story() -> (Desk, Vec<String>) {
    // What a service does by itself would be in the audit log, too.
    let mut desk = Desk::set_up().with("CRYPT_KEEPER__JOBS__ENABLED", "false");
    let service = desk.serve();
    let key = |desk: &Desk, name: &str| {
        desk.run(&["user", "add", name, "--api-key"])
            .line()
            .to_owned()
    };
    let alice = key(&desk, "alice");
    let bob = key(&desk, "bob");
    let address = service.address;
    let ids: Vec<_> = ["report.pdf", ODD_NAME]
        .iter()
        .map(|name| http::id_of(&http::upload(address, "alice", &alice, name)))
        .collect();
    assert_eq!(http::share(address, "alice", &alice, &ids[0], "bob"), 201);
    assert_eq!(http::download(address, "bob", &bob, &ids[0]), 200);
    (desk, ids)
}

#[test]
fn documents_are_shown_without_their_keys_and_harmless() {
    let (desk, ids) = story();
    assert_snapshot!(desk.type_in(&[
        "documents list",
        "documents list --owner bob",
        "documents list --owner carol",
        "documents list --limit 1",
        &format!("documents list --after {}", ids[0]),
        &format!("documents show {}", ids[0]),
        "documents show 0197f6f0-0000-7000-8000-000000000000",
        "documents show 0197f6f0",
        "documents list --limit 0",
        "documents list --after x",
    ]), @r#"
    $ crypt-keeper documents list
    ID  OWNER  STATE  BYTES  CREATED  NAME
    [id]  alice  pending  10  [time]  report.pdf
    [id]  alice  pending  10  [time]  a\u{202e}fdp.exe\u{1b}[2J
    $ crypt-keeper documents list --owner bob
    ID  OWNER  STATE  BYTES  CREATED  NAME
    $ crypt-keeper documents list --owner carol
    | crypt-keeper: there is no user carol; `crypt-keeper user list` lists all
    exit code 1
    $ crypt-keeper documents list --limit 1
    ID  OWNER  STATE  BYTES  CREATED  NAME
    [id]  alice  pending  10  [time]  report.pdf
    | There is more: go on with --after [id]
    $ crypt-keeper documents list --after [id]
    ID  OWNER  STATE  BYTES  CREATED  NAME
    [id]  alice  pending  10  [time]  a\u{202e}fdp.exe\u{1b}[2J
    $ crypt-keeper documents show [id]
    id  [id]
    name  report.pdf
    owner  alice
    state  pending
    bytes  10
    content type  text/plain
    compressed  false
    format  AES256_GCM_HKDF_1MB
    created  [time]
    expires  -
    legal hold  false
    key exposed  false
    key pair  [serial] (active)
    object  0/[month]/[id]/[random]
    object bytes  not confirmed

    USER  RIGHTS  GRANTED BY  GRANTED  EXPIRES
    alice  read-metadata+read+complete+share+administer+delete  alice  [time]  -
    bob  read-metadata+read  alice  [time]  -
    $ crypt-keeper documents show [id]
    | crypt-keeper: there is no document [id]; `crypt-keeper documents list` lists all
    exit code 1
    $ crypt-keeper documents show 0197f6f0
    | error: invalid value '0197f6f0' for '<ID>': not a UUID: 36 characters such as [id] are needed
    | 
    | For more information, try '--help'.
    exit code 2
    $ crypt-keeper documents list --limit 0
    | error: invalid value '0' for '--limit <COUNT>': a number from 1 to 1000 is needed
    | 
    | For more information, try '--help'.
    exit code 2
    $ crypt-keeper documents list --after x
    | error: invalid value 'x' for '--after <ID>': not a UUID: 36 characters such as [id] are needed
    | 
    | For more information, try '--help'.
    exit code 2
    "#);
    for arguments in [
        &["documents", "list"][..],
        &["documents", "list", "--json"],
        &["documents", "show", &ids[1]],
        &["documents", "show", &ids[1], "--json"],
    ] {
        let shown = desk.run(arguments).stdout;
        assert!(
            !shown.contains('\u{202e}') && !shown.contains('\u{1b}'),
            "{shown:?}"
        );
    }
}

/// One row that cannot be read hides no other, neither from a list nor from who declares its key
/// pair compromised.
#[test]
fn a_document_that_cannot_be_read_is_named_and_passed_over() {
    let mut desk = Desk::set_up();
    let service = desk.serve();
    let ran = desk.run(&["user", "add", "alice", "--api-key"]);
    let key = ran.line().to_owned();
    let ids = ["a", "b", "c", "d"]
        .map(|name| http::id_of(&http::upload(service.address, "alice", &key, name)));
    let spoiled = ids[2].replace('-', "");
    desk.sql(&format!(
        "UPDATE documents SET state = 'lost' WHERE id = x'{spoiled}'"
    ));
    let pairs = desk.run(&["keys", "list", "--json"]).json();
    let serial = pairs[0]["serial"].as_str().unwrap();

    let listed = |arguments: &[&str]| {
        let ran = desk.run(arguments);
        let names: Vec<_> = ran
            .json()
            .iter()
            .filter_map(|line| line["name"].as_str().map(str::to_owned))
            .collect();
        (ran.code, names.concat(), ran.stderr)
    };
    let (code, names, said) = listed(&["documents", "list", "--json"]);
    assert_eq!((code, names.as_str()), (0, "ab"), "{said}");
    assert!(said.contains(&format!("--after {}", ids[1])), "{said}");
    // It is the next one, and behind it there are others.
    let named = format!("document {}: ", ids[2]);
    let (code, names, said) = listed(&["documents", "list", "--json", "--after", &ids[1]]);
    assert_eq!((code, names.as_str()), (1, ""), "{said}");
    assert!(said.contains(&named), "{said}");
    assert!(said.contains("documents list --after ID"), "{said}");
    let (code, names, said) = listed(&["documents", "list", "--json", "--after", &ids[2]]);
    assert_eq!((code, names.as_str(), said.as_str()), (0, "d", ""));

    let ran = desk.run(&["keys", "compromised", serial, "--json"]);
    let lines = ran.json();
    assert_eq!(lines[0]["newly_exposed"], 4, "readable or not: {lines:?}");
    let names: Vec<_> = lines[1..].iter().map(|line| line["name"].clone()).collect();
    assert_eq!((ran.code, names), (1, vec!["a".into(), "b".into()]));
    assert!(ran.stderr.contains(&named), "{}", ran.stderr);
}

#[test]
fn documents_in_json_say_all_that_the_table_says() {
    let (desk, ids) = story();
    let listed = desk.run(&["documents", "list", "--json"]).json();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[1]["name"], ODD_NAME);
    assert_eq!(listed[1]["owner"], "alice");
    let shown = desk
        .run(&["documents", "show", &ids[0], "--json"])
        .json()
        .remove(0);
    for (key, value) in listed[0].as_object().unwrap() {
        assert_eq!(&shown[key], value, "{key}");
    }
    let entries = shown["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[1]["user"], "bob");
    assert_eq!(entries[1]["granted_by"], "alice");
    assert_eq!(entries[1]["rights"], "read-metadata+read");
    for secret in ["wrapped", "commitment", "symmetric"] {
        assert!(!shown.to_string().contains(secret), "{shown}");
    }
}

#[test]
fn the_audit_log_tells_who_got_what() {
    let (desk, ids) = story();
    assert_snapshot!(desk.type_in(&[
        &format!("audit list --document {}", ids[0]),
        "audit list --action document.released",
        "audit list --action entry.granted --user bob",
        "audit list --action key_pair.activated",
        "audit list --action user.created --until 2020-01-01",
        "audit list --user carol",
        "audit list --since yesterday",
        "audit list --action nonsense",
        "audit list --after x",
        "audit list --all --limit 5",
    ]), @"
    $ crypt-keeper audit list --document [id]
    AT  ACTION  BY  FROM  ON
    [time]  document.released  bob  127.0.0.1  document [id] (read)
    [time]  entry.granted  alice  127.0.0.1  document [id] for bob (read-metadata+read)
    [time]  document.created  alice  127.0.0.1  document [id] for alice (read-metadata+read+complete+share+administer+delete)
    $ crypt-keeper audit list --action document.released
    AT  ACTION  BY  FROM  ON
    [time]  document.released  bob  127.0.0.1  document [id] (read)
    $ crypt-keeper audit list --action entry.granted --user bob
    AT  ACTION  BY  FROM  ON
    [time]  entry.granted  alice  127.0.0.1  document [id] for bob (read-metadata+read)
    $ crypt-keeper audit list --action key_pair.activated
    AT  ACTION  BY  FROM  ON
    [time]  key_pair.activated  (operator)  -  key pair [serial]
    $ crypt-keeper audit list --action user.created --until 2020-01-01
    AT  ACTION  BY  FROM  ON
    $ crypt-keeper audit list --user carol
    | crypt-keeper: there is no user carol; `crypt-keeper user list` lists all
    exit code 1
    $ crypt-keeper audit list --since yesterday
    | error: invalid value 'yesterday' for '--since <MOMENT>': a date such as 2026-03-01, or a moment such as [time], is needed
    | 
    | For more information, try '--help'.
    exit code 2
    $ crypt-keeper audit list --action nonsense
    | error: invalid value 'nonsense' for '--action <ACTION>'
    |  [possible values: document.created, document.released, entry.granted, entry.revoked, document.changed, document.rewrapped, document.expired, hold.placed, hold.completed, hold.removed, partition.closed, partition.emptying, partition.emptied, partition.dropped, partition.expired, user.created, user.disabled, user.enabled, user.retention_set, api_key.created, api_key.revoked, key_pair.created, key_pair.activated, key_pair.suspended, key_pair.resumed, key_pair.compromised, key_pair.destruction_scheduled, key_pair.destruction_cancelled, key_pair.destruction_begun, key_pair.destroyed, key_pair.changed, installation.copied, master_key.added, master_key.resealing_begun, master_key.resealing_done, master_key.removed]
    | 
    | For more information, try '--help'.
    exit code 2
    $ crypt-keeper audit list --after x
    | error: invalid value 'x' for '--after <ID>': the id of an act is needed, as `--json` shows it
    | 
    | For more information, try '--help'.
    exit code 2
    $ crypt-keeper audit list --all --limit 5
    | error: the argument '--all' cannot be used with '--limit <COUNT>'
    | 
    | Usage: crypt-keeper audit list --all
    | 
    | For more information, try '--help'.
    exit code 2
    ");
}

#[test]
fn an_export_pages_through_all_and_has_every_column() {
    let (desk, ids) = story();
    let all = desk.run(&["audit", "list", "--all", "--json"]);
    assert_eq!(all.stderr, "");
    let all = all.json();
    // Key pair made and activated; three users and their keys; two documents, one share, one release.
    assert_eq!(all.len(), 2 + 3 * 2 + 2 + 1 + 1);

    let mut paged = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let mut arguments = vec!["audit", "list", "--json", "--limit", "5"];
        if let Some(after) = &after {
            arguments.extend(["--after", after]);
        }
        let ran = desk.run(&arguments);
        paged.extend(ran.json());
        match ran
            .stderr
            .trim()
            .strip_prefix("There is more: go on with --after ")
        {
            Some(next) => after = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(paged, all, "the same entries, each once, in the same order");

    let released = all
        .iter()
        .find(|entry| entry["action"] == "document.released")
        .unwrap();
    assert_eq!(released["actor"], "user");
    assert_eq!(released["actor_name"], "bob");
    assert_eq!(released["document"], ids[0]);
    assert_eq!(released["address"], "127.0.0.1");
    let columns: Vec<_> = released.as_object().unwrap().keys().collect();
    for entry in &all {
        assert_eq!(
            entry.as_object().unwrap().keys().collect::<Vec<_>>(),
            columns
        );
        assert_eq!(entry["request_id"].as_str().unwrap().len(), 32, "{entry}");
    }
}
