//! `retention`, `partitions` and `hold`.

use insta::assert_snapshot;

use crate::desk::{Desk, Service};
use crate::http;

/// A service that does nothing by itself, with a document of Alice's whose object is there.
pub(crate) struct Story {
    pub(crate) desk: Desk,
    service: Service,
    key: String,
    pub(crate) id: String,
}

impl Story {
    pub(crate) fn new() -> Self {
        let mut desk = Desk::set_up()
            .with("CRYPT_KEEPER__JOBS__ENABLED", "false")
            .with("CRYPT_KEEPER__RETENTION__CLASSES", "1:short:7d,64:long:90d");
        let service = desk.serve();
        let ran = desk.run(&["user", "add", "alice", "--api-key", "--retention", "short"]);
        let key = ran.line().to_owned();
        let answer = http::upload(service.address, "alice", &key, "report.pdf");
        let id = http::id_of(&answer);
        let body: serde_json::Value = serde_json::from_str(&answer.1).unwrap();
        let url = body["single_use_url"].as_str().unwrap();
        let target = &url[url.find("/blobs/").unwrap()..];
        let put = http::request(service.address, "PUT", target, &[], "ciphertext");
        assert!((200..300).contains(&put.0), "{}", put.1);
        Self {
            desk,
            service,
            key,
            id,
        }
    }

    fn download(&self) -> u16 {
        http::download(self.service.address, "alice", &self.key, &self.id)
    }

    /// Runs commands on the document, and writes down what one sees.
    pub(crate) fn type_in(&self, commands: &[&str]) -> String {
        let lines: Vec<_> = commands
            .iter()
            .map(|command| command.replace("DOCUMENT", &self.id))
            .collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        self.desk.type_in(&lines)
    }

    /// The partition that the document lives in.
    pub(crate) fn partition(&self) -> String {
        let listed = self.desk.run(&["partitions", "list", "--json"]).json();
        let of_class = |one: &&serde_json::Value| one["class"] == 1;
        let found = listed.iter().find(of_class).unwrap();
        found["partition"].as_str().unwrap().to_owned()
    }
}

