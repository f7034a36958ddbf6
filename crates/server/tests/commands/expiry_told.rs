//! What the commands of expiry tell scripts, and people at a terminal.

use insta::assert_snapshot;

use crate::expiry::Story;

impl Story {
    /// A partition of class 1 in January 2001, in a state.
    fn long_ago(&self, day: u8, state: &str) {
        self.desk.sql(&format!(
            "INSERT INTO partitions (retention_class, start, state, lifetime_seconds, made_at, \
             closed_at) VALUES (1, '2001-01-{day:02}', '{state}', 604800, '2001-01-01 00:00:00', \
             iif('{state}' = 'open', NULL, '2001-02-01 00:00:00'))"
        ));
    }

    /// An object in the partition of a day in January 2001.
    fn plant_object(&self, day: u8) {
        let folder = format!("blobs/objects/1/200101{day:02}");
        let folder = self.desk.data(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("0197f6f000007000"), "ciphertext").unwrap();
    }

    /// The id of a document like ours, of noon on the second of January 2001.
    fn id_of_long_ago(&self) -> String {
        format!("00e3cf60-be00{}", &self.id[13..])
    }
}

#[test]
fn a_drop_tells_a_script_what_it_did_and_what_it_waits_for() {
    let story = Story::new();
    let drop = |day: u8| {
        let told = story.type_in(&[&format!(
            "partitions drop 1/200101{day:02} --yes 1/200101{day:02} --json"
        )]);
        // Of the pair that is given to another partition below; it is not opened here.
        let told = told
            .lines()
            .filter(|line| !line.contains("private halves do not open"));
        told.collect::<Vec<_>>().join("\n")
    };
    story.long_ago(1, "open");
    story.plant_object(1);
    assert_snapshot!(drop(1), @r#"
    $ crypt-keeper partitions drop 1/[month] --yes 1/[month] --json
    {"error":null,"objects_deleted":0,"partition":"1/[month]","steps":["closed"],"waits":{"for":"urls","until":"[time]"}}
    "#);
    story
        .desk
        .sql("UPDATE partitions SET closed_at = '2001-02-01 00:00:00' WHERE start = '2001-01-01'");
    assert_snapshot!(drop(1), @r#"
    $ crypt-keeper partitions drop 1/[month] --yes 1/[month] --json
    {"error":null,"objects_deleted":1,"partition":"1/[month]","steps":["emptying","emptied","dropped","expired"],"waits":null}
    "#);
    assert_snapshot!(drop(1), @r#"
    $ crypt-keeper partitions drop 1/[month] --yes 1/[month] --json
    {"error":null,"objects_deleted":0,"partition":"1/[month]","steps":[],"waits":null}
    "#);

    // A hold that was begun and is not complete.
    story.long_ago(2, "closed");
    let id = story.id_of_long_ago().replace('-', "");
    story.desk.sql(&format!(
        "INSERT INTO holds (retention_class, document_id, reason, placed_at) \
         VALUES (1, x'{id}', 'case', '2001-01-03 00:00:00')"
    ));
    assert_snapshot!(drop(2), @r#"
    $ crypt-keeper partitions drop 1/[month] --yes 1/[month] --json
    {"error":null,"objects_deleted":0,"partition":"1/[month]","steps":[],"waits":{"for":"hold","until":null}}
    "#);

    // A key pair that is active until now, and then one that a document still needs.
    story.long_ago(3, "dropped");
    story.desk.sql(
        "UPDATE key_pairs SET scope = 'partition:1:20010103' WHERE scope LIKE 'partition:1:%'",
    );
    assert_snapshot!(drop(3), @r#"
    $ crypt-keeper partitions drop 1/[month] --yes 1/[month] --json
    {"error":null,"objects_deleted":0,"partition":"1/[month]","steps":[],"waits":{"for":"key pair","until":"[time]"}}
    "#);
    story.desk.sql(
        "UPDATE key_pairs SET deactivated_at = '2001-02-01 00:00:00' \
         WHERE scope = 'partition:1:20010103'",
    );
    assert_snapshot!(drop(3), @r#"
    $ crypt-keeper partitions drop 1/[month] --yes 1/[month] --json
    {"error":"key pair [serial] is needed; live documents under it: 1","objects_deleted":0,"partition":"1/[month]","steps":[],"waits":null}
    | crypt-keeper: partition 1/[month] is not removed: key pair [serial] is needed; live documents under it: 1; run it again, or let a service that runs jobs go on
    exit code 1
    "#);
}

#[test]
fn taking_a_hold_off_tells_a_script_what_became_of_the_document() {
    let story = Story::new();
    assert_snapshot!(story.type_in(&[
        "hold add DOCUMENT --reason case-4711 --json",
        "hold add DOCUMENT --reason case-4711 --json",
        "hold remove DOCUMENT --json",
        "hold remove DOCUMENT --json",
        "hold add DOCUMENT --reason case-4712 --json",
    ]), @r#"
    $ crypt-keeper hold add [id] --reason case-4711 --json
    {"changed":true,"document":"[id]","object_size":10}
    $ crypt-keeper hold add [id] --reason case-4711 --json
    {"changed":false,"document":"[id]","object_size":null}
    $ crypt-keeper hold remove [id] --json
    {"document":"[id]","lives_on":true,"objects_deleted":1}
    $ crypt-keeper hold remove [id] --json
    | crypt-keeper: there is no legal hold on document [id]; `crypt-keeper hold list` shows them all
    exit code 1
    $ crypt-keeper hold add [id] --reason case-4712 --json
    {"changed":true,"document":"[id]","object_size":10}
    "#);
    story
        .desk
        .sql("UPDATE partitions SET state = 'closed' WHERE retention_class = 1");
    assert_snapshot!(story.type_in(&[
        "hold remove DOCUMENT --json",
        "hold remove DOCUMENT --yes DOCUMENT --json",
        "hold list --json",
    ]), @r#"
    $ crypt-keeper hold remove [id] --json
    | crypt-keeper: the partition of document [id] is gone or going: without the hold the document is deleted for good. If that is meant, repeat it with --yes [id]: nothing was done
    exit code 2
    $ crypt-keeper hold remove [id] --yes [id] --json
    {"document":"[id]","lives_on":false,"objects_deleted":1}
    $ crypt-keeper hold list --json
    "#);
}

/// Documents are counted by the thousand.
#[test]
fn counting_many_documents_shows_a_terminal_how_many_there_are_so_far() {
    let story = Story::new();
    let partition = story.partition();
    let columns = "state, version, owner, name, content_length, content_type, compressed, format, \
                   wrap_algorithm, key_serial, wrapped_key, key_commitment, object_key, \
                   created_at, hold";
    story.desk.sql(&format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2001)
         INSERT INTO documents (retention_class, id, {columns})
         SELECT 1, unhex(substr(hex(id), 1, 20) || printf('%012x', n)), {columns}
         FROM documents, numbers WHERE retention_class = 1"
    ));
    let dry = ["partitions", "drop", &partition, "--dry-run"];
    let shown = story.desk.run_at_terminal(&dry);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    assert!(
        shown.stdout.contains("\ndocuments: 2002, deleted\n"),
        "{}",
        shown.stdout
    );
    // Over the one before; and what comes next begins a line of its own.
    let line = |count: u32| format!("\r{count} documents so far\x1b[K");
    let lines = format!("{}{}\r\n", line(1000), line(2000));
    assert_eq!(shown.stderr, lines);

    let dry = [&dry[..], &["--json"]].concat();
    let for_scripts = story.desk.run_at_terminal(&dry);
    assert_eq!(for_scripts.json()[0]["documents"], 2002);
    let elsewhere = story.desk.run(&dry);
    assert_eq!(elsewhere.stdout, for_scripts.stdout);
    assert_eq!(elsewhere.stderr, "");
}
