//! `master-key`.

use insta::assert_snapshot;

use crate::desk::{Desk, free_port, mode};

/// Set up, with no service on its address.
fn quiet() -> (Desk, String) {
    let mut desk = Desk::set_up();
    let address = format!("127.0.0.1:{}", free_port());
    desk.set("CRYPT_KEEPER__HTTP__LISTEN", &address);
    (desk, address)
}

#[test]
fn a_master_key_is_made_once_and_never_shown() {
    let desk = Desk::bare();
    let path = desk.path("master.key");
    assert_snapshot!(desk.type_in(&[
        "master-key new master.key",
        "master-key new master.key",
        "master-key new .",
    ]), @r"
    $ crypt-keeper master-key new master.key
    ~/master.key
    | A new master key is in this file, mode 0600. Next:
    | - keep a copy of it apart from the backups of the databases: without it no document can be read again, and with both anybody can read all;
    | - name it to the service: CRYPT_KEEPER__KEYS__MASTER_KEY_FILE=~/master.key;
    | - run: crypt-keeper setup
    $ crypt-keeper master-key new master.key
    | crypt-keeper: ~/master.key is there already, and is not overwritten
    exit code 1
    $ crypt-keeper master-key new .
    | crypt-keeper: ~ is there already, and is not overwritten
    exit code 1
    ");
    let ran = desk.run(&["master-key", "new", "nowhere/master.key"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(
        ran.stderr
            .contains("nowhere/master.key: No such file or directory"),
        "{}",
        ran.stderr
    );
    assert_eq!(mode(&path), 0o600);
    let ring = std::fs::read_to_string(&path).unwrap();
    let (_, key) = ring.trim().split_once(':').unwrap();
    let ran = desk.run(&["master-key", "new", "another.key"]);
    assert!(!ran.stdout.contains(key) && !ran.stderr.contains(key));
    assert_ne!(
        std::fs::read_to_string(desk.path("another.key")).unwrap(),
        ring
    );
}

#[test]
fn it_works_where_the_configuration_is_still_wrong() {
    let desk = Desk::bare().with("CRYPT_KEEPER__METADATA__BACKEND", "postgres");
    assert_eq!(desk.run(&["master-key", "new", "master.key"]).code, 0);
    assert_eq!(desk.run(&["user", "list"]).code, 2);
}

/// Whether by the environment or by the command line: it is never made in clear instead.
#[test]
fn a_key_that_is_to_be_sealed_is_not_made_while_the_configuration_is_refused() {
    let by_variable = "CRYPT_KEEPER__KEYS__MASTER_KEY_TRANSIT";
    let by_flag = ["--set", "keys.master_key_transit=transit/master-key"];
    for (desk, flags) in [
        (
            Desk::bare().with(by_variable, "transit/master-key"),
            &[][..],
        ),
        (Desk::bare(), &by_flag[..]),
    ] {
        let path = desk.path("ring");
        let words = ["master-key", "new", path.to_str().unwrap()];
        let refused = desk.run(&[&words[..], flags].concat());
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""));
        let says = "`keys.master_key_transit` needs";
        assert!(refused.stderr.contains(says), "{}", refused.stderr);
        assert!(!path.exists(), "{flags:?}");
    }
    // Refused for another reason, and nothing says so.
    let desk = Desk::bare().with("CRYPT_KEEPER__METADATA__BACKEND", "postgres");
    let path = desk.path("ring");
    let made = desk.run(&["master-key", "new", path.to_str().unwrap()]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    assert!(
        made.stderr.contains("not sealed by Transit"),
        "{}",
        made.stderr
    );
    assert!(path.exists());
}

#[test]
fn a_change_of_master_key_from_begin_to_end() {
    let (desk, address) = quiet();
    for _ in 0..2 {
        assert_eq!(desk.run(&["keys", "rotate"]).code, 0);
    }
    let transcript = desk.type_in(&[
        "master-key status",
        "master-key prune",
        "master-key rotate",
        "master-key status",
        "master-key rotate",
        "master-key prune",
        "master-key prune --now",
        "master-key status",
    ]);
    assert_snapshot!(transcript.replace(&address, "HERE"), @r"
    $ crypt-keeper master-key status
    MASTER KEY  RING  SERVICE  PRIVATE HALVES
    [master key]  seals  -  3
    | No service answers on this machine.
    $ crypt-keeper master-key prune
    The ring holds one master key: there is nothing to take out.
    $ crypt-keeper master-key rotate
    New in the ring, and first: master key [master key].
    Private halves: 3 sealed anew, 0 were already.
    | No service answers at HERE: one that runs elsewhere must be able to read this ring.
    | Keep a copy of the new ring apart from the databases' backups. It still holds old keys (1): run `crypt-keeper master-key prune` after [time] to take them out: until then URLs may be in use that were signed under them.
    $ crypt-keeper master-key status
    MASTER KEY  RING  SERVICE  PRIVATE HALVES
    [master key]  seals  -  3
    [master key]  opens  -  0
    | No service answers on this machine.
    $ crypt-keeper master-key rotate
    All is sealed already under master key [master key].
    | Keep a copy of the new ring apart from the databases' backups. It still holds old keys (1): run `crypt-keeper master-key prune` after [time] to take them out: until then URLs may be in use that were signed under them.
    $ crypt-keeper master-key prune
    | crypt-keeper: URLs that were signed before the ring changed may be in use until [time]: run this again then, or with --now, which stops them
    exit code 1
    $ crypt-keeper master-key prune --now
    Took master key [master key] out of the ring.
    | No service answers on this machine: those elsewhere need the new ring.
    | A backup of the key store from before the change opens with the old ring alone: keep its copy as long as such backups.
    $ crypt-keeper master-key status
    MASTER KEY  RING  SERVICE  PRIVATE HALVES
    [master key]  seals  -  3
    | No service answers on this machine.
    ");
    let path = desk.data("master.key");
    assert_eq!(mode(&path), 0o600);
    let ring = std::fs::read_to_string(&path).unwrap();
    assert_eq!(ring.lines().count(), 1);
    let (_, key) = ring.trim().split_once(':').unwrap();
    let ran = desk.run(&["master-key", "status", "--json"]);
    assert!(!ran.stdout.contains(key) && !ran.stderr.contains(key));
    // What the new key seals, it opens.
    let doctor = desk.run(&["doctor"]).stdout;
    assert!(
        doctor.contains("the master key opens all private halves (3)"),
        "{doctor}"
    );
}

#[test]
fn scripts_are_told_each_step() {
    let (desk, _) = quiet();
    let first = &desk.run(&["master-key", "status", "--json"]).json()[0];
    assert_eq!(first["source"], "file");
    assert_eq!(first["service"], "not running");
    let old = first["master_keys"][0]["id"].clone();
    let steps = desk.run(&["master-key", "rotate", "--json"]).json();
    let events: Vec<_> = steps.iter().map(|step| &step["event"]).collect();
    assert_eq!(events, ["added", "sealed", "finished"]);
    let new = &steps[0]["master_key"];
    assert_ne!(*new, old);
    assert_eq!(steps[1]["anew"], true);
    assert_eq!(
        (&steps[1]["number"], &steps[1]["of"]),
        (&1.into(), &1.into())
    );
    assert_eq!(steps[2]["anew"], 1);
    let again = desk.run(&["master-key", "rotate", "--json"]).json();
    let unchanged = serde_json::json!({ "event": "unchanged", "master_key": new });
    assert_eq!(again, [unchanged]);

    let pruned = desk.run(&["master-key", "prune", "--now", "--json"]).json();
    assert_eq!(pruned[0]["taken_out"][0], old);
    assert_eq!(pruned[0]["master_key"], *new);
    let after = &desk.run(&["master-key", "status", "--json"]).json()[0];
    let expected = serde_json::json!([
        { "id": new, "ring": "seals", "service": "-", "private_halves": 1 }
    ]);
    assert_eq!(after["master_keys"], expected);
}

#[test]
fn a_key_that_is_needed_stays_and_one_that_is_missing_is_named() {
    let (desk, _) = quiet();
    let path = desk.data("master.key");
    let old = std::fs::read_to_string(&path).unwrap();
    let (old_id, _) = old.trim().split_once(':').unwrap();
    assert_eq!(desk.run(&["master-key", "rotate", "--add-only"]).code, 0);
    let kept = desk.run(&["master-key", "prune", "--now"]);
    assert_eq!(kept.code, 1);
    assert!(
        kept.stderr.contains(&format!("stay in the ring: {old_id}")),
        "{}",
        kept.stderr
    );
    assert!(std::fs::read_to_string(&path).unwrap().ends_with(&old));

    // By hand, against all advice.
    let both = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, both.replace(&old, "")).unwrap();
    let status = desk.run(&["master-key", "status"]);
    assert_eq!(status.code, 1);
    assert!(status.stdout.contains(&format!("{old_id}  missing")));
    for command in ["rotate", "prune"] {
        let refused = desk.run(&["master-key", command]);
        assert_eq!(refused.code, 1);
        assert!(refused.stderr.contains(old_id), "{}", refused.stderr);
    }
    std::fs::write(&path, both).unwrap();
    assert_eq!(desk.run(&["master-key", "rotate"]).code, 0);
    assert_eq!(desk.run(&["master-key", "prune", "--now"]).code, 0);
}

#[test]
fn a_service_that_runs_is_waited_for_and_told_of() {
    let mut desk = Desk::set_up();
    let _service = desk.serve();
    let rotated = desk.run(&["master-key", "rotate"]);
    assert_eq!(rotated.code, 0, "{}", rotated.stderr);
    let status = &desk.run(&["master-key", "status", "--json"]).json()[0];
    assert_eq!(status["service"], "current");
    assert_eq!(status["master_keys"][0]["service"], "seals");
    assert_eq!(status["master_keys"][1]["service"], "opens");
}
