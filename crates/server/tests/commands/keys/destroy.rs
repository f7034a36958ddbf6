//! `keys destroy`, `keys cancel-destroy`.

use insta::assert_snapshot;

use super::Story;

#[test]
fn a_pair_is_destroyed_only_when_nothing_needs_it_and_the_wait_is_over() {
    let story = Story::new();
    assert_snapshot!(story.type_in(&[
        "keys destroy SERIAL",
        "keys destroy SERIAL --confirm 7",
        "keys destroy SERIAL --confirm SERIAL",
        "keys rotate",
        "keys destroy SERIAL --confirm SERIAL",
    ]), @r"
    $ crypt-keeper keys destroy [serial]
    | crypt-keeper: key pair [serial] is active and 1 live document needs it. What was wrapped under it, in backups of the database too, opens never again once it is destroyed. If that is meant, repeat it with --confirm [serial]: nothing was done
    exit code 2
    $ crypt-keeper keys destroy [serial] --confirm 7
    | crypt-keeper: 7 was confirmed, but [serial] is to be destroyed: nothing was done
    exit code 2
    $ crypt-keeper keys destroy [serial] --confirm [serial]
    | crypt-keeper: key pair [serial] is active: rotate first (`crypt-keeper keys rotate`), and wait for a day
    exit code 1
    $ crypt-keeper keys rotate
    Key pair [serial] wraps the keys of new documents from now on.
    Key pair [serial] only unwraps from now on; documents under it stay readable.
    $ crypt-keeper keys destroy [serial] --confirm [serial]
    | crypt-keeper: key pair [serial] left active service less than a day ago: wait until [time]
    exit code 1
    ");
    let left = "UPDATE key_pairs SET deactivated_at = '2001-01-01 00:00:00' WHERE state = ";
    story.desk.sql(&format!("{left} 'deactivated'"));
    assert_snapshot!(story.type_in(&["keys destroy SERIAL --confirm SERIAL"]), @r"
    $ crypt-keeper keys destroy [serial] --confirm [serial]
    | crypt-keeper: key pair [serial] is needed; live documents under it: 1; they would be lost with it (`crypt-keeper documents list --key-pair SERIAL` lists them)
    exit code 1
    ");
    story.desk.sql("UPDATE documents SET state = 'deleted'");
    assert_snapshot!(story.type_in(&[
        "keys destroy SERIAL --confirm SERIAL --wait 6d",
        "keys destroy SERIAL --confirm SERIAL --wait 7d",
        "keys destroy SERIAL --confirm SERIAL",
        "keys suspend SERIAL",
        "keys cancel-destroy SERIAL",
        "keys cancel-destroy SERIAL",
        "keys destroy SERIAL --confirm SERIAL",
        "keys show SERIAL",
    ]), @r"
    $ crypt-keeper keys destroy [serial] --confirm [serial] --wait 6d
    | crypt-keeper: a destruction waits for at least 7 days
    exit code 2
    $ crypt-keeper keys destroy [serial] --confirm [serial] --wait 7d
    Key pair [serial] will be destroyed at [time]. Until then it neither wraps nor unwraps, and `crypt-keeper keys cancel-destroy [serial]` calls it off.
    $ crypt-keeper keys destroy [serial] --confirm [serial]
    The destruction of key pair [serial] is scheduled for [time] already; nothing was changed.
    $ crypt-keeper keys suspend [serial]
    | crypt-keeper: key pair [serial] is destroy-scheduled, which does not allow this; `crypt-keeper keys show SERIAL` shows it
    exit code 1
    $ crypt-keeper keys cancel-destroy [serial]
    Key pair [serial] will not be destroyed: it is deactivated again.
    $ crypt-keeper keys cancel-destroy [serial]
    No destruction of key pair [serial] is scheduled; nothing was changed.
    $ crypt-keeper keys destroy [serial] --confirm [serial]
    Key pair [serial] will be destroyed at [time]. Until then it neither wraps nor unwraps, and `crypt-keeper keys cancel-destroy [serial]` calls it off.
    $ crypt-keeper keys show [serial]
    serial  [serial]
    state  destroy-scheduled
    scope  shared
    algorithm  CK-HPKE-XWING
    live documents  0
    created  [time]
    activated  [time]
    deactivated  [time]
    to be destroyed  [time]
    before that  deactivated
    destroyed  -
    ");
    story
        .desk
        .sql("UPDATE key_pairs SET destroy_at = '2001-01-01 00:00:00' WHERE destroy_at > ''");
    assert_snapshot!(story.type_in(&[
        "keys destroy SERIAL --confirm SERIAL",
        "keys destroy SERIAL --confirm SERIAL",
        "keys cancel-destroy SERIAL",
        "keys show SERIAL",
        "keys show 12345",
        "keys show x",
    ]), @r"
    $ crypt-keeper keys destroy [serial] --confirm [serial]
    Key pair [serial] is destroyed: its private half is erased here. Backups of the key store hold it until they are deleted.
    $ crypt-keeper keys destroy [serial] --confirm [serial]
    Key pair [serial] was destroyed already; nothing was changed.
    $ crypt-keeper keys cancel-destroy [serial]
    | crypt-keeper: key pair [serial] is destroyed, which does not allow this; `crypt-keeper keys show SERIAL` shows it
    exit code 1
    $ crypt-keeper keys show [serial]
    serial  [serial]
    state  destroyed
    scope  shared
    algorithm  CK-HPKE-XWING
    live documents  0
    created  [time]
    activated  [time]
    deactivated  [time]
    to be destroyed  -
    before that  -
    destroyed  [time]
    $ crypt-keeper keys show 12345
    | crypt-keeper: no key pair has serial 12345; `crypt-keeper keys list` lists them
    exit code 1
    $ crypt-keeper keys show x
    | error: invalid value 'x' for '<SERIAL>': a serial is a number of decimal digits; `crypt-keeper keys list` lists them
    | 
    | For more information, try '--help'.
    exit code 2
    ");
    let shown = story.desk.run(&["keys", "show", &story.serial, "--json"]);
    let shown = shown.json().remove(0);
    assert_eq!(shown["state"], "destroyed");
    assert_eq!(shown["live_documents"], 0);
    assert!(shown["destroyed_at"].is_string(), "{shown}");
}
