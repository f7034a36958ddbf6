//! The plans of pages of documents, the newest first, over 36 months: a page costs a page, also for
//! whom the statistics mislead.

use std::collections::BTreeSet;

use crypt_keeper_conformance::fixtures::Fixtures;
use crypt_keeper_domain::model::{
    AuditAction, DocumentId, KeyState, Lifetime, PageLimit, PageRequest, Partition, Principal,
    RetentionClass, Scope, Timestamp, UserId,
};
use crypt_keeper_domain::ports::{
    DocumentFilter, KeyRegistry as _, MetadataStore as _, Partitions as _,
};
use diesel_async::SimpleAsyncConnection as _;

use super::super::connect::Purpose;
use super::super::queries::newest::{self, Span, Whose};
use super::super::{Conn, dialect};
use super::{Rig, explain};
use crate::sql_types::SqlUuid;

const MONTHS: u32 = 36;
/// Documents of the month that has most of them.
const MANY: u32 = 20_000;
/// Documents of each other month.
const FEW: u32 = 300;
const LIMIT: usize = 50;
const ANALYZE: &str = "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) ";

struct People {
    /// Has the older half of each month.
    alice: UserId,
    /// Has the newer half.
    bob: UserId,
    /// Has an entry of each of Alice's.
    carol: UserId,
    /// The month that has most documents: the last but one.
    most: Partition,
}

async fn fill(rig: &Rig, conn: &mut Conn) -> People {
    let now = dialect::now(conn).await.unwrap();
    let make = Fixtures::new(now);
    let pair = make.pair(Scope::Shared, KeyState::Active);
    let record = make.record(AuditAction::KeyPairCreated);
    rig.store.insert_pair(&pair, &record).await.unwrap();
    let [alice, bob, carol] = [(); 3].map(|()| make.user_id());
    let like = make.document(alice, &pair);
    let record = make.record_on(AuditAction::DocumentCreated, like.id);
    let entry = make.owner_entry(&like);
    rig.store.insert(&like, &entry, &record).await.unwrap();
    let mut month: Partition = "0/20300101".parse().unwrap();
    let mut most = month;
    for number in 0..MONTHS {
        let ensured = rig.store.ensure_partition(month, Lifetime::UNLIMITED, now);
        ensured.await.unwrap();
        let is_most = number == MONTHS - 2;
        if is_most {
            most = month;
        }
        let count = if is_most { MANY } else { FEW };
        let first = month.starts_at().as_millis();
        conn.batch_execute(&format!(
            "INSERT INTO documents SELECT (jsonb_populate_record(d, jsonb_build_object( \
               'id', lpad(to_hex({first} + n * 1000), 12, '0') || '70008000' \
                 || lpad(to_hex(n), 12, '0'), \
               'owner', CASE WHEN n <= {count} / 2 THEN '{alice}' ELSE '{bob}' END))).* \
             FROM documents d, generate_series(1, {count}) n WHERE d.id = '{}'",
            like.id
        ))
        .await
        .unwrap();
        month = month.next().unwrap();
    }
    conn.batch_execute(&format!(
        "INSERT INTO entries SELECT (jsonb_populate_record(e, jsonb_build_object( \
           'document_id', d.id, 'principal_id', reader))).* \
         FROM entries e, documents d, \
           LATERAL (VALUES (d.owner), ('{carol}'::uuid)) AS readers (reader) \
         WHERE e.document_id = '{0}' AND d.id <> '{0}' \
           AND (reader = d.owner OR d.owner = '{alice}'); \
         ANALYZE documents; ANALYZE entries",
        like.id
    ))
    .await
    .unwrap();
    People {
        alice,
        bob,
        carol,
        most,
    }
}

