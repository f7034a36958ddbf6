//! The plans of the statements of every request: rows are found by their keys, also where the
//! planner knows nothing of the tables yet. And they are prepared once.

use std::sync::Arc;

use crypt_keeper_conformance::fixtures::Fixtures;
use crypt_keeper_domain::model::{KeyState, Principal, Rights, Scope, Timestamp};
use diesel_async::RunQueryDsl as _;

use super::*;
use crate::postgres::tests::{Rig, plan};
use crate::rows::Place;

#[tokio::test]
async fn rows_are_found_by_their_keys() {
    let Some(rig) = Rig::new().await else {
        return;
    };
    let make = Fixtures::new(Timestamp::from_millis(1_772_366_400_000));
    let pair = make.pair(Scope::Shared, KeyState::Active);
    let user = make.user_id();
    let document = make.document(user, &pair);
    let key = make.api_key(user);
    let principals: Arc<[Principal]> = [Principal::User(user)].into();
    let release = Release {
        document: document.id,
        need: Rights::READ,
        principals: principals.to_vec(),
        user,
        api_key: key.id,
        at: make.at(),
    };
    let audit = make.record(crypt_keeper_domain::model::AuditAction::DocumentReleased);

    let mut conn = rig
        .connector
        .connect(Purpose::GatheredLookups)
        .await
        .unwrap();
    let keys = plan(&mut conn, api_key::Statement::new(&[key.id])).await;
    let found = plan(
        &mut conn,
        find::Statement::new(&[(Place::Partitions.key(document.id), principals)]),
    )
    .await;
    let request = Arc::new(release::Request::new(Place::Partitions, &release, &audit));
    let released = plan(&mut conn, release::Statement::new(&[request])).await;
    for (plan, indexes) in [
        (&keys, &["api_keys_pkey", "users_pkey"][..]),
        (&found, &["documents_pkey", "key_pairs_pkey", "entries_"]),
        (
            &released,
            &[
                "documents_pkey",
                "key_pairs_pkey",
                "entries_",
                "users_pkey",
                "api_keys_pkey",
            ],
        ),
    ] {
        for index in indexes {
            assert!(plan.contains(&format!("using {index}")), "{index}:\n{plan}");
        }
        assert!(!plan.contains("Seq Scan"), "{plan}");
        assert!(!plan.contains("JIT"), "{plan}");
    }
    // Both indexes of entries hold the whole key: one row is looked up in either.
    for plan in [&found, &released] {
        let lookup = plan.lines().filter(|line| line.contains("Index Cond"));
        let whole = lookup.filter(|line| {
            ["principal_id =", "principal_kind =", "document_id ="]
                .iter()
                .all(|column| line.contains(column))
        });
        assert_eq!(whole.count(), 1, "{plan}");
    }
    assert!(released.contains("LockRows"), "{released}");

    let mut conn = rig
        .connector
        .connect(Purpose::GatheredInserts)
        .await
        .unwrap();
    let entry = make.owner_entry(&document);
    let request = insert::Request::new(Place::Partitions, &document, &entry, &audit);
    let request = Arc::new(request);
    let inserted = plan(&mut conn, insert::Statement::new(&[request])).await;
    assert!(
        inserted.contains("Conflict Arbiter Indexes: documents_pkey"),
        "{inserted}"
    );
    assert!(inserted.contains("LockRows"), "{inserted}");
    rig.drop().await;
}

#[tokio::test]
async fn a_statement_is_prepared_once() {
    let Some(rig) = Rig::new().await else {
        return;
    };
    let make = Fixtures::new(Timestamp::from_millis(1_772_366_400_000));
    let mut conn = rig
        .connector
        .connect(Purpose::GatheredLookups)
        .await
        .unwrap();
    for count in 1..=5 {
        let batch = (0..count)
            .map(|_| make.api_key(make.user_id()).id)
            .collect();
        api_key::FindApiKey::run(&mut conn, batch).await.unwrap();
        let pair = make.pair(Scope::Shared, KeyState::Active);
        let batch = (0..count)
            .map(|_| make.document(make.user_id(), &pair).id)
            .map(|id| (Place::Partitions.key(id), Arc::default()))
            .collect();
        find::Find::run(&mut conn, batch).await.unwrap();
    }
    let prepared: Vec<i64> = diesel::select(diesel::dsl::sql::<diesel::sql_types::BigInt>(
        "(SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%unnest%' \
          AND statement NOT LIKE '%pg_prepared_statements%')",
    ))
    .load(&mut conn)
    .await
    .unwrap();
    assert_eq!(prepared, [2]);
    rig.drop().await;
}
