//! What holds of requests that are gathered, on both databases.

use std::collections::HashMap;
use std::sync::Arc;

use crypt_keeper_conformance::{Scene, StoreHarness};
use crypt_keeper_domain::model::{
    AuditAction, KeyState, Partition, Principal, RetentionClass, Rights, Scope, UserId,
};
use crypt_keeper_domain::ports::{InsertOutcome, ReleaseOutcome, StoreError, WalkStep};
use futures_util::future::join_all;

/// Many documents are stored at once, each with its record; the act of one has been recorded
/// already. It fails, the others do not.
pub(crate) async fn only_the_guilty_insert_fails(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let owner = scene.user("alice").await.id;
    let taken = {
        let document = scene.make.document(owner, &pair);
        let record = scene
            .make
            .record_on(AuditAction::DocumentCreated, document.id);
        let entry = scene.make.owner_entry(&document);
        scene
            .store
            .insert(&document, &entry, &record)
            .await
            .unwrap();
        record.audit.id
    };
    let guilty = 17;
    let documents: Vec<_> = (0..60).map(|_| scene.make.document(owner, &pair)).collect();
    let answers = join_all(documents.iter().enumerate().map(|(number, document)| {
        let entry = scene.make.owner_entry(document);
        let mut record = scene
            .make
            .record_on(AuditAction::DocumentCreated, document.id);
        if number == guilty {
            record.audit.id = taken;
        }
        let store = Arc::clone(&scene.store);
        async move { store.insert(document, &entry, &record).await }
    }))
    .await;
    for (number, (answer, document)) in answers.into_iter().zip(documents).enumerate() {
        let found = scene.find(document.id, &[owner]).await;
        if number == guilty {
            assert!(matches!(answer, Err(StoreError::Conflict)), "{answer:?}");
            assert!(found.is_none(), "the guilty one left something behind");
        } else {
            assert_eq!(answer.unwrap(), InsertOutcome::Inserted);
            assert_eq!(found.unwrap().document, document);
        }
    }
}

/// Every request gets its own answer, whatever is asked beside it.
pub(crate) async fn everybody_gets_his_own_answer(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let mut people = Vec::new();
    for number in 0..40 {
        let user = scene.user(&format!("user{number}")).await;
        people.push(scene.api_key(user.id).await);
    }
    let stranger = scene.make.user_id();
    join_all(people.iter().enumerate().map(|(number, key)| {
        let (scene, pair) = (&scene, &pair);
        async move {
            let (found, user) = scene.accounts.find_api_key(key.id).await.unwrap().unwrap();
            assert_eq!((found.id, user.id), (key.id, key.user));
            let missing = scene.make.api_key(key.user).id;
            assert!(
                scene
                    .accounts
                    .find_api_key(missing)
                    .await
                    .unwrap()
                    .is_none()
            );

            let document = scene.document(key.user, pair).await;
            let found = scene
                .find(document.id, &[key.user, stranger, key.user])
                .await;
            let found = found.unwrap();
            assert_eq!(found.document, document);
            assert_eq!(found.entries, [scene.make.owner_entry(&document)]);
            let found = scene.find(document.id, &[]).await.unwrap();
            assert!(found.entries.is_empty());

            let (mut release, record) = scene.release(&document, key);
            if number % 3 == 0 {
                release.principals = vec![Principal::User(stranger)];
            }
            let outcome = scene.store.record_release(&release, &record).await.unwrap();
            let expected = if number % 3 == 0 {
                ReleaseOutcome::Refused
            } else {
                ReleaseOutcome::Recorded
            };
            assert_eq!(outcome, expected, "request {number}");
        }
    }))
    .await;
}

