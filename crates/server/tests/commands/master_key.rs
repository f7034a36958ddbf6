//! `master-key`.

use insta::assert_snapshot;

use crate::desk::{Desk, mode};

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