#[test]
fn classes_and_partitions_are_shown() {
    let mut story = Story::new();
    assert_snapshot!(story.type_in(&[
        "retention show",
        "retention show --json",
        "partitions list",
        "partitions list --json",
    ]), @r#"
    $ crypt-keeper retention show
    NUMBER  NAME  LIFETIME  PERIOD  DEFAULT  PARTITIONS
    0  default  unlimited  month  yes  4
    1  short  7d  day  no  1
    64  long  90d  week  no  0
    $ crypt-keeper retention show --json
    {"default":true,"lifetime":"unlimited","name":"default","number":0,"partitions":4,"period":"month"}
    {"default":false,"lifetime":"7d","name":"short","number":1,"partitions":1,"period":"day"}
    {"default":false,"lifetime":"90d","name":"long","number":64,"partitions":0,"period":"week"}
    $ crypt-keeper partitions list
    PARTITION  CLASS  STATE  LIFETIME  DOCUMENTS  EXPIRES  KEY-PAIRS
    0/[month]  default  open  unlimited  0  never  1
    0/[month]  default  open  1h  0  [time]  0
    0/[month]  default  open  1h  0  [time]  0
    0/[month]  default  open  1h  0  [time]  0
    1/[month]  short  open  7d  1  [time]  1
    $ crypt-keeper partitions list --json
    {"class":0,"closed_at":null,"documents":0,"ends_at":"[time]","expires_at":null,"key_pairs":[{"serial":"[serial]","state":"active"}],"lifetime":"unlimited","made_at":"[time]","name":"default","partition":"0/[month]","starts_at":"[time]","state":"open"}
    {"class":0,"closed_at":null,"documents":0,"ends_at":"[time]","expires_at":"[time]","key_pairs":[],"lifetime":"1h","made_at":"[time]","name":"default","partition":"0/[month]","starts_at":"[time]","state":"open"}
    {"class":0,"closed_at":null,"documents":0,"ends_at":"[time]","expires_at":"[time]","key_pairs":[],"lifetime":"1h","made_at":"[time]","name":"default","partition":"0/[month]","starts_at":"[time]","state":"open"}
    {"class":0,"closed_at":null,"documents":0,"ends_at":"[time]","expires_at":"[time]","key_pairs":[],"lifetime":"1h","made_at":"[time]","name":"default","partition":"0/[month]","starts_at":"[time]","state":"open"}
    {"class":1,"closed_at":null,"documents":1,"ends_at":"[time]","expires_at":"[time]","key_pairs":[{"serial":"[serial]","state":"active"}],"lifetime":"7d","made_at":"[time]","name":"short","partition":"1/[month]","starts_at":"[time]","state":"open"}
    "#);
    // What has left the configuration is shown as long as there is something of it.
    story
        .desk
        .set("CRYPT_KEEPER__RETENTION__CLASSES", "64:long:90d");
    assert_snapshot!(story.type_in(&["retention show", "partitions list"]), @"
    $ crypt-keeper retention show
    NUMBER  NAME  LIFETIME  PERIOD  DEFAULT  PARTITIONS
    0  default  unlimited  month  yes  4
    1  -  -  day  no  1
    64  long  90d  week  no  0
    $ crypt-keeper partitions list
    PARTITION  CLASS  STATE  LIFETIME  DOCUMENTS  EXPIRES  KEY-PAIRS
    0/[month]  default  open  unlimited  0  never  1
    0/[month]  default  open  1h  0  [time]  0
    0/[month]  default  open  1h  0  [time]  0
    0/[month]  default  open  1h  0  [time]  0
    1/[month]  -  open  7d  1  [time]  1
    ");
}

#[test]
fn a_partition_is_made_ahead_of_its_time_with_its_key_pair() {
    let desk = Desk::set_up().with("CRYPT_KEEPER__RETENTION__CLASSES", "192:years:unlimited");
    assert_snapshot!(desk.type_in(&[
        "partitions create 192/29990101",
        "partitions create 192/29990101",
        "partitions create 192/29990102",
        "partitions create 1/29990101",
        "partitions create 192/20010101",
        "partitions create 192/29980101 --json",
        "partitions list",
    ]), @r#"
    $ crypt-keeper partitions create 192/29990101
    Partition 192/29990101 is made; it is open.
    Key pair [serial] wraps the keys of its documents.
    $ crypt-keeper partitions create 192/29990101
    Partition 192/29990101 is there already; it is open.
    $ crypt-keeper partitions create 192/29990102
    | error: invalid value '192/29990102' for '<CLASS/YYYYMMDD>': not a partition: `<class number>/<YYYYMMDD>` is needed, the day the first of one of the class's periods, such as 0/[month]
    | 
    | For more information, try '--help'.
    exit code 2
    $ crypt-keeper partitions create 1/29990101
    | crypt-keeper: retention class 1 is not configured: `crypt-keeper retention show` lists those that are
    exit code 2
    $ crypt-keeper partitions create 192/[month]
    | crypt-keeper: partition 192/[month] ended at [time]: nothing is put into it any more
    exit code 2
    $ crypt-keeper partitions create 192/29980101 --json
    {"key_pair":"[serial]","made":true,"partition":"192/29980101","state":"open"}
    $ crypt-keeper partitions list
    PARTITION  CLASS  STATE  LIFETIME  DOCUMENTS  EXPIRES  KEY-PAIRS
    0/[month]  default  open  unlimited  0  never  1
    0/[month]  default  open  1h  0  [time]  0
    0/[month]  default  open  1h  0  [time]  0
    0/[month]  default  open  1h  0  [time]  0
    192/29980101  years  open  1h  0  [time]  1
    192/29990101  years  open  1h  0  [time]  1
    "#);
}

#[test]
fn a_partition_is_dropped_when_its_period_has_ended_and_its_name_is_typed_again() {
    let story = Story::new();
    let partition = story.partition();
    let dry = format!("partitions drop {partition} --dry-run");
    let now = format!("partitions drop {partition} --yes {partition}");
    assert_snapshot!(story.type_in(&[
        "partitions drop 1/20010101",
        "partitions drop 1/20010102x --dry-run",
        &dry,
        &now,
    ]), @"
    $ crypt-keeper partitions drop 1/[month]
    | crypt-keeper: there is no partition 1/[month]; `crypt-keeper partitions list` shows them all
    exit code 1
    $ crypt-keeper partitions drop 1/20010102x --dry-run
    | error: invalid value '1/20010102x' for '<CLASS/YYYYMMDD>': not a partition: `<class number>/<YYYYMMDD>` is needed, the day the first of one of the class's periods, such as 0/[month]
    | 
    | For more information, try '--help'.
    exit code 2
    $ crypt-keeper partitions drop 1/[month] --dry-run
    partition 1/[month], open
    documents: 1, deleted
    objects: all under 1/[month]/, versions and unfinished uploads too, deleted
    under legal hold: 0, kept where the hold has put them
    key pair [serial]: active, scheduled for destruction
    It may not be dropped now: its period has not ended: wait until [time]
    $ crypt-keeper partitions drop 1/[month] --yes 1/[month]
    | crypt-keeper: partition 1/[month] takes documents until five minutes after [time]; its documents can be dropped after that
    exit code 1
    ");
    assert_eq!(story.download(), 200);

    // One of long ago.
    story.desk.sql(
        "INSERT INTO partitions (retention_class, start, state, lifetime_seconds, made_at) \
         VALUES (1, '2001-01-01', 'open', 604800, '2001-01-01 00:00:00')",
    );
    assert_snapshot!(story.type_in(&[
        "partitions drop 1/20010101",
        "partitions drop 1/20010101 --yes 1/20010102",
        "partitions drop 1/20010101 --dry-run",
        "partitions drop 1/20010101 --dry-run --json",
        "partitions drop 1/20010101 --yes 1/20010101",
        "partitions drop 1/20010101 --yes 1/20010101",
    ]), @r#"
    $ crypt-keeper partitions drop 1/[month]
    | crypt-keeper: all documents of partition 1/[month] would be deleted for good, expired or not; --dry-run says how many. If that is meant, repeat it with --yes 1/[month]: nothing was done
    exit code 2
    $ crypt-keeper partitions drop 1/[month] --yes 1/[month]
    | crypt-keeper: 1/[month] was confirmed, but 1/[month] is to be dropped: nothing was done
    exit code 2
    $ crypt-keeper partitions drop 1/[month] --dry-run
    partition 1/[month], open
    documents: 0, deleted
    objects: all under 1/[month]/, versions and unfinished uploads too, deleted
    under legal hold: 0, kept where the hold has put them
    $ crypt-keeper partitions drop 1/[month] --dry-run --json
    {"documents":0,"documents_are_counted":true,"held":0,"held_incomplete":0,"key_pairs":[],"may_be_dropped":true,"objects_under":"1/[month]/","partition":"1/[month]","state":"open"}
    $ crypt-keeper partitions drop 1/[month] --yes 1/[month]
    Partition 1/[month] is closed now.
    It waits until [time], when the presigned URLs that were handed out have expired: then a service that runs jobs goes on, or this command.
    $ crypt-keeper partitions drop 1/[month] --yes 1/[month]
    It waits until [time], when the presigned URLs that were handed out have expired: then a service that runs jobs goes on, or this command.
    "#);
    // The presigned URLs of before have expired.
    story
        .desk
        .sql("UPDATE partitions SET closed_at = '2001-02-01 00:00:00' WHERE start = '2001-01-01'");
    assert_snapshot!(story.type_in(&[
        "partitions drop 1/20010101 --yes 1/20010101",
        "partitions drop 1/20010101 --yes 1/20010101",
        "partitions list",
        "partitions list --all",
    ]), @"
    $ crypt-keeper partitions drop 1/[month] --yes 1/[month]
    Partition 1/[month] is emptying now.
    Partition 1/[month] is emptied now.
    Partition 1/[month] is dropped now.
    Partition 1/[month] is expired now.
    $ crypt-keeper partitions drop 1/[month] --yes 1/[month]
    Partition 1/[month] was removed already; nothing was changed.
    $ crypt-keeper partitions list
    PARTITION  CLASS  STATE  LIFETIME  DOCUMENTS  EXPIRES  KEY-PAIRS
    0/[month]  default  open  unlimited  0  never  1
    0/[month]  default  open  1h  0  [time]  0
    0/[month]  default  open  1h  0  [time]  0
    0/[month]  default  open  1h  0  [time]  0
    1/[month]  short  open  7d  1  [time]  1
    $ crypt-keeper partitions list --all
    PARTITION  CLASS  STATE  LIFETIME  DOCUMENTS  EXPIRES  KEY-PAIRS
    0/[month]  default  open  unlimited  0  never  1
    0/[month]  default  open  1h  0  [time]  0
    0/[month]  default  open  1h  0  [time]  0
    0/[month]  default  open  1h  0  [time]  0
    1/[month]  short  expired  7d  0  [time]  0
    1/[month]  short  open  7d  1  [time]  1
    ");
    assert_eq!(story.download(), 200);

    // The audit log says of each step which partition it was of; two of one moment have no order.
    let entries = story.desk.run(&["audit", "list", "--json"]).json();
    let mut steps: Vec<_> = entries
        .iter()
        .filter(|entry| entry["partition"] == "1/20010101")
        .filter_map(|entry| entry["action"].as_str())
        .collect();
    steps.sort_unstable();
    assert_eq!(
        steps,
        [
            "partition.closed",
            "partition.dropped",
            "partition.emptied",
            "partition.emptying",
            "partition.expired",
        ]
    );
    let told = story
        .desk
        .run(&["audit", "list", "--action", "partition.dropped"]);
    assert!(
        told.stdout.trim_end().ends_with("partition 1/20010101"),
        "{}",
        told.stdout
    );
}

#[test]
fn a_hold_is_placed_listed_and_taken_off() {
    let story = Story::new();
    let long = format!("hold add DOCUMENT --reason {}", "x".repeat(201));
    assert_snapshot!(story.type_in(&[
        "hold list",
        "hold remove DOCUMENT",
        "hold add DOCUMENT",
        &long,
        "hold add 0197f6f0-0000-7000-8000-000000000000 --reason none",
        "hold add DOCUMENT --reason case-4711",
        "hold add DOCUMENT --reason another",
        "hold list",
        "hold list --json",
    ]), @r#"
    $ crypt-keeper hold list
    DOCUMENT  PLACED  COMPLETED  REASON
    $ crypt-keeper hold remove [id]
    | crypt-keeper: there is no legal hold on document [id]; `crypt-keeper hold list` shows them all
    exit code 1
    $ crypt-keeper hold add [id]
    | error: the following required arguments were not provided:
    |  --reason <TEXT>
    | 
    | Usage: crypt-keeper hold add --reason <TEXT> <DOCUMENT>
    | 
    | For more information, try '--help'.
    exit code 2
    $ crypt-keeper hold add [id] --reason xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
    | error: invalid value 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' for '--reason <TEXT>': a reason has 1 to 200 characters, none of them a control character
    | 
    | For more information, try '--help'.
    exit code 2
    $ crypt-keeper hold add [id] --reason none
    | crypt-keeper: no such document; `crypt-keeper documents list` lists them
    exit code 1
    $ crypt-keeper hold add [id] --reason case-4711
    Document [id] is held: its object (10 bytes) is copied. It does not expire until `crypt-keeper hold remove [id]`.
    $ crypt-keeper hold add [id] --reason another
    Document [id] is held already; nothing was changed.
    $ crypt-keeper hold list
    DOCUMENT  PLACED  COMPLETED  REASON
    [id]  [time]  [time]  case-4711
    $ crypt-keeper hold list --json
    {"completed_at":"[time]","document":"[id]","placed_at":"[time]","reason":"case-4711"}
    "#);
    let dry = format!("partitions drop {} --dry-run", story.partition());
    assert_snapshot!(story.type_in(&[&dry, "hold remove DOCUMENT", "hold list"]), @"
    $ crypt-keeper partitions drop 1/[month] --dry-run
    partition 1/[month], open
    documents: 1, deleted
    objects: all under 1/[month]/, versions and unfinished uploads too, deleted
    under legal hold: 1, kept where the hold has put them
    key pair [serial]: active, scheduled for destruction
    It may not be dropped now: its period has not ended: wait until [time]
    $ crypt-keeper hold remove [id]
    Document [id] is under no hold any more. It lives on as its retention class says.
    $ crypt-keeper hold list
    DOCUMENT  PLACED  COMPLETED  REASON
    ");
    assert_eq!(story.download(), 200);

    // Of a document whose partition has gone, or is going, the held copy is all there is.
    let again = story.type_in(&["hold add DOCUMENT --reason case-4712 --json"]);
    assert!(again.contains("\"changed\":true"), "{again}");
    story
        .desk
        .sql("UPDATE partitions SET state = 'closed' WHERE retention_class = 1");
    assert_snapshot!(story.type_in(&[
        "hold remove DOCUMENT",
        "hold remove DOCUMENT --yes 0197f6f0-0000-7000-8000-000000000000",
        "hold remove DOCUMENT --yes DOCUMENT",
    ]), @"
    $ crypt-keeper hold remove [id]
    | crypt-keeper: the partition of document [id] is gone or going: without the hold the document is deleted for good. If that is meant, repeat it with --yes [id]: nothing was done
    exit code 2
    $ crypt-keeper hold remove [id] --yes [id]
    | crypt-keeper: [id] was confirmed, but the hold of [id] is to be taken off: nothing was done
    exit code 2
    $ crypt-keeper hold remove [id] --yes [id]
    Document [id] is under no hold any more. Its partition is gone: it is deleted.
    ");
}

/// An object that may still be uploaded is waited for: the hold has begun by then.
#[test]
fn a_hold_of_a_document_without_its_object_is_completed_later() {
    let story = Story::new();
    let answer = http::upload(story.service.address, "alice", &story.key, "late.pdf");
    let id = http::id_of(&answer);
    let add = format!("hold add {id} --reason case-4713");
    assert_snapshot!(story.type_in(&[&add, "hold list"]), @"
    $ crypt-keeper hold add [id] --reason case-4713
    | crypt-keeper: the object of document [id] is not there, and may be uploaded until [time]; the hold has begun, and the document does not expire: place it again once the object is there, or after that moment, to complete it
    exit code 1
    $ crypt-keeper hold list
    DOCUMENT  PLACED  COMPLETED  REASON
    [id]  [time]  -  case-4713
    ");
}