/// A row that cannot be is corrupt for whoever asks for it, and for nobody else. `run` runs SQL
/// past the store.
pub(crate) async fn a_corrupt_row_fails_its_own_readers(
    harness: &dyn StoreHarness,
    run: impl AsyncFn(&str),
) {
    let scene = Scene::new(harness);
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let alice = scene.user("alice").await;
    let key = scene.api_key(alice.id).await;
    let (sane, alice) = (scene.document(alice.id, &pair).await, alice.id);
    // One of the changes moves a row into another class.
    scene
        .partition(Partition::at(RetentionClass::new(3), scene.now()))
        .await;
    let changes = [
        "state = 'lost'",
        "key_commitment = wrapped_key",
        "object_key = '../x'",
        "wrap_algorithm = 'ROT13'",
        "key_serial = 1",
        "key_serial = -1",
        "content_length = -1",
        "size = -1",
        "retention_class = 3",
    ];
    let mut documents = Vec::new();
    for (number, change) in changes.iter().enumerate() {
        let mut document = scene.make.document(alice, &pair);
        document.metadata = scene.make.metadata(&format!("corrupt{number}"));
        scene.insert(&document).await;
        run(&format!(
            "UPDATE documents SET {change} WHERE name = 'corrupt{number}'"
        ))
        .await;
        documents.push(document);
    }
    let principals = [Principal::User(alice)];
    let corrupt = join_all(documents.iter().map(|document| {
        let store = Arc::clone(&scene.store);
        async move { store.find(document.id, &principals).await }
    }));
    let (corrupt, found) = tokio::join!(corrupt, scene.store.find(sane.id, &principals));
    assert_eq!(found.unwrap().unwrap().document, sane);
    for (answer, change) in corrupt.into_iter().zip(changes) {
        if change.starts_with("retention_class") {
            // Nobody looks for it there.
            assert!(matches!(answer, Ok(None)), "{change}: {answer:?}");
        } else {
            assert!(
                matches!(answer, Err(StoreError::Corrupt(_))),
                "{change}: {answer:?}"
            );
        }
    }

    // A rewrap is told which wraps cannot be read, in their places among those that can.
    let step = WalkStep::default();
    let wraps = scene.store.wraps_under(pair.serial, &step).await.unwrap();
    let told: HashMap<_, _> = wraps.found.into_iter().collect();
    assert_eq!(told[&sane.id].as_ref().unwrap(), &sane.wrapped_key);
    for (document, change) in documents.iter().zip(changes) {
        let wrap = told.get(&document.id);
        if change.starts_with("key_serial") {
            assert!(wrap.is_none(), "{change}: {wrap:?}");
        } else if change.starts_with("key_commitment") || change.starts_with("wrap_algorithm") {
            assert!(
                matches!(wrap, Some(Err(StoreError::Corrupt(_)))),
                "{change}: {wrap:?}"
            );
        } else {
            assert!(matches!(wrap, Some(Ok(_))), "{change}: {wrap:?}");
        }
    }

    let bob = scene.user("bob").await;
    let other = scene.api_key(bob.id).await;
    let is_corrupt = |answer: Result<_, StoreError>, what: &str| {
        assert!(matches!(answer, Err(StoreError::Corrupt(_))), "{what}");
    };
    run("UPDATE users SET state = 'asleep' WHERE name LIKE 'alice%'").await;
    is_corrupt(scene.accounts.find_api_key(key.id).await.map(drop), "user");
    assert!(
        scene
            .accounts
            .find_api_key(other.id)
            .await
            .unwrap()
            .is_some()
    );
    let (release, record) = scene.release(&sane, &key);
    let outcome = scene.store.record_release(&release, &record).await;
    assert!(
        !matches!(outcome, Ok(ReleaseOutcome::Recorded)),
        "a user in no known state is given a key"
    );
    run("UPDATE entries SET rights = 64").await;
    is_corrupt(scene.store.entries(sane.id).await.map(drop), "entry");
    is_corrupt(
        scene.store.find(sane.id, &principals).await.map(drop),
        "entry",
    );
    run("UPDATE key_pairs SET state = 'asleep'").await;
    is_corrupt(
        scene.registry.find_pair(pair.serial).await.map(drop),
        "pair",
    );
    run("UPDATE audit SET action = 'slept'").await;
    let all = Default::default();
    is_corrupt(
        scene
            .audit
            .list_audit(&all, &Default::default())
            .await
            .map(drop),
        "audit",
    );
}

/// A user who was granted more keeps what he had, whoever else grants at the same time.
pub(crate) async fn grants_at_once_lose_no_right(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let (alice, bob): (UserId, UserId) = (scene.make.user_id(), scene.make.user_id());
    let document = scene.document(alice, &pair).await;
    let masks = [1, 2, 4, 8, 16, 32];
    join_all(masks.map(|mask| {
        let entry = scene
            .make
            .entry(&document, bob, Rights::from_mask(mask).unwrap());
        let scene = &scene;
        async move { scene.grant(&entry).await }
    }))
    .await;
    let found = scene.find(document.id, &[bob]).await.unwrap();
    assert_eq!(found.entries[0].rights, Rights::OWNER);
}
