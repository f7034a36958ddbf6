//! "No item is written, or checked in a transaction, by every request": which ones are.

use std::collections::BTreeMap;

use crypt_keeper_domain::model::{
    AuditAction, DocumentId, KeyPair, Partition, Principal, RetentionClass, Scope,
};
use crypt_keeper_domain::ports::{Change, DocumentChange, MetadataStore as _};
use crypt_keeper_test_services::dynamodb_injector::{Call, Injector};
use serde_json::Value;

use super::office::{Office, Requests};
use crate::support::Site;

/// Requests of each kind, all of different people about different documents.
const MANY: usize = 40;

/// How often items were written, or checked in a transaction; by table, `id` and `item`.
type Touched = BTreeMap<(String, String, String), usize>;

fn touched(calls: &[Call], prefix: &str) -> Touched {
    let mut touched = Touched::new();
    let mut touch = |part: &Value| {
        // A put has the whole item, all others its key.
        let key = part.get("Key").unwrap_or(&part["Item"]);
        let text = |name: &str| key[name]["S"].as_str().unwrap_or_default().to_owned();
        let table = part["TableName"].as_str().expect("a table");
        let table = table.strip_prefix(prefix).expect("a table of ours");
        assert_ne!(text("id"), "", "{part}");
        let item = (table.to_owned(), text("id"), text("item"));
        *touched.entry(item).or_default() += 1;
    };
    for Call { operation, request } in calls {
        match operation.as_str() {
            "TransactWriteItems" => {
                let parts = request["TransactItems"].as_array().expect("parts");
                for part in parts {
                    part.as_object()
                        .expect("a part")
                        .values()
                        .for_each(&mut touch);
                }
            }
            "PutItem" | "UpdateItem" | "DeleteItem" => touch(request),
            "GetItem" | "BatchGetItem" | "Query" => {}
            other => unreachable!("nobody has said what {other} writes"),
        }
    }
    touched
}

/// Asserts that `MANY` acts have touched so many items each, and no two of them one. `once` are those
/// of the catalogue, which each process touches once.
fn assert_apart(what: &str, touched: &Touched, each: usize, once: &[(&str, &str)]) {
    let (catalogue, others): (Vec<_>, Vec<_>) = touched
        .iter()
        .partition(|((table, _, _), _)| table == "catalogue");
    for (item, times) in &others {
        assert_eq!(**times, 1, "{what}: {item:?}");
    }
    assert_eq!(others.len(), MANY * each, "{what}");
    let catalogue: Vec<_> = catalogue
        .into_iter()
        .map(|((_, id, item), times)| (id.as_str(), item.as_str(), *times))
        .collect();
    let once: Vec<_> = once.iter().map(|(id, item)| (*id, *item, 1)).collect();
    assert_eq!(catalogue, once, "{what}");
}

/// An office whose calls the injector sees, with a key pair and a partition.
async fn open(site: &Site) -> (Injector, Office<'_>, KeyPair, Partition) {
    let injector = Injector::start(site.upstream()).unwrap();
    let mut office = Office::new(site);
    // Transactions are looked at whole: past the meter.
    office.store = site.through(injector.address());
    let pair = office.pair(Scope::Shared).await;
    let partition = Partition::at(RetentionClass::DEFAULT, office.scene.now());
    office.scene.partition(partition).await;
    (injector, office, pair, partition)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_item_is_written_or_checked_by_requests_of_different_people() {
    let Some(site) = Site::new().await else {
        return;
    };
    let (injector, office, pair, partition) = open(&site).await;
    let (mut owners, mut readers) = (Vec::new(), Vec::new());
    for _ in 0..MANY {
        owners.push(office.user("alice").await);
        readers.push(office.user("bob").await);
    }
    let requests = Requests::new(&office, &pair);
    let seen = || touched(&injector.calls(), &site.prefix);
    seen();

    // Document, owner's entry, walk, audit; the first one enters the month of the audit log.
    let mut ids: Vec<DocumentId> = Vec::new();
    for owner in &owners {
        ids.push(requests.upload(owner).await);
    }
    assert_apart("upload_url", &seen(), 4, &[("audit", "202603")]);

    // The entry, a check of the document, audit.
    for ((owner, reader), id) in owners.iter().zip(&readers).zip(&ids) {
        requests.share(owner, *id, &reader.0).await;
    }
    assert_apart("share", &seen(), 3, &[]);

    // A check of the reader's entry, audit.
    for (reader, id) in readers.iter().zip(&ids) {
        requests.download(reader, *id).await;
    }
    assert_apart("download_url", &seen(), 2, &[]);

    // The document, what says that it expires early, audit; the first one has the partition be
    // looked at by sweeps.
    let make = &office.scene.make;
    for id in &ids {
        let end = DocumentChange::ExpiresAt(Some(make.at()));
        let record = make.record_on(AuditAction::DocumentChanged, *id);
        let changed = office.store.change(*id, 1, &end, &record).await;
        assert_eq!(changed.unwrap(), Change::Changed);
    }
    let item = partition_name(partition);
    assert_apart("a change", &seen(), 3, &[("partitions", &item)]);

    // The entry, that of a held copy, audit.
    for (reader, id) in readers.iter().zip(&ids) {
        let record = make.record_on(AuditAction::EntryRevoked, *id);
        let of = Principal::User(reader.0.id);
        let revoked = office.store.revoke(*id, of, &record).await;
        assert_eq!(revoked.unwrap(), Change::Changed);
    }
    assert_apart("un-share", &seen(), 3, &[]);
    site.remove().await;
}

/// The page names what does meet on one item: two downloads of one document by one user. They are
/// seen, so others would be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn downloads_of_one_document_by_one_user_check_one_entry() {
    let Some(site) = Site::new().await else {
        return;
    };
    let (injector, office, pair, _) = open(&site).await;
    let alice = office.user("alice").await;
    let requests = Requests::new(&office, &pair);
    let id = requests.upload(&alice).await;
    injector.calls();
    requests.download(&alice, id).await;
    requests.download(&alice, id).await;
    let touched = touched(&injector.calls(), &site.prefix);
    let twice: Vec<_> = touched.iter().filter(|(_, times)| **times > 1).collect();
    let [((_, hash, sort), 2)] = twice[..] else {
        panic!("{touched:?}");
    };
    let entry = format!("entry#user#{}", alice.0.id);
    assert_eq!((hash, sort), (&id.to_string(), &entry));
    site.remove().await;
}

/// As the catalogue names it.
fn partition_name(partition: Partition) -> String {
    let day = partition.start().format("%Y%m%d");
    format!("{:03}-{day}", partition.class().number())
}
