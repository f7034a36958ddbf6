//! The tables of before there were partitions become the first ranges of partitioned ones, under way.

use crypt_keeper_conformance::{Scene, uphold};
use crypt_keeper_domain::model::{
    AuditAction, KeyState, Lifetime, Principal, RetentionClass, Rights, Scope,
};
use crypt_keeper_domain::ports::{
    DocumentFilter, InsertOutcome, MetadataStore as _, Partitions as _, ReleaseOutcome,
};

use crate::database::Client;
use crate::scripts::script;
use crate::store;

/// The steps by which that happens.
const STEPS: [&str; 3] = [
    "2026-11-24-050000_first_ranges",
    "2026-11-24-060000_first_ranges_checked",
    "2026-11-24-070000_time_partitions",
];

async fn back(client: &mut Client) {
    for step in STEPS.iter().rev() {
        client.run(&script("postgres", step, "down.sql")).await;
    }
}

async fn forth(client: &mut Client) {
    for step in STEPS {
        client.run(&script("postgres", step, "up.sql")).await;
    }
}

/// The store is the same before and after, its connections and their prepared statements too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_goes_on_while_the_tables_become_partitioned() {
    uphold(store().await, async |harness| {
        let mut client = harness.database.client().await;
        back(&mut client).await;
        client.run("DELETE FROM partitions").await;
        let scene = Scene::new(harness);
        let pair = scene.pair(Scope::Shared, KeyState::Active).await;
        let (alice, bob) = (scene.user("alice").await.id, scene.user("bob").await.id);
        let key = scene.api_key(alice).await;
        // Past `Scene::insert`, which would make partitions.
        let insert = async |class: u8| {
            let id = scene
                .make
                .document_id(RetentionClass::new(class), scene.now());
            let document = scene.make.document_with_id(id, alice, &pair);
            let entry = scene.make.owner_entry(&document);
            let record = scene.make.record_on(AuditAction::DocumentCreated, id);
            let stored = harness.store.insert(&document, &entry, &record).await;
            assert_eq!(stored.unwrap(), InsertOutcome::Inserted);
            document
        };
        let mut documents = Vec::new();
        for class in [0, 0, 7, 70, 130, 200] {
            documents.push(insert(class).await);
        }
        let all = DocumentFilter::Every;
        let before = scene.list(&all).await;

        forth(&mut client).await;
        assert_eq!(scene.list(&all).await, before);
        documents.push(insert(0).await);
        for document in &documents {
            let found = scene.find(document.id, &[alice]).await.unwrap();
            assert_eq!(found.document, *document);
            assert_eq!(found.entries, [scene.make.owner_entry(document)]);
            let (release, record) = scene.release(document, &key);
            let outcome = harness.store.record_release(&release, &record).await;
            assert_eq!(outcome.unwrap(), ReleaseOutcome::Recorded);
            scene.share(document, bob, Rights::READ).await;
        }
        let visible = DocumentFilter::VisibleTo(vec![Principal::User(bob)]);
        for filter in [all, DocumentFilter::OwnedBy(alice), visible] {
            assert_eq!(scene.list(&filter).await.len(), documents.len());
        }
        let tables = client
            .texts("SELECT DISTINCT tableoid::regclass::text FROM documents")
            .await;
        assert_eq!(tables.len(), 5, "one for each class: {tables:?}");

        // Then they are entered in the catalogue, and promised no end.
        harness.store.migrate().await.unwrap();
        for document in &documents {
            let entry = harness.store.find_partition(document.id.partition()).await;
            assert_eq!(entry.unwrap().unwrap().lifetime, Lifetime::UNLIMITED);
        }
        // And back to one table each, with all that is in them.
        back(&mut client).await;
        for document in &documents {
            let found = scene.find(document.id, &[alice, bob]).await.unwrap();
            assert_eq!(found.entries.len(), 2);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attaching_reads_no_row_and_keeps_what_was_granted() {
    uphold(store().await, async |harness| {
        let scene = Scene::new(harness);
        let pair = scene.pair(Scope::Shared, KeyState::Active).await;
        scene.document(scene.make.user_id(), &pair).await;
        let mut client = harness.database.client().await;
        back(&mut client).await;
        client
            .run(
                "GRANT INSERT ON documents TO PUBLIC; GRANT SELECT (id) ON documents TO PUBLIC;
                 GRANT DELETE ON entries TO PUBLIC",
            )
            .await;
        let rights = "SELECT relname || coalesce(relacl::text, '') || coalesce(attacl::text, '')
             FROM pg_class LEFT JOIN pg_attribute ON attrelid = pg_class.oid AND attname LIKE '%id'
             WHERE relname IN ('documents', 'entries') ORDER BY 1";
        let granted = client.texts(rights).await;
        for step in &STEPS[..2] {
            client.run(&script("postgres", step, "up.sql")).await;
        }
        // A session of its own: what another did before is counted until it is idle.
        let mut client = harness.database.client().await;
        client.run("BEGIN").await;
        client.run(&script("postgres", STEPS[2], "up.sql")).await;
        let scans = client
            .texts(
                "SELECT seq_scan FROM pg_stat_xact_user_tables
                 WHERE relname LIKE 'documents_0_until_%' OR relname LIKE 'entries_0_until_%'",
            )
            .await;
        client.run("COMMIT").await;
        assert_eq!(scans, ["0", "0"]);
        assert_eq!(client.texts(rights).await, granted);
    })
    .await;
}