/// Rows are taken by an index that says which they are: those of the page, and one more from each
/// table at most, to see which is next.
fn costs_a_page(plan: &str) {
    let (mut rows, mut scans) = (0, 0);
    for line in plan.lines().filter(|line| !line.contains("never executed")) {
        assert!(!line.contains("Sort  ("), "{plan}");
        assert!(!line.contains("Rows Removed by"), "{plan}");
        let of_documents = [" on documents", " on entries"];
        if !of_documents.iter().any(|table| line.contains(table))
            || line.contains("Bitmap Index Scan")
        {
            continue;
        }
        let by_index = [" using ", "Bitmap Heap Scan"];
        assert!(by_index.iter().any(|way| line.contains(way)), "{plan}");
        let (_, counts) = line.split_once(" rows=").unwrap();
        let (each, loops) = counts.split_once(" loops=").unwrap();
        // From PostgreSQL 18 on, rows are an average with decimals.
        let each: usize = each.split('.').next().unwrap().parse().unwrap();
        let loops: usize = loops.trim_end_matches(')').parse().unwrap();
        rows += each * loops;
        scans += 1;
    }
    assert!(scans > 0, "{plan}");
    assert!(rows <= LIMIT + 1 + scans, "{rows} rows:\n{plan}");
}

#[tokio::test]
async fn a_page_of_the_newest_costs_a_page_over_36_months() {
    let Some(rig) = Rig::new().await else {
        return;
    };
    let mut conn = rig.connector.connect(Purpose::Pooled).await.unwrap();
    let People {
        alice,
        bob,
        carol,
        most,
    } = fill(&rig, &mut conn).await;
    let at = |seconds: u64| {
        let moment = most.starts_at().as_millis() + seconds * 1000;
        let moment = Timestamp::from_millis(moment);
        DocumentId::new(RetentionClass::DEFAULT, moment, [0; 10])
    };
    // From the end on; within the month of most documents; from where Alice's begin in it; from where
    // a page reaches into the month before; from there on; and in the first month.
    let half = u64::from(MANY / 2);
    let first: Partition = "0/20300201".parse().unwrap();
    let cursors = [
        None,
        Some(at(half + 5_000)),
        Some(at(half)),
        Some(at(20)),
        Some(at(0)),
        first.before_first(),
    ];
    let visible = |user| DocumentFilter::VisibleTo(vec![Principal::User(user)]);
    for (filter, whose) in [
        (DocumentFilter::OwnedBy(alice), Whose::OwnedBy(alice)),
        (DocumentFilter::OwnedBy(bob), Whose::OwnedBy(bob)),
        (visible(alice), Whose::VisibleTo(Principal::User(alice))),
        (visible(carol), Whose::VisibleTo(Principal::User(carol))),
    ] {
        for after in cursors {
            let limit = PageLimit::clamped(LIMIT);
            let page = rig.store.list(&filter, &PageRequest { after, limit }).await;
            let page = page.unwrap();
            let ids: Vec<_> = page.items.iter().map(|document| document.id).collect();
            assert_eq!(ids.len(), LIMIT, "{filter:?} {after:?}");
            assert!(ids.is_sorted_by_key(|id| id.newest_first()));

            let span = Span {
                below: after.map_or(Span::WHOLE.below, DocumentId::uuid),
                ..Span::WHOLE
            };
            let plan = match whose {
                Whose::OwnedBy(owner) => {
                    explain(&mut conn, ANALYZE, newest::owned(owner, 0, span, LIMIT + 1)).await
                }
                Whose::VisibleTo(reader) => {
                    let ids = newest::visible(reader, 0, span, LIMIT + 1);
                    explain(&mut conn, ANALYZE, ids).await
                }
            };
            costs_a_page(&plan);
            let uuids = ids.iter().map(|id| SqlUuid(id.uuid())).collect();
            let plan = explain(&mut conn, ANALYZE, newest::by_ids(0, uuids)).await;
            let partitions: BTreeSet<_> = ids.iter().map(|id| id.partition()).collect();
            let tables = plan.matches(" on documents_0_").count();
            assert_eq!(tables, partitions.len(), "{plan}");
            // A small table may as well be read whole.
            if partitions.iter().eq([&most]) {
                costs_a_page(&plan);
            }
        }
    }
    rig.drop().await;
}
