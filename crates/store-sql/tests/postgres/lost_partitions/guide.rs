//! What docs/operations.md says of lost tables is done by its words, and brings them back.

use crypt_keeper_conformance::{Scene, uphold};
use crypt_keeper_domain::model::{AuditAction, Partition, PartitionState, RetentionClass};
use crypt_keeper_domain::ports::{Change, Partitions as _};

use super::{Scenery, acts};
use crate::database::Client;
use crate::store;

const GUIDE: &str = include_str!("../../../../../docs/operations.md");

/// What the guide has in backquotes and begins so.
fn guided(begins: &str) -> &'static str {
    GUIDE
        .split('`')
        .find(|text| text.starts_with(begins))
        .expect(begins)
}

/// By the words of docs/operations.md, for a class whose partitions are days.
async fn attach_by_the_guide(client: &mut Client, kind: &str, partition: Partition) {
    let start = partition.start();
    let days = [start, start.succ_opt().unwrap()];
    let mut statement = guided("ALTER TABLE documents_7 ATTACH PARTITION")
        .replace("documents", kind)
        .replace("20260301", &start.format("%Y%m%d").to_string());
    for day in days {
        let least = guided("SELECT lpad(").replace("2026-03-01", &day.to_string());
        let least = &client.texts(&least).await[0];
        statement = statement.replacen("'..'", &format!("'{least}'"), 1);
    }
    client.run(&statement).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_tables_are_brought_back_by_the_words_of_the_guide() {
    for is_restored in [false, true] {
        uphold(store().await, async |harness| {
            let scene = Scene::new(harness);
            let scenery = Scenery::new(&scene).await;
            let partition = scenery.gone.id.partition();
            let before = acts(harness, &scene, &scenery).await;
            let mut client = harness.database.client().await;
            for kind in ["documents", "entries"] {
                let table = scenery.table(kind);
                client
                    .run(&format!("ALTER TABLE {kind}_7 DETACH PARTITION {table}"))
                    .await;
                if is_restored {
                    // `pg_restore --table` brings the table with its rows, and no index.
                    client
                        .run(&format!(
                            "ALTER TABLE {table} RENAME TO backup;
                             CREATE TABLE {table} (LIKE backup INCLUDING ALL EXCLUDING INDEXES);
                             INSERT INTO {table} SELECT * FROM backup;
                             DROP TABLE backup"
                        ))
                        .await;
                }
            }
            assert_eq!(harness.store.lost_tables().await.unwrap().len(), 2);
            for kind in ["documents", "entries"] {
                attach_by_the_guide(&mut client, kind, partition).await;
            }
            assert_eq!(harness.store.lost_tables().await.unwrap(), [""; 0]);
            let after = acts(harness, &scene, &scenery).await;
            assert_eq!(format!("{after:?}"), format!("{before:?}"));
            // It takes documents, and goes in the end, as if it had never been away.
            let id = scene.make.document_id(RetentionClass::new(7), scene.now());
            let owner = scenery.gone.owner;
            let document = scene.make.document_with_id(id, owner, &scenery.pair);
            scene.insert(&document).await;
            let mut state = PartitionState::Open;
            while state < PartitionState::Emptied {
                state = state.next().unwrap();
                let record = scene.make.record(AuditAction::PartitionClosed);
                let advanced = harness.store.advance_partition(partition, state, &record);
                assert_eq!(advanced.await.unwrap(), Change::Changed, "{state}");
            }
            harness.store.drop_partition(partition).await.unwrap();
            assert!(scene.find(scenery.gone.id, &[owner]).await.is_none());
        })
        .await;
    }
}
