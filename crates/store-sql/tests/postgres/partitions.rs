//! The tables made now attach later as the first ranges of partitioned ones.

use std::time::Duration;

use crypt_keeper_conformance::{Scene, uphold};
use crypt_keeper_domain::model::{DocumentId, KeyState, RetentionClass, Rights, Scope};
use crypt_keeper_domain::ports::{DocumentFilter, ReleaseOutcome};

use crate::store;

/// The first id of class 0 made after a moment.
fn first_id(scene: &Scene<'_>, after: Duration) -> DocumentId {
    DocumentId::new(RetentionClass::DEFAULT, scene.now().plus(after), [0; 10])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_tables_attach_and_every_statement_goes_on() {
    uphold(store().await, async |harness| {
        let scene = Scene::new(harness);
        let pair = scene.pair(Scope::Shared, KeyState::Active).await;
        let alice = scene.user("alice").await.id;
        let key = scene.api_key(alice).await;
        let before = scene.document(alice, &pair).await;

        // From half a minute on, ids fall into the next range.
        let bound = first_id(&scene, Duration::from_secs(30));
        let mut client = harness.database.client().await;
        client.run("BEGIN").await;
        for (table, id) in [("documents", "id"), ("entries", "document_id")] {
            client
                .run(&format!(
                    "ALTER TABLE {table} RENAME TO {table}_0_first;
                     CREATE TABLE {table} (LIKE {table}_0_first INCLUDING ALL)
                         PARTITION BY LIST (retention_class);
                     CREATE TABLE {table}_0 PARTITION OF {table} FOR VALUES IN (0)
                         PARTITION BY RANGE ({id});
                     ALTER TABLE {table}_0 ATTACH PARTITION {table}_0_first
                         FOR VALUES FROM (MINVALUE) TO ('{bound}');
                     CREATE TABLE {table}_0_next PARTITION OF {table}_0
                         FOR VALUES FROM ('{bound}') TO (MAXVALUE)"
                ))
                .await;
        }
        client.run("COMMIT").await;

        // The prepared statements of open connections, too.
        let mut after = scene.make.document(alice, &pair);
        let id = scene.make.document_id(
            RetentionClass::DEFAULT,
            scene.now().plus(Duration::from_secs(45)),
        );
        after.id = id;
        scene.insert(&after).await;
        let count = "SELECT count(*) FROM documents_0_next";
        assert_eq!(client.texts(count).await, ["1"], "it is in its range");

        let bob = scene.user("bob").await.id;
        for document in [&before, &after] {
            assert_eq!(
                scene.find(document.id, &[alice]).await.unwrap().document,
                *document
            );
            let (release, record) = scene.release(document, &key);
            let outcome = scene.store.record_release(&release, &record).await;
            assert_eq!(outcome.unwrap(), ReleaseOutcome::Recorded);
            scene.share(document, bob, Rights::READ).await;
        }
        let visible =
            DocumentFilter::VisibleTo(vec![crypt_keeper_domain::model::Principal::User(bob)]);
        for filter in [
            DocumentFilter::Every,
            DocumentFilter::OwnedBy(alice),
            visible,
        ] {
            assert_eq!(scene.list(&filter).await, [before.id, after.id]);
        }

        let plan = client
            .texts(&format!(
                "EXPLAIN SELECT * FROM documents WHERE retention_class = 0 AND id = '{}'",
                after.id
            ))
            .await
            .join("\n");
        assert!(plan.contains("documents_0_next"), "{plan}");
        assert!(
            !plan.contains("documents_0_first"),
            "pruned to one leaf: {plan}"
        );
    })
    .await;
}
