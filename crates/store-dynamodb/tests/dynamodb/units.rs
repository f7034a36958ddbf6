//! Read and write units as `docs/dynamodb.md` states them, measured.

mod meter;
mod office;
mod page;
mod shared_items;

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroU32;
use std::time::Duration;

use aws_sdk_dynamodb::types::builders::TransactWriteItemBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, KeysAndAttributes, Put, ReturnConsumedCapacity,
    TransactWriteItem,
};
use crypt_keeper_domain::model::{
    AuditAction, Hold, HoldReason, KeyState, Lifetime, ObjectKey, PageRequest, Partition,
    PartitionState, Principal, RetentionClass, Scope,
};
use crypt_keeper_domain::ports::{
    AuditFilter, AuditLog as _, Change, DocumentChange, DocumentFilter, HoldOutcome, Holds as _,
    MetadataStore as _, Partitions as _, Rewrap, RewrapOutcome, Sweeps as _, WalkStep,
};
use futures_util::stream::{self, StreamExt as _};

use self::meter::{Meter, Units};
use self::office::{Office, Requests, wrapped};
use self::page::{Differences, PAGE, Row, figure, most, rows};
use crate::support::Site;

const SWEEP: &str =
    "a sweep that finds nothing, over one partition that has had documents that expire early";

