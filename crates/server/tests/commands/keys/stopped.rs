//! `keys suspend`, `keys resume`, `keys compromised`.

use insta::assert_snapshot;

use super::Story;

#[test]
fn a_suspended_pair_is_stopped_at_once_and_resumed() {
    let story = Story::new();
    assert_eq!(story.download(), 200);
    assert_snapshot!(story.type_in(&[
        "keys suspend SERIAL",
        "keys suspend SERIAL",
        "keys show SERIAL",
    ]), @r"
    $ crypt-keeper keys suspend [serial]
    Key pair [serial] is suspended: 1 live document is unreadable until it is resumed.
    Key pair [serial] wraps the keys of new documents from now on.
    $ crypt-keeper keys suspend [serial]
    Key pair [serial] was suspended already; nothing was changed.
    $ crypt-keeper keys show [serial]
    serial  [serial]
    state  suspended
    scope  shared
    algorithm  CK-HPKE-XWING
    live documents  1
    created  [time]
    activated  [time]
    deactivated  [time]
    to be destroyed  -
    before that  -
    destroyed  -
    ");
    assert_eq!(story.download(), 503);
    assert_eq!(story.upload(), 201, "the successor wraps");
    assert_snapshot!(story.type_in(&[
        "keys resume SERIAL --active",
        "keys resume SERIAL",
        "keys resume SERIAL",
        "keys resume SERIAL --active",
        "keys list",
    ]), @r"
    $ crypt-keeper keys resume [serial] --active
    | crypt-keeper: scope shared has another active key pair; resume it without --active, and its documents can be read again
    exit code 1
    $ crypt-keeper keys resume [serial]
    Key pair [serial] unwraps again: its documents can be read.
    $ crypt-keeper keys resume [serial]
    Key pair [serial] is deactivated already; nothing was changed.
    $ crypt-keeper keys resume [serial] --active
    | crypt-keeper: key pair [serial] is deactivated, which does not allow this; `crypt-keeper keys show SERIAL` shows it
    exit code 1
    $ crypt-keeper keys list
    SERIAL  STATE  SCOPE  ALGORITHM  CREATED  DEACTIVATED
    [serial]  deactivated  shared  CK-HPKE-XWING  [time]  [time]
    [serial]  active  shared  CK-HPKE-XWING  [time]  -
    ");
    assert_eq!(story.download(), 200);

    let active = story.desk.run(&["keys", "list", "--json"]).json().remove(1);
    let active = active["serial"].as_str().unwrap().to_owned();
    assert_snapshot!(story.desk.type_in(&[
        &format!("keys suspend {active} --no-successor"),
        "keys list",
    ]), @r"
    $ crypt-keeper keys suspend [serial] --no-successor
    Key pair [serial] is suspended: 1 live document is unreadable until it is resumed.
    | If it was the active one, nothing can be uploaded in its scope: see `crypt-keeper keys rotate`. The pair of a partition or a customer is made anew by the next upload
    $ crypt-keeper keys list
    SERIAL  STATE  SCOPE  ALGORITHM  CREATED  DEACTIVATED
    [serial]  deactivated  shared  CK-HPKE-XWING  [time]  [time]
    [serial]  suspended  shared  CK-HPKE-XWING  [time]  [time]
    ");
    assert_eq!(story.upload(), 503, "nobody wraps");
    let resumed = story
        .desk
        .run(&["keys", "resume", &active, "--active", "--json"]);
    let resumed = resumed.json().remove(0);
    assert_eq!(resumed["pair"]["state"], "active");
    assert_eq!(resumed["changed"], true);
    assert_eq!(story.upload(), 201);
}

#[test]
fn a_compromised_pair_releases_nothing_and_names_the_documents_concerned() {
    let story = Story::new();
    assert_snapshot!(story.type_in(&["keys compromised SERIAL"]), @r"
    $ crypt-keeper keys compromised [serial]
    Key pair [serial] is compromised from now on: it unwraps for rewrapping only.
    Key pair [serial] wraps the keys of new documents from now on.
    Until they are rewrapped, 1 live document is not released.
    Newly marked as exposed: 1. `crypt-keeper documents list --exposed --by-owner` says whose they are; tell them that only a new upload helps.
    `crypt-keeper keys rewrap [serial]` rewraps them.

    ID  OWNER  STATE  BYTES  CREATED  NAME
    [id]  alice  pending+exposed  10  [time]  report.pdf
    ");
    assert_eq!(story.download(), 503);
    assert_eq!(story.upload(), 201, "the successor wraps");
    assert_snapshot!(story.type_in(&[
        "keys compromised SERIAL",
        "documents list --exposed",
        "documents list --exposed --owner alice",
        "documents list --exposed --by-owner",
        "documents list --key-pair SERIAL",
        "keys resume SERIAL",
        "keys suspend SERIAL",
        "keys list",
    ]), @r"
    $ crypt-keeper keys compromised [serial]
    Key pair [serial] was compromised already: it unwraps for rewrapping only.
    Until they are rewrapped, 1 live document is not released.
    Newly marked as exposed: 0. `crypt-keeper documents list --exposed --by-owner` says whose they are; tell them that only a new upload helps.
    `crypt-keeper keys rewrap [serial]` rewraps them.

    ID  OWNER  STATE  BYTES  CREATED  NAME
    [id]  alice  pending+exposed  10  [time]  report.pdf
    $ crypt-keeper documents list --exposed
    ID  OWNER  STATE  BYTES  CREATED  NAME
    [id]  alice  pending+exposed  10  [time]  report.pdf
    $ crypt-keeper documents list --exposed --owner alice
    ID  OWNER  STATE  BYTES  CREATED  NAME
    [id]  alice  pending+exposed  10  [time]  report.pdf
    $ crypt-keeper documents list --exposed --by-owner
    OWNER  EXPOSED DOCUMENTS
    alice  1
    $ crypt-keeper documents list --key-pair [serial]
    ID  OWNER  STATE  BYTES  CREATED  NAME
    [id]  alice  pending+exposed  10  [time]  report.pdf
    $ crypt-keeper keys resume [serial]
    | crypt-keeper: key pair [serial] is compromised, which does not allow this; `crypt-keeper keys show SERIAL` shows it
    exit code 1
    $ crypt-keeper keys suspend [serial]
    | crypt-keeper: key pair [serial] is compromised, which does not allow this; `crypt-keeper keys show SERIAL` shows it
    exit code 1
    $ crypt-keeper keys list
    SERIAL  STATE  SCOPE  ALGORITHM  CREATED  DEACTIVATED
    [serial]  compromised  shared  CK-HPKE-XWING  [time]  [time]
    [serial]  active  shared  CK-HPKE-XWING  [time]  -
    ");
    let again = story
        .desk
        .run(&["keys", "compromised", &story.serial, "--json"]);
    let mut lines = again.json();
    let again = lines.remove(0);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["id"], story.id);
    assert_eq!(lines[0]["owner"], "alice");
    assert_eq!(lines[0]["name"], "report.pdf");
    assert_eq!(again["changed"], false);
    assert_eq!(again["newly_exposed"], 0);
    assert_eq!(again["live_documents"], 1);
    assert_eq!(again["successor"], serde_json::Value::Null);
}
