//! How the tables of a partition go, and what happens if that is interrupted anywhere.

use crypt_keeper_conformance::{Scene, uphold};
use crypt_keeper_domain::model::{
    AuditAction, Document, KeyState, Lifetime, Partition, PartitionState, RetentionClass, Rights,
    Scope,
};
use crypt_keeper_domain::ports::{Change, Partitions as _, StoreError};
use crypt_keeper_test_services::cycles;

use crate::database::Client;
use crate::{Store, store};

async fn document(scene: &Scene<'_>, class: u8) -> Document {
    let pair = scene.pair(Scope::Customer(scene.make.user_id()), KeyState::Active);
    let (pair, owner) = (pair.await, scene.make.user_id());
    let id = scene
        .make
        .document_id(RetentionClass::new(class), scene.now());
    let document = scene.make.document_with_id(id, owner, &pair);
    scene.insert(&document).await;
    scene
        .share(&document, scene.make.user_id(), Rights::READ)
        .await;
    document
}

/// Takes a partition to `Emptied`.
async fn empty(harness: &Store, scene: &Scene<'_>, partition: Partition) {
    for (to, action) in [
        (PartitionState::Closed, AuditAction::PartitionClosed),
        (PartitionState::Emptying, AuditAction::PartitionEmptying),
        (PartitionState::Emptied, AuditAction::PartitionEmptied),
    ] {
        let mut record = scene.make.record(action);
        record.audit.partition = Some(partition);
        let step = harness
            .store
            .advance_partition(partition, to, &record)
            .await;
        assert_eq!(step.unwrap(), Change::Changed);
    }
}

async fn tables(client: &mut Client, suffix: &str) -> usize {
    let found = format!(
        "SELECT relname FROM pg_class WHERE relname IN ('documents_{suffix}', 'entries_{suffix}')"
    );
    client.texts(&found).await.len()
}

/// Everything that a kill may leave behind, by what was done before it.
const INTERRUPTED: [&str; 7] = [
    "",
    "ALTER TABLE entries_7 DETACH PARTITION entries_{}",
    "ALTER TABLE entries_7 DETACH PARTITION entries_{}; DROP TABLE entries_{}",
    "DROP TABLE entries_{}; ALTER TABLE documents_7 DETACH PARTITION documents_{}",
    "DROP TABLE entries_{}; DROP TABLE documents_{}",
    // Killed while it waits for whoever still uses the partition.
    "pending entries",
    "pending documents",
];

/// Begins to detach a partition, and kills that while it waits for a reader.
async fn interrupt(harness: &Store, kind: &str, suffix: &str) {
    let mut reader = harness.database.client().await;
    reader
        .run(&format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM {kind}_7"
        ))
        .await;
    let mut detaching = harness.database.client().await;
    let statement = format!("ALTER TABLE {kind}_7 DETACH PARTITION {kind}_{suffix} CONCURRENTLY");
    let detached = tokio::spawn(async move { detaching.broken(&statement).await });
    let mut killer = harness.database.client().await;
    killer.until_waiting(1).await;
    killer
        .run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND query LIKE 'ALTER TABLE %'",
        )
        .await;
    assert!(detached.await.unwrap(), "it was killed");
    let pending = killer
        .texts("SELECT inhrelid::regclass FROM pg_inherits WHERE inhdetachpending")
        .await;
    assert_eq!(pending, [format!("{kind}_{suffix}")]);
    reader.run("COMMIT").await;
}

/// A drop of `partition`, which was interrupted, comes to its end, and takes nothing else with it.
async fn finish(harness: &Store, scene: &Scene<'_>, partition: Partition, interrupted: &str) {
    let next = partition.next().unwrap();
    for made in [partition, next] {
        scene.partition(made).await;
    }
    let mut client = harness.database.client().await;
    let mut gone = document(scene, 7).await;
    let today = gone.id;
    gone.id = scene
        .make
        .document_id(partition.class(), partition.starts_at());
    client
        .run(&format!(
            "UPDATE entries SET document_id = '{0}' WHERE document_id = '{today}';
             UPDATE documents SET id = '{0}' WHERE id = '{today}'",
            gone.id
        ))
        .await;
    assert!(scene.find(gone.id, &[gone.owner]).await.is_some());
    empty(harness, scene, partition).await;
    let suffix = format!("7_{}", partition.start().format("%Y%m%d"));
    match interrupted.strip_prefix("pending ") {
        Some(kind) => interrupt(harness, kind, &suffix).await,
        None => client.run(&interrupted.replace("{}", &suffix)).await,
    }

    harness.store.drop_partition(partition).await.unwrap();
    assert_eq!(tables(&mut client, &suffix).await, 0, "{interrupted}");
    harness.store.drop_partition(partition).await.unwrap();
    assert!(scene.find(gone.id, &[gone.owner]).await.is_none());
    let suffix = format!("7_{}", next.start().format("%Y%m%d"));
    assert_eq!(tables(&mut client, &suffix).await, 2, "{interrupted}");
}

