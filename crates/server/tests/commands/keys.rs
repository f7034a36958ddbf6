//! `keys`.

use insta::assert_snapshot;

use crate::desk::{Desk, Service};
use crate::http;

#[test]
fn a_rotation_leaves_the_old_pair_to_unwrap() {
    let desk = Desk::set_up();
    assert_snapshot!(desk.type_in(&["keys list", "keys rotate", "keys list"]), @r"
    $ crypt-keeper keys list
    SERIAL  STATE  SCOPE  ALGORITHM  CREATED  DEACTIVATED
    [serial]  active  shared  CK-HPKE-XWING  [time]  -
    $ crypt-keeper keys rotate
    Key pair [serial] wraps the keys of new documents from now on.
    Key pair [serial] only unwraps from now on; documents under it stay readable.
    $ crypt-keeper keys list
    SERIAL  STATE  SCOPE  ALGORITHM  CREATED  DEACTIVATED
    [serial]  deactivated  shared  CK-HPKE-XWING  [time]  [time]
    [serial]  active  shared  CK-HPKE-XWING  [time]  -
    ");
    let before = desk.run(&["keys", "list", "--json"]).json();
    let rotation = desk.run(&["keys", "rotate", "--json"]).json().remove(0);
    assert_eq!(rotation["deactivated"]["serial"], before[1]["serial"]);
    assert_eq!(rotation["deactivated"]["state"], "deactivated");
    assert_eq!(rotation["active"]["state"], "active");
    let after = desk.run(&["keys", "list", "--json"]).json();
    assert_eq!(after.len(), 3);
    assert_eq!(after[2], rotation["active"]);
    for pair in after {
        let serial = pair["serial"].as_str().expect("a serial is text");
        assert!(
            serial.parse::<u64>().is_ok_and(|number| number >> 63 == 0),
            "{serial}"
        );
    }
}

#[test]
fn nothing_is_rotated_under_a_master_key_that_opens_nothing() {
    let desk = Desk::set_up();
    std::fs::remove_file(desk.data("master.key")).unwrap();
    let path = desk.data("master.key");
    assert_eq!(
        desk.run(&["master-key", "new", path.to_str().unwrap()])
            .code,
        0
    );
    let ran = desk.run(&["keys", "rotate"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(
        ran.stderr.contains("no private half opens"),
        "{}",
        ran.stderr
    );
    assert_eq!(desk.run(&["keys", "list", "--json"]).json().len(), 1);
}

/// A service with one document of Alice's; its key pair's serial, and what fetches the document.
struct Story {
    desk: Desk,
    service: Service,
    key: String,
    id: String,
    serial: String,
}

impl Story {
    fn new() -> Self {
        // What a compromised pair leaves behind is looked at in peace.
        let mut desk = Desk::set_up().with("CRYPT_KEEPER__KEYS__REWRAP_RATE", "off");
        let service = desk.serve();
        let ran = desk.run(&["user", "add", "alice", "--api-key"]);
        let key = ran.line().to_owned();
        let uploaded = http::upload(service.address, "alice", &key, "report.pdf");
        let serial = desk.run(&["keys", "list", "--json"]).json().remove(0);
        Self {
            id: http::id_of(&uploaded),
            serial: serial["serial"].as_str().unwrap().to_owned(),
            desk,
            service,
            key,
        }
    }

    /// The status of a download.
    fn download(&self) -> u16 {
        http::download(self.service.address, "alice", &self.key, &self.id)
    }

    /// The status of an upload.
    fn upload(&self) -> u16 {
        http::upload(self.service.address, "alice", &self.key, "more.pdf").0
    }

    /// Runs commands on the pair, and writes down what one sees.
    fn type_in(&self, commands: &[&str]) -> String {
        let lines: Vec<_> = commands
            .iter()
            .map(|command| command.replace("SERIAL", &self.serial))
            .collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        self.desk.type_in(&lines)
    }
}

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
    | If it was the active one, nothing can be uploaded in its scope: see `crypt-keeper keys rotate`
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

/// Until both ends were seen: one rotates, and the other says that it did not.
pub(crate) fn of_two_rotators_one_wins(desk: &Desk) {
    let mut refused = 0;
    for _ in 0..20 {
        // A pair of RSA takes long to make: both have looked before one is done.
        let algorithm = "keys.algorithm=CK-RSA-OAEP-256";
        let rans = desk.run_twice_at_once(&["keys", "rotate", "--set", algorithm]);
        let won = rans.iter().filter(|ran| ran.code == 0).count();
        assert!(won > 0, "{} {}", rans[0].stderr, rans[1].stderr);
        for ran in rans.iter().filter(|ran| ran.code != 0) {
            assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
            assert_eq!(
                ran.stderr,
                "crypt-keeper: somebody else rotated at the same time, and that pair is active: \
                 see `crypt-keeper keys list`\n"
            );
            refused += 1;
        }
        let pairs = desk.run(&["keys", "list", "--json"]).json();
        let active = pairs
            .iter()
            .filter(|pair| pair["state"] == "active" && pair["algorithm"] == "CK-RSA-OAEP-256");
        assert_eq!(active.count(), 1);
        let destroyed = pairs.iter().filter(|pair| pair["state"] == "destroyed");
        assert_eq!(
            destroyed.count(),
            refused,
            "what was not needed is done away with"
        );
        if refused > 0 {
            return;
        }
    }
    panic!("no two rotations met");
}

#[test]
fn of_two_rotators_at_once_one_wins_and_the_other_says_so() {
    of_two_rotators_one_wins(&Desk::set_up());
}

#[test]
fn customers_have_pairs_of_their_own_and_keep_them() {
    let mut story = Story::new();
    let scopes = |desk: &Desk| {
        let pairs = desk.run(&["keys", "list", "--json"]).json();
        let scope = |pair: &serde_json::Value| pair["scope"].as_str().unwrap().to_owned();
        pairs.iter().map(scope).collect::<Vec<_>>()
    };
    let serve = |story: &mut Story, scope: &str| {
        story.desk.set("CRYPT_KEEPER__KEYS__SCOPE", scope);
        story.service = story.desk.serve();
    };
    serve(&mut story, "customer");
    let bob = story.desk.run(&["user", "add", "bob", "--api-key"]);
    let bob = bob.line().to_owned();
    let address = story.service.address;
    let uploads: Vec<_> = std::thread::scope(|threads| {
        let upload = |_| {
            threads.spawn(|| http::id_of(&http::upload(address, "bob", &bob, "of-his-own.pdf")))
        };
        let uploads: Vec<_> = (0..6).map(upload).collect();
        uploads.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let active = |desk: &Desk| {
        let pairs = desk.run(&["keys", "list", "--json"]).json();
        let active = pairs.iter().filter(|pair| pair["state"] == "active");
        active.count()
    };
    assert_eq!(active(&story.desk), 2, "one is shared, one is Bob's");
    let users = story.desk.run(&["user", "list", "--json"]).json();
    let bobs = users.iter().find(|user| user["name"] == "bob").unwrap();
    let bobs = format!("customer:{}", bobs["id"].as_str().unwrap());
    assert!(
        scopes(&story.desk).contains(&bobs),
        "{:?}",
        scopes(&story.desk)
    );

    // Old documents stay as they are, whatever the policy of today.
    assert_eq!(story.download(), 200);
    assert_eq!(story.upload(), 201);
    assert_eq!(active(&story.desk), 3, "one is Alice's");
    serve(&mut story, "shared");
    let address = story.service.address;
    for id in &uploads {
        assert_eq!(http::download(address, "bob", &bob, id), 200);
    }
    assert_eq!(http::upload(address, "bob", &bob, "shared.pdf").0, 201);
    assert_eq!(active(&story.desk), 3);
    let listed = story.desk.run(&["keys", "rotate", "--scope", &bobs]);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    assert_eq!(http::download(address, "bob", &bob, &uploads[0]), 200);
    assert_eq!(active(&story.desk), 3);
}
