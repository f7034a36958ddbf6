//! `user` and `api-key`.

use insta::assert_snapshot;

use crate::desk::Desk;
use crate::http;

#[test]
fn users_come_and_go() {
    let desk = Desk::set_up();
    assert_snapshot!(desk.type_in(&[
        "user add alice",
        "user add bob --api-key",
        "user add alice",
        "user list",
        "user disable alice",
        "user disable alice",
        "user list",
        "user enable alice",
        "user disable carol",
        "user enable carol",
    ]), @"
    $ crypt-keeper user add alice
    | Made user alice.
    | To sign in, an API key is needed: crypt-keeper api-key create alice
    $ crypt-keeper user add bob --api-key
    [API key]
    | Made user bob.
    | API key [key id 1] of user bob, on stdout now and never again. It does not expire by itself.
    $ crypt-keeper user add alice
    | crypt-keeper: there is a user alice already; for an API key: crypt-keeper api-key create alice
    exit code 1
    $ crypt-keeper user list
    NAME  STATE  RETENTION  CREATED  ID
    alice  active  -  [time]  [id]
    bob  active  -  [time]  [id]
    $ crypt-keeper user disable alice
    | User alice is disabled now.
    $ crypt-keeper user disable alice
    | User alice is disabled already.
    $ crypt-keeper user list
    NAME  STATE  RETENTION  CREATED  ID
    alice  disabled  -  [time]  [id]
    bob  active  -  [time]  [id]
    $ crypt-keeper user enable alice
    | User alice is active now.
    $ crypt-keeper user disable carol
    | crypt-keeper: there is no user carol; `crypt-keeper user list` lists all
    exit code 1
    $ crypt-keeper user enable carol
    | crypt-keeper: there is no user carol; `crypt-keeper user list` lists all
    exit code 1
    ");
}

#[test]
fn a_user_has_a_retention_class_of_his_own_or_none() {
    let mut desk =
        Desk::set_up().with("CRYPT_KEEPER__RETENTION__CLASSES", "1:short:7d,64:long:90d");
    assert_snapshot!(desk.type_in(&[
        "user add alice --retention short",
        "user add bob",
        "user add carol --retention medium",
        "user list",
        "user set-retention bob long",
        "user set-retention bob long",
        "user set-retention bob Long",
        "user set-retention dave long",
        "user set-retention bob",
        "user list --json",
    ]), @r#"
    $ crypt-keeper user add alice --retention short
    | Made user alice.
    | To sign in, an API key is needed: crypt-keeper api-key create alice
    $ crypt-keeper user add bob
    | Made user bob.
    | To sign in, an API key is needed: crypt-keeper api-key create bob
    $ crypt-keeper user add carol --retention medium
    | crypt-keeper: no retention class is named `medium`: choose one of default, short, long
    exit code 2
    $ crypt-keeper user list
    NAME  STATE  RETENTION  CREATED  ID
    alice  active  short  [time]  [id]
    bob  active  -  [time]  [id]
    $ crypt-keeper user set-retention bob long
    | Documents for which bob chooses no retention class are of retention class long from now on.
    $ crypt-keeper user set-retention bob long
    | Documents for which bob chooses no retention class are of retention class long already.
    $ crypt-keeper user set-retention bob Long
    | crypt-keeper: a retention class is named by 1 to 32 lower-case letters, digits and `-`, a letter first
    exit code 2
    $ crypt-keeper user set-retention dave long
    | crypt-keeper: there is no user dave; `crypt-keeper user list` lists all
    exit code 1
    $ crypt-keeper user set-retention bob
    | error: the following required arguments were not provided:
    |  <CLASS|--none>
    | 
    | Usage: crypt-keeper user set-retention <CLASS|--none> <NAME>
    | 
    | For more information, try '--help'.
    exit code 2
    $ crypt-keeper user list --json
    {"created_at":"[time]","id":"[id]","name":"alice","retention":{"name":"short","number":1},"state":"active"}
    {"created_at":"[time]","id":"[id]","name":"bob","retention":{"name":"long","number":64},"state":"active"}
    "#);
    // What is taken out of the configuration is shown by its number.
    desk.set("CRYPT_KEEPER__RETENTION__CLASSES", "64:long:90d");
    assert_snapshot!(desk.type_in(&[
        "user list",
        "user set-retention alice --none",
        "user list",
        "audit list --action user.retention_set",
    ]), @"
    $ crypt-keeper user list
    NAME  STATE  RETENTION  CREATED  ID
    alice  active  1  [time]  [id]
    bob  active  long  [time]  [id]
    $ crypt-keeper user set-retention alice --none
    | Documents for which alice chooses no retention class are of the configured default from now on.
    $ crypt-keeper user list
    NAME  STATE  RETENTION  CREATED  ID
    alice  active  -  [time]  [id]
    bob  active  long  [time]  [id]
    $ crypt-keeper audit list --action user.retention_set
    AT  ACTION  BY  FROM  ON
    [time]  user.retention_set  (operator)  -  user alice
    [time]  user.retention_set  (operator)  -  user bob
    ");
}

/// The class that the operator chose is that of the user's uploads; one that is not configured any
/// more refuses those that choose no other.
#[test]
fn uploads_are_of_the_users_class() {
    let mut desk = Desk::set_up().with("CRYPT_KEEPER__RETENTION__CLASSES", "1:short:7d");
    let ran = desk.run(&["user", "add", "alice", "--api-key", "--retention", "short"]);
    let key = ran.line().to_owned();
    let service = desk.serve();
    let id = http::id_of(&http::upload(service.address, "alice", &key, "a.txt"));
    let shown = desk.run(&["documents", "show", &id, "--json"]).json();
    assert!(shown[0]["expires_at"].is_string(), "{}", shown[0]);

    drop(service);
    desk.set("CRYPT_KEEPER__RETENTION__CLASSES", "2:other:7d");
    let service = desk.serve();
    let (status, body) = http::upload(service.address, "alice", &key, "b.txt");
    assert_eq!(status, 400);
    assert!(
        body.contains("retention class 1, the default of this user, is not configured any more"),
        "{body}"
    );
    assert_eq!(http::download(service.address, "alice", &key, &id), 200);
    assert_eq!(
        desk.run(&["user", "set-retention", "alice", "--none"]).code,
        0
    );
    let id = http::id_of(&http::upload(service.address, "alice", &key, "c.txt"));
    let shown = desk.run(&["documents", "show", &id, "--json"]).json();
    assert!(shown[0]["expires_at"].is_null(), "{}", shown[0]);
}

#[test]
fn names_that_cannot_be_are_refused_at_the_edge() {
    let desk = Desk::set_up();
    let long = "x".repeat(129);
    for name in ["a:b", "", "a\nb", &long] {
        let ran = desk.run(&["user", "add", name]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{name:?}");
    }
    assert_snapshot!(desk.type_in(&["user add a:b", "user list"]), @"
    $ crypt-keeper user add a:b
    | error: invalid value 'a:b' for '<NAME>': a user name has no `:` and no control characters
    | 
    | For more information, try '--help'.
    exit code 2
    $ crypt-keeper user list
    NAME  STATE  RETENTION  CREATED  ID
    ");
}

#[test]
fn an_api_key_stands_alone_on_stdout() {
    let desk = Desk::set_up();
    let made = desk.run(&["user", "add", "alice", "--api-key"]);
    let first = made.line();
    assert_eq!((first.len(), &first[..3]), (59, "ck_"));
    assert!(!made.stderr.contains(&first[16..]), "a secret on stderr");
    let made = desk.run(&["api-key", "create", "alice"]);
    assert_ne!(made.line(), first);
}

#[test]
fn two_keys_live_at_a_time() {
    let desk = Desk::set_up();
    assert_snapshot!(desk.type_in(&[
        "user add alice --api-key --expires-in 90d",
        "api-key create alice --expires-at 2099-01-01",
        "api-key create alice",
        "api-key list alice",
    ]), @r"
    $ crypt-keeper user add alice --api-key --expires-in 90d
    [API key]
    | Made user alice.
    | API key [key id 1] of user alice, on stdout now and never again. It expires at [time].
    $ crypt-keeper api-key create alice --expires-at 2099-01-01
    [API key]
    | API key [key id 2] of user alice, on stdout now and never again. It expires at [time].
    $ crypt-keeper api-key create alice
    | crypt-keeper: user alice has 2 live API keys, the most that are allowed: see `crypt-keeper api-key list alice`, and revoke one first
    exit code 1
    $ crypt-keeper api-key list alice
    ID  STATE  CREATED  EXPIRES  REVOKED
    [key id 1]  live  [time]  [time]  -
    [key id 2]  live  [time]  [time]  -
    ");
    let keys = desk.run(&["api-key", "list", "alice", "--json"]).json();
    assert_eq!(keys[1]["expires_at"], "2099-01-01T00:00:00.000000Z");
    assert_eq!(keys[1]["state"], "live");
    assert_eq!(keys[1]["revoked_at"], serde_json::Value::Null);
    let id = keys[0]["id"].as_str().unwrap().to_owned();
    assert_snapshot!(desk.type_in(&[
        &format!("api-key revoke {id}"),
        &format!("api-key revoke ck_{id}"),
        "api-key create alice",
        "api-key list alice",
    ]), @r"
    $ crypt-keeper api-key revoke [key id 1]
    | API key [key id 1] is revoked: it is refused from now on.
    $ crypt-keeper api-key revoke [key id 1]
    | API key [key id 1] was revoked already.
    $ crypt-keeper api-key create alice
    [API key]
    | API key [key id 3] of user alice, on stdout now and never again. It does not expire by itself.
    $ crypt-keeper api-key list alice
    ID  STATE  CREATED  EXPIRES  REVOKED
    [key id 1]  revoked  [time]  [time]  [time]
    [key id 2]  live  [time]  [time]  -
    [key id 3]  live  [time]  -  -
    ");
}

#[test]
fn a_whole_key_in_a_command_line_is_named_by_its_id_alone() {
    let desk = Desk::set_up();
    let key = desk
        .run(&["user", "add", "alice", "--api-key"])
        .line()
        .to_owned();
    let ran = desk.run(&["api-key", "revoke", &key]);
    assert_eq!(ran.code, 0);
    assert!(
        ran.stderr
            .starts_with("warning: more than the id was given."),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("is revoked"), "{}", ran.stderr);
    assert!(!ran.stderr.contains(&key[16..]), "{}", ran.stderr);
    // Nearly a key: a slip must not be repeated either.
    for slip in [&key[1..], &key[3..58], &key[16..]] {
        let ran = desk.run(&["api-key", "revoke", slip]);
        assert!(ran.code != 0 || slip.starts_with(&key[3..15]), "{slip}");
        assert!(
            !ran.stderr.contains(&slip[slip.len() - 20..]),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn what_is_asked_wrongly_is_said_in_one_line() {
    let desk = Desk::set_up();
    assert_snapshot!(desk.type_in(&[
        "api-key revoke nonsense",
        "api-key revoke 000000000000",
        "api-key create carol",
        "api-key list carol",
        "user add dave --expires-in 90d",
        "user add dave --api-key --expires-at 2020-01-01",
        "user list",
        "user add dave --api-key",
        "api-key create dave --expires-at 2020-01-01",
        "api-key create dave --expires-in 90",
        "api-key create dave --expires-in 1d --expires-at 2099-01-01",
    ]), @"
    $ crypt-keeper api-key revoke nonsense
    | crypt-keeper: that is not the id of an API key: 12 letters and digits are needed, as `crypt-keeper api-key list NAME` shows them
    exit code 2
    $ crypt-keeper api-key revoke 000000000000
    | crypt-keeper: there is no API key 000000000000; `crypt-keeper api-key list NAME` lists those of a user
    exit code 1
    $ crypt-keeper api-key create carol
    | crypt-keeper: there is no user carol; `crypt-keeper user list` lists all
    exit code 1
    $ crypt-keeper api-key list carol
    | crypt-keeper: there is no user carol; `crypt-keeper user list` lists all
    exit code 1
    $ crypt-keeper user add dave --expires-in 90d
    | crypt-keeper: an expiry is that of an API key: give --api-key too
    exit code 2
    $ crypt-keeper user add dave --api-key --expires-at 2020-01-01
    | crypt-keeper: the API key would expire before it is made; choose a later moment
    exit code 2
    $ crypt-keeper user list
    NAME  STATE  RETENTION  CREATED  ID
    $ crypt-keeper user add dave --api-key
    [API key]
    | Made user dave.
    | API key [key id 1] of user dave, on stdout now and never again. It does not expire by itself.
    $ crypt-keeper api-key create dave --expires-at 2020-01-01
    | crypt-keeper: the input is not valid: expires_at: an API key cannot expire before it is made; choose a later moment
    exit code 2
    $ crypt-keeper api-key create dave --expires-in 90
    | error: invalid value '90' for '--expires-in <TIME>': a number and a unit are needed, such as 90d: m (minutes), h (hours), d (days), w (weeks)
    | 
    | For more information, try '--help'.
    exit code 2
    $ crypt-keeper api-key create dave --expires-in 1d --expires-at 2099-01-01
    | error: the argument '--expires-in <TIME>' cannot be used with '--expires-at <MOMENT>'
    | 
    | Usage: crypt-keeper api-key create --expires-in <TIME> <NAME>
    | 
    | For more information, try '--help'.
    exit code 2
    ");
}

#[test]
fn a_list_of_users_is_one_json_object_a_line() {
    let desk = Desk::set_up();
    for name in ["bob", "alice", "a\u{202e}b"] {
        assert_eq!(desk.run(&["user", "add", name]).code, 0);
    }
    let ran = desk.run(&["user", "list", "--json"]);
    let names: Vec<_> = ran.json().iter().map(|user| user["name"].clone()).collect();
    assert_eq!(names, ["alice", "a\u{202e}b", "bob"]);
    assert!(
        !ran.stdout.contains('\u{202e}'),
        "it would turn the terminal's text round"
    );
    let table = desk.run(&["user", "list"]).stdout;
    assert!(
        table.contains(r"a\u{202e}b") && !table.contains('\u{202e}'),
        "{table}"
    );
    for user in ran.json() {
        assert_eq!(user["state"], "active");
        assert!(
            user["id"].is_string() && user["created_at"].is_string(),
            "{user}"
        );
    }
}

#[test]
fn a_command_before_the_first_start_makes_nothing() {
    let desk = Desk::bare();
    assert_snapshot!(desk.type_in(&["user add alice --api-key", "migrate"]), @r"
    $ crypt-keeper user add alice --api-key
    | crypt-keeper: there is no database ./crypt-keeper-data/metadata.db: start the service once, or run `crypt-keeper setup`; `--data-dir` says where it is
    exit code 1
    $ crypt-keeper migrate
    | crypt-keeper: there is no database ./crypt-keeper-data/metadata.db: start the service once, or run `crypt-keeper setup`; `--data-dir` says where it is
    exit code 1
    ");
    assert!(!desk.path("crypt-keeper-data").exists());
}