/// Each cycle drops the partition that was the next one in the cycle before; the first is far
/// enough that it is not today's when midnight comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drop_goes_on_from_wherever_it_was_killed_cycles() {
    let cycles = cycles(1);
    for interrupted in INTERRUPTED {
        uphold(store().await, async |harness| {
            let scene = Scene::new(harness);
            let kept = document(&scene, 0).await;
            let today = Partition::at(RetentionClass::new(7), scene.now());
            let mut partition = today.next().unwrap();
            for _ in 0..cycles {
                partition = partition.next().unwrap();
                finish(harness, &scene, partition, interrupted).await;
                assert!(scene.find(kept.id, &[kept.owner]).await.is_some());
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_drop_does_not_keep_another_waiting() {
    uphold(store().await, async |harness| {
        let scene = Scene::new(harness);
        let partition = document(&scene, 7).await.id.partition();
        let next = partition.next().unwrap();
        scene.partition(next).await;
        for one in [partition, next] {
            empty(harness, &scene, one).await;
        }
        let suffix = |of: Partition| format!("7_{}", of.start().format("%Y%m%d"));
        interrupt(harness, "documents", &suffix(partition)).await;
        harness.store.drop_partition(next).await.unwrap();
        harness.store.drop_partition(partition).await.unwrap();
        let mut client = harness.database.client().await;
        for one in [partition, next] {
            assert_eq!(tables(&mut client, &suffix(one)).await, 0);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_go_on_while_a_drop_waits_for_a_long_reader() {
    uphold(store().await, async |harness| {
        let scene = Scene::new(harness);
        let partition = document(&scene, 7).await.id.partition();
        empty(harness, &scene, partition).await;
        let mut reader = harness.database.client().await;
        reader
            .run(
                "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM entries; SELECT FROM documents",
            )
            .await;
        let store = std::sync::Arc::clone(&harness.store);
        let dropped = tokio::spawn(async move { store.drop_partition(partition).await });
        let mut client = harness.database.client().await;
        client.until_waiting(1).await;
        let document = document(&scene, 0).await;
        assert!(scene.find(document.id, &[document.owner]).await.is_some());
        let refused = dropped.await.unwrap();
        assert!(
            matches!(refused, Err(StoreError::Unavailable(_))),
            "{refused:?}"
        );
        reader.run("COMMIT").await;
        harness.store.drop_partition(partition).await.unwrap();
    })
    .await;
}

/// Two who drop the same at once do no harm.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_may_drop_at_once() {
    uphold(store().await, async |harness| {
        let scene = Scene::new(harness);
        let partition = document(&scene, 7).await.id.partition();
        empty(harness, &scene, partition).await;
        let drops = [(); 3].map(|()| harness.store.drop_partition(partition));
        for dropped in futures_util::future::join_all(drops).await {
            dropped.unwrap();
        }
    })
    .await;
}

/// The first tables hold many partitions: rows go by their ids, and the tables with the last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_tables_go_with_the_last_of_their_partitions() {
    uphold(store().await, async |harness| {
        let scene = Scene::new(harness);
        let mut client = harness.database.client().await;
        // As they would be if they had been made at the end of February 2026.
        let found = "SELECT substr(relname, 11) FROM pg_class WHERE relkind = 'r'
             AND relname LIKE 'documents_0_until_%'";
        let suffix = client.texts(found).await.concat();
        client.run("DELETE FROM partitions").await;
        let until: Partition = "0/20260301".parse().unwrap();
        let bound = until.id_range().unwrap().0;
        for kind in ["documents", "entries"] {
            client
                .run(&format!(
                    "ALTER TABLE {kind}_0 DETACH PARTITION {kind}_{suffix};
                     ALTER TABLE {kind}_{suffix} RENAME TO {kind}_0_until_20260301;
                     ALTER TABLE {kind}_0 ATTACH PARTITION {kind}_0_until_20260301
                         FOR VALUES FROM (MINVALUE) TO ('{bound}')"
                ))
                .await;
        }
        let ensure = |partition| {
            harness
                .store
                .ensure_partition(partition, Lifetime::UNLIMITED, scene.now())
        };
        let now = document(&scene, 0).await;
        let months: [Partition; 2] = ["0/20260101", "0/20260201"].map(|text| text.parse().unwrap());
        for month in months {
            // More than are removed at once.
            client
                .run(&format!(
                    "INSERT INTO documents (retention_class, id, state, version, owner, name,
                         content_length, content_type, compressed, format, wrap_algorithm,
                         key_serial, wrapped_key, key_commitment, object_key, created_at, hold)
                     SELECT 0, (substr('{0}', 1, 13) || '-7000-8' || lpad(to_hex(n), 3, '0') ||
                             '-' || lpad(to_hex(n), 12, '0'))::uuid, state, version, owner, name,
                         content_length, content_type, compressed, format, wrap_algorithm,
                         key_serial, wrapped_key, key_commitment, object_key, created_at, hold
                     FROM documents, generate_series(1, 5001) AS n WHERE id = '{1}';
                     INSERT INTO entries SELECT 0, id, 'user', owner, 63, owner, created_at, NULL
                     FROM documents WHERE id BETWEEN '{0}' AND '{2}'",
                    month.id_range().unwrap().0,
                    now.id,
                    month.id_range().unwrap().1,
                ))
                .await;
        }
        // What is there from before the catalogue is entered, and promised no end.
        harness.store.migrate().await.unwrap();
        for month in months {
            let entry = harness.store.find_partition(month).await.unwrap().unwrap();
            assert_eq!(entry.lifetime, Lifetime::UNLIMITED);
            assert_eq!(ensure(month).await.unwrap(), entry);
        }
        assert_eq!(tables(&mut client, "0_until_20260301").await, 2);
        let estimate = harness.store.estimate_documents(months[0]).await.unwrap();
        assert_eq!(estimate, Some(5001));

        for (month, left) in months.into_iter().zip([2, 0]) {
            empty(harness, &scene, month).await;
            harness.store.drop_partition(month).await.unwrap();
            let estimate = harness.store.estimate_documents(month).await.unwrap();
            assert_eq!(estimate, Some(0));
            assert_eq!(tables(&mut client, "0_until_20260301").await, left);
        }
        harness.store.drop_partition(months[1]).await.unwrap();
        assert!(scene.find(now.id, &[now.owner]).await.is_some());
    })
    .await;
}