/// Everything that the page has a row of is measured below.
#[test]
fn every_row_of_the_page_is_measured() {
    let source = include_str!("units.rs");
    for (request, row) in rows() {
        let is_named = source.contains(&format!("\"{request}\""));
        assert!(is_named, "`{request}` is measured by no test: {row:?}");
    }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn key(item: &str) -> HashMap<String, AttributeValue> {
    [("id", text("one")), ("item", text(item))]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

/// What the meter adds is what the server leaves out: a server that counts it would have it twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_counts_as_the_meter_says() {
    let Some(site) = Site::new().await else {
        return;
    };
    let meter = Meter::start(site.upstream());
    let client = site.client_at(meter.address());
    let table = format!("{}held", site.prefix);
    let units = |reported, left_out| Units { reported, left_out };
    let nothing = Units::default();
    let transact = |item: TransactWriteItemBuilder| {
        let act = client.transact_write_items().transact_items(item.build());
        async {
            act.send().await.unwrap();
            let consumed = meter.take();
            assert_eq!(consumed.read, nothing);
            (consumed.write, consumed.index)
        }
    };
    let item = || TransactWriteItem::builder();

    // 2.9 KB, and in the index.
    let mut large = key("large");
    large.insert("listed_by".to_owned(), text("somebody"));
    large.insert("text".to_owned(), text(&"x".repeat(2900)));
    let put = Put::builder()
        .table_name(&table)
        .set_item(Some(large.clone()));
    let put = transact(item().put(put.build().unwrap())).await;
    assert_eq!(put, (units(8.0, 0.0), 2.0));
    let check = ConditionCheck::builder()
        .table_name(&table)
        .set_key(Some(key("large")))
        .condition_expression("attribute_exists(id)");
    let check = transact(item().condition_check(check.build().unwrap())).await;
    assert_eq!(check, (units(2.0, 4.0), 0.0));
    let delete = |of| Delete::builder().table_name(&table).set_key(Some(key(of)));
    let deleted = transact(item().delete(delete("none").build().unwrap())).await;
    assert_eq!(deleted, (units(1.0, 1.0), 0.0));
    let deleted = transact(item().delete(delete("large").build().unwrap())).await;
    assert_eq!(deleted, (units(8.0, 0.0), 2.0));

    // Two that are equal count once, unless the meter sends them one by one.
    let pair = ["first", "second"].map(|item| {
        let put = Put::builder().table_name(&table).set_item(Some(key(item)));
        TransactWriteItem::builder()
            .put(put.build().unwrap())
            .build()
    });
    let act = site.client().transact_write_items();
    let act = act.set_transact_items(Some(pair.to_vec()));
    let act = act.return_consumed_capacity(ReturnConsumedCapacity::Total);
    let whole = act.send().await.unwrap().consumed_capacity.unwrap();
    assert_eq!(whole[0].capacity_units, Some(2.0));
    let act = client.transact_write_items();
    let act = act.set_transact_items(Some(pair.to_vec()));
    act.send().await.unwrap();
    assert_eq!(meter.take().write, units(4.0, 0.0));

    // Outside of a transaction.
    let put = client.put_item().table_name(&table).set_item(Some(large));
    put.send().await.unwrap();
    let consumed = meter.take();
    assert_eq!((consumed.write, consumed.index), (units(4.0, 0.0), 1.0));
    let get = |of| client.get_item().table_name(&table).set_key(Some(key(of)));
    for (of, is_consistent, stated) in [
        ("large", true, 1.0),
        ("none", true, 1.0),
        ("large", false, 0.5),
        ("none", false, 0.5),
    ] {
        let got = get(of).consistent_read(is_consistent).send().await;
        assert_eq!(got.unwrap().item.is_some(), of == "large");
        assert_eq!(meter.take().read, units(stated, 0.0), "{of}");
    }
    let both = KeysAndAttributes::builder()
        .set_keys(Some(vec![key("large"), key("none")]))
        .consistent_read(true);
    let batch = client.batch_get_item();
    let batch = batch.request_items(&table, both.build().unwrap());
    batch.send().await.unwrap();
    assert_eq!(meter.take().read, units(1.0, 1.0));
    for (id, stated) in [("one", units(1.0, 0.0)), ("none", units(0.0, 1.0))] {
        let query = client.query().table_name(&table).consistent_read(true);
        let query = query
            .key_condition_expression("id = :id")
            .expression_attribute_values(":id", text(id));
        query.send().await.unwrap();
        assert_eq!(meter.take().read, stated, "{id}");
    }
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_consume_the_units_of_the_page() {
    let Some(site) = Site::new().await else {
        return;
    };
    let office = Office::new(&site);
    let pair = office.pair(Scope::Shared).await;
    let class = RetentionClass::DEFAULT;
    let partition = Partition::at(class, office.scene.now());
    office.scene.partition(partition).await;
    let (alice, bob) = (office.user("alice").await, office.user("bob").await);
    let requests = Requests::new(&office, &pair);
    // What a process reads once, or every few seconds, is not a request's.
    let id = requests.upload(&alice).await;
    requests.download(&alice, id).await;

    let mut differences = Differences::default();
    let (id, consumed) = office.meter(requests.upload(&alice)).await;
    differences.compare("`upload_url`", 0, consumed);
    let ((), consumed) = office.meter(requests.share(&alice, id, &bob.0)).await;
    differences.compare("`share`", 0, consumed);
    let ((), consumed) = office.meter(requests.download(&bob, id)).await;
    differences.compare("`download_url`", 0, consumed);

    let row = "`documents list` by owner or reader, of `n` documents in one table";
    for (filter, n) in [
        (DocumentFilter::OwnedBy(alice.0.id), 2),
        (
            DocumentFilter::VisibleTo(vec![Principal::User(bob.0.id)]),
            1,
        ),
    ] {
        let page = PageRequest::default();
        let (listed, consumed) = office.meter(office.store.list(&filter, &page)).await;
        assert_eq!(listed.unwrap().items.len(), n);
        differences.compare(row, n, consumed);
    }

    let make = &office.scene.make;
    let record = make.record_on(AuditAction::EntryRevoked, id);
    let revoke = office.store.revoke(id, Principal::User(bob.0.id), &record);
    let (revoked, consumed) = office.meter(revoke).await;
    assert_eq!(revoked.unwrap(), Change::Changed);
    differences.compare("un-share, the act alone", 0, consumed);

    office
        .scene
        .set_pair_state(&pair, KeyState::Deactivated)
        .await;
    let to = office.pair(Scope::Shared).await;
    let rewrap = Rewrap {
        document: id,
        seen_serial: pair.serial,
        wrapped: wrapped(&to),
        record: make.record_on(AuditAction::DocumentRewrapped, id),
    };
    let (rewrapped, consumed) = office.meter(office.store.rewrap(&[rewrap])).await;
    assert_eq!(rewrapped.unwrap(), [RewrapOutcome::Rewrapped]);
    differences.compare("rewrap of a document", 0, consumed);
    drop(differences);
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_consume_the_units_of_the_page() {
    let Some(site) = Site::new().await else {
        return;
    };
    let office = Office::new(&site);
    let (store, make) = (&office.store, &office.scene.make);
    let pair = office.pair(Scope::Shared).await;
    let mut differences = Differences::default();

    let partition = Partition::at(RetentionClass::DEFAULT, make.at());
    let making = store.ensure_partition(partition, Lifetime::UNLIMITED, make.at());
    let (made, consumed) = office.meter(making).await;
    assert_eq!(made.unwrap().state, PartitionState::Open);
    differences.compare("making a partition", 0, consumed);

    // The month of the audit log is entered by the first act.
    let document = office.document(&pair, 1).await;
    let end = DocumentChange::ExpiresAt(Some(make.at()));
    let record = make.record_on(AuditAction::DocumentChanged, document.id);
    let changed = store.change(document.id, 1, &end, &record).await;
    assert_eq!(changed.unwrap(), Change::Changed);
    // Nothing had expired yet an hour before.
    let before = make.at().minus(Duration::from_secs(3600));
    let page = PageRequest::default();
    let (found, consumed) = office.meter(store.expired_early(before, &page)).await;
    assert_eq!(found.unwrap().items, []);
    differences.compare(SWEEP, 0, consumed);

    for to in [
        PartitionState::Closed,
        PartitionState::Emptying,
        PartitionState::Emptied,
    ] {
        let mut record = make.record(AuditAction::PartitionClosed);
        record.audit.partition = Some(partition);
        let step = store.advance_partition(partition, to, &record);
        let (stepped, consumed) = office.meter(step).await;
        assert_eq!(stepped.unwrap(), Change::Changed);
        differences.compare("a step of a partition", 0, consumed);
    }
    let (dropped, consumed) = office.meter(store.drop_partition(partition)).await;
    dropped.unwrap();
    differences.compare("dropping a partition", 0, consumed);
    drop(differences);
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn holds_and_removals_consume_the_units_of_the_page() {
    let Some(site) = Site::new().await else {
        return;
    };
    let office = Office::new(&site);
    let (store, make) = (&office.store, &office.scene.make);
    let pair = office.pair(Scope::Shared).await;
    let held = office.pair(Scope::Hold).await;
    let mut differences = Differences::default();
    // The first time, a process enters month and class in the catalogue.
    for (is_counted, entries) in [(false, 1), (true, 1), (true, 20), (true, 40)] {
        let document = office.document(&pair, entries).await;
        let id = document.id;
        let hold = Hold {
            document: id,
            reason: HoldReason::parse("case 4711").unwrap(),
            placed_at: make.at(),
            completed_at: None,
        };
        let placed = make.record_on(AuditAction::HoldPlaced, id);
        let completed = make.record_on(AuditAction::HoldCompleted, id);
        let key = ObjectKey::parse(&format!("hold/{}", document.object_key)).unwrap();
        let wrap = wrapped(&held);
        let both = async {
            let begun = store.begin_hold(&hold, &placed).await;
            assert_eq!(begun.unwrap(), HoldOutcome::Begun);
            let done = store.complete_hold(id, &wrap, &key, &completed).await;
            assert_eq!(done.unwrap(), Change::Changed);
        };
        let ((), consumed) = office.meter(both).await;
        if is_counted {
            let row = "hold of a document with `n` entries: begin, complete";
            differences.compare(row, entries, consumed);
        }
    }
    for entries in [1, 14, 40, 90] {
        let document = office.document(&pair, entries).await;
        let end = DocumentChange::ExpiresAt(Some(make.at()));
        let record = make.record_on(AuditAction::DocumentChanged, document.id);
        let changed = store.change(document.id, 1, &end, &record).await;
        assert_eq!(changed.unwrap(), Change::Changed);
        let record = make.record_on(AuditAction::DocumentExpired, document.id);
        let remove = store.remove_document(document.id, 2, &record);
        let (removed, consumed) = office.meter(remove).await;
        assert_eq!(removed.unwrap(), Change::Changed);
        let row = "removing a document with `n` entries, 90 at most";
        differences.compare(row, entries, consumed);
    }
    drop(differences);
    site.remove().await;
}

/// What depends on how much there is, and on chance: bounds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn walks_and_the_audit_log_consume_no_more_than_the_page_says() {
    let Some(site) = Site::new().await else {
        return;
    };
    let office = Office::new(&site);
    let (store, make) = (&office.store, &office.scene.make);
    let pair = office.pair(Scope::Shared).await;
    let documents = (0..1000).map(|_| office.document(&pair, 1));
    let documents: Vec<_> = documents.collect();
    let documents = stream::iter(documents).buffer_unordered(8);
    let ids: BTreeSet<_> = documents.map(|document| document.id).collect().await;
    assert_eq!(ids.len(), 1000);

    let step = WalkStep {
        after: None,
        examine: NonZeroU32::new(1000).unwrap(),
    };
    let walk = store.count_wrapped_by(pair.serial, &step);
    let (walked, consumed) = office.meter(walk).await;
    assert_eq!(walked.unwrap().count, 1000);
    let bound = most("a step of a walk over 1,000 documents");
    assert!(consumed.read.all() <= bound, "{bound}: {consumed:?}");
    // Or the bound says nothing.
    assert!(consumed.read.all() > bound - 40.0, "{bound}: {consumed:?}");
    assert_eq!(consumed.write, Units::default());

    // The whole log, its items one after the other, is read for a quarter of its KB.
    let client = site.client_at(office.meter.address());
    let table = format!("{}audit", site.prefix);
    let scan = client.scan().table_name(table).consistent_read(true);
    let (scanned, quarter) = office.meter(scan.send()).await;
    assert_eq!(scanned.unwrap().last_evaluated_key, None);
    let filter = AuditFilter {
        since: Some(make.at()),
        ..AuditFilter::default()
    };
    let page = PageRequest::default();
    let list = store.list_audit(&filter, &page);
    let (listed, consumed) = office.meter(list).await;
    assert_eq!(listed.unwrap().items.len(), 100);
    let bound = quarter.read.all() + most("`audit list`");
    assert!(consumed.read.all() <= bound, "{bound}: {consumed:?}");
    assert!(
        consumed.read.all() > quarter.read.all(),
        "{quarter:?}: {consumed:?}"
    );
    assert_eq!(consumed.write, Units::default());
    site.remove().await;
}

/// What a million documents cost follows from the table.
#[test]
fn a_month_costs_what_its_requests_cost() {
    let rows = rows();
    let sum = |of: fn(&Row) -> &'static str| {
        let units = |request| figure(of(&rows[request]), 0);
        units("`upload_url`") + units("`share`") + 2.0 * units("`download_url`")
    };
    let (write, read) = (sum(|row| row.write), sum(|row| row.read));
    let stated = format!(
        "A million documents a month, each shared once and downloaded twice: {write} million write \
         units and {read} million read units"
    );
    assert!(PAGE.contains(&stated), "{stated}");
    let (write, read) = (write * 0.625, read * 0.125);
    let stated = format!("{write:.0} + {read:.0} USD for the requests");
    assert!(PAGE.contains(&stated), "{stated}");
}
