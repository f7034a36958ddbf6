use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use crypt_keeper_domain::model::{
    Algorithm, AuditAction, Document, DocumentId, DocumentState, KeyCommitment, KeyPair, KeyState,
    RetentionClass, Scope, Serial, Timestamp, WrappedKey,
};
use crypt_keeper_domain::ports::{
    Change, DocumentChange, DocumentFilter, Rewrap, RewrapOutcome, WalkStep, Walked,
};

use crate::concurrency::at_once;
use crate::fixtures::ALGORITHM;
use crate::{Scene, StoreHarness};

/// A rewrap takes place if the key is still wrapped under the pair that was seen, and the new pair
/// is active, of the document's scope and of the wrap's algorithm; else nothing is changed.
pub async fn rewrap_needs_the_seen_serial_and_an_active_pair(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let alice = scene.user("alice").await;
    let old = scene.pair(Scope::Shared, KeyState::Active).await;
    let document = scene.document(alice.id, &old).await;
    scene.set_pair_state(&old, KeyState::Deactivated).await;
    let refused = async |rewrap: Rewrap, expected: RewrapOutcome, why: &str| {
        assert_eq!(
            run(&scene, std::slice::from_ref(&rewrap)).await,
            [expected],
            "{why}"
        );
        assert!(!scene.is_recorded(&rewrap.record).await, "{why}");
        let found = scene.find(document.id, &[]).await.unwrap();
        assert_eq!(found.document, document, "{why}");
    };

    for state in KeyState::ALL.iter().filter(|one| **one != KeyState::Active) {
        let pair = scene.pair(Scope::Shared, *state).await;
        let rewrap = rewrap(&scene, &document, &pair);
        refused(rewrap, RewrapOutcome::KeyPairNotActive, state.as_str()).await;
    }
    let unknown = scene.make.pair(Scope::Shared, KeyState::Active);
    let to_unknown = rewrap(&scene, &document, &unknown);
    refused(to_unknown, RewrapOutcome::KeyPairNotActive, "unknown pair").await;

    let elsewhere = scene.pair(Scope::Hold, KeyState::Active).await;
    let mut to_elsewhere = rewrap(&scene, &document, &elsewhere);
    refused(
        to_elsewhere.clone(),
        RewrapOutcome::KeyPairNotActive,
        "another scope",
    )
    .await;
    to_elsewhere.wrapped.scope = Scope::Shared;
    refused(
        to_elsewhere,
        RewrapOutcome::KeyPairNotActive,
        "a false scope",
    )
    .await;

    let new = scene.pair(Scope::Shared, KeyState::Active).await;
    for other in Algorithm::ALL.iter().filter(|other| **other != ALGORITHM) {
        let mut rewrap = rewrap(&scene, &document, &new);
        rewrap.wrapped.algorithm = *other;
        refused(rewrap, RewrapOutcome::KeyPairNotActive, other.as_str()).await;
    }

    for seen in [new.serial, scene.make.serial()] {
        let mut stale = rewrap(&scene, &document, &new);
        stale.seen_serial = seen;
        let outcome = run(&scene, &[stale]).await;
        // A pair that nobody has ever heard of may be said to be that, too.
        assert_ne!(outcome, [RewrapOutcome::Rewrapped], "wrapped under another");
        if seen == new.serial {
            assert_eq!(outcome, [RewrapOutcome::Stale]);
        }
    }
    let mut nobodys = document.clone();
    nobodys.id = scene
        .make
        .document_id(RetentionClass::DEFAULT, scene.make.at());
    let missing = rewrap(&scene, &nobodys, &new);
    refused(missing, RewrapOutcome::Missing, "no such document").await;

    let rewrap = rewrap(&scene, &document, &new);
    assert_eq!(
        run(&scene, std::slice::from_ref(&rewrap)).await,
        [RewrapOutcome::Rewrapped]
    );
    assert!(scene.is_recorded(&rewrap.record).await);
    let found = scene.find(document.id, &[]).await.unwrap();
    assert_eq!(found.document.wrapped_key, rewrap.wrapped);
    assert_eq!(found.key_state, KeyState::Active);
}

/// A rewrap changes the wrap and nothing else, whoever changes the document meanwhile; of many of
/// one document at once one takes place; and in a batch each is answered for itself.
pub async fn rewrap_changes_the_wrap_alone(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let alice = scene.user("alice").await;
    let old = scene.pair(Scope::Shared, KeyState::Active).await;
    let mut documents = Vec::new();
    for class in [0, 200, 0, 1] {
        let id = scene
            .make
            .document_id(RetentionClass::new(class), scene.make.at());
        let document = scene.make.document_with_id(id, alice.id, &old);
        scene.insert(&document).await;
        documents.push(document);
    }
    let bystander = scene.document(alice.id, &old).await;
    scene.set_pair_state(&old, KeyState::Deactivated).await;
    let new = scene.pair(Scope::Shared, KeyState::Active).await;

    let changed = DocumentChange::ExpiresAt(Some(Timestamp::MAX));
    let record = scene
        .make
        .record_on(AuditAction::DocumentChanged, documents[0].id);
    let answer = scene
        .store
        .change(documents[0].id, 1, &changed, &record)
        .await;
    assert_eq!(answer.unwrap(), Change::Changed);
    documents[0].expires_at = Some(Timestamp::MAX);
    documents[0].expires_early = true;
    documents[0].version = 2;

    let mut batch: Vec<_> = documents
        .iter()
        .map(|one| rewrap(&scene, one, &new))
        .collect();
    let twice = rewrap(&scene, &documents[3], &new);
    batch.push(twice.clone());
    let outcomes = run(&scene, &batch).await;
    assert_eq!(outcomes[..3], [RewrapOutcome::Rewrapped; 3]);
    // Which of two of one document comes first is the store's to choose.
    let last: BTreeSet<_> = outcomes[3..].iter().map(|one| format!("{one:?}")).collect();
    assert_eq!(last.into_iter().collect::<Vec<_>>(), ["Rewrapped", "Stale"]);
    for (at, document) in documents.iter_mut().enumerate() {
        let taken = if outcomes[at] == RewrapOutcome::Rewrapped {
            &batch[at]
        } else {
            &twice
        };
        document.wrapped_key = taken.wrapped.clone();
        let found = scene.find(document.id, &[]).await.unwrap();
        assert_eq!(found.document, *document);
        let rewrapped = AuditAction::DocumentRewrapped;
        assert_eq!(scene.count(rewrapped, document.id).await, 1);
    }
    let found = scene.find(bystander.id, &[]).await.unwrap();
    assert_eq!(found.document, bystander);

    let rivals: Vec<_> = (0..10).map(|_| rewrap(&scene, &bystander, &new)).collect();
    let answers = at_once(rivals.len(), |number| {
        let store = Arc::clone(&scene.store);
        let rewrap = rivals[number].clone();
        async move { store.rewrap(&[rewrap]).await.expect("rewrap") }
    })
    .await;
    let won: Vec<_> = (0..rivals.len())
        .filter(|at| answers[*at] == [RewrapOutcome::Rewrapped])
        .collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    let stale = answers.iter().filter(|one| **one == [RewrapOutcome::Stale]);
    assert_eq!(stale.count(), 9, "{answers:?}");
    let found = scene.find(bystander.id, &[]).await.unwrap();
    assert_eq!(found.document.wrapped_key, rivals[won[0]].wrapped);
    assert_eq!(run(&scene, &[]).await, []);
}

/// Documents are marked that are wrapped under the pair, or were before they were rewrapped; the
/// rewrap from a compromised pair marks by itself; nothing takes the mark back.
pub async fn exposed_stays_exposed(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let alice = scene.user("alice").await;
    let leaked = scene.pair(Scope::Shared, KeyState::Active).await;
    let mut under_it = Vec::new();
    for _ in 0..7 {
        under_it.push(scene.document(alice.id, &leaked).await);
    }
    let had_left = scene.document(alice.id, &leaked).await;
    let leaked = scene.set_pair_state(&leaked, KeyState::Deactivated).await;
    let new = scene.pair(Scope::Shared, KeyState::Active).await;
    let unconcerned = scene.document(alice.id, &new).await;
    let leave = rewrap(&scene, &had_left, &new);
    assert_eq!(run(&scene, &[leave]).await, [RewrapOutcome::Rewrapped]);
    for document in under_it.iter().chain([&had_left, &unconcerned]) {
        assert!(
            !is_exposed(&scene, document).await,
            "nothing has leaked yet"
        );
    }

    let leaked = scene.set_pair_state(&leaked, KeyState::Compromised).await;
    let first = under_it.pop().unwrap();
    let leave = rewrap(&scene, &first, &new);
    assert_eq!(run(&scene, &[leave]).await, [RewrapOutcome::Rewrapped]);
    assert!(is_exposed(&scene, &first).await, "marked by its rewrap");

    let deleted = DocumentChange::State(DocumentState::Deleted);
    let record = scene
        .make
        .record_on(AuditAction::DocumentChanged, under_it[0].id);
    let answer = scene
        .store
        .change(under_it[0].id, 1, &deleted, &record)
        .await;
    assert_eq!(answer.unwrap(), Change::Changed);
    for examine in [2, 3, 100] {
        let marked = walk(examine, async |step| {
            scene
                .store
                .mark_exposed(leaked.serial, &step)
                .await
                .unwrap()
        })
        .await;
        // Six are under it still, one had left before; all of them at the first walk.
        assert_eq!(marked, if examine == 2 { 7 } else { 0 });
        for document in under_it.iter().chain([&had_left, &first]) {
            assert!(is_exposed(&scene, document).await);
        }
        assert!(!is_exposed(&scene, &unconcerned).await);
    }

    let mut exposed: Vec<_> = under_it.iter().chain([&had_left, &first]).collect();
    exposed.sort_by_key(|document| (document.id.class(), document.id));
    let exposed: Vec<_> = exposed.iter().map(|document| document.id).collect();
    assert_eq!(scene.list(&DocumentFilter::KeyExposed).await, exposed);

    let next = under_it.pop().unwrap();
    let leave = rewrap(&scene, &next, &new);
    assert_eq!(run(&scene, &[leave]).await, [RewrapOutcome::Rewrapped]);
    assert!(is_exposed(&scene, &next).await, "a rewrap is no cure");
    let nobodys = walk(2, async |step| {
        let serial = scene.make.serial();
        scene.store.mark_exposed(serial, &step).await.unwrap()
    })
    .await;
    assert_eq!(nobodys, 0);
}

/// Every document of a pair that is not deleted is counted once, whatever the steps of the walk.
pub async fn wrapped_documents_are_counted(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let alice = scene.user("alice").await;
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let other = scene.pair(Scope::Hold, KeyState::Active).await;
    let count = async |serial: Serial, examine| {
        walk(examine, async |step| {
            scene.store.count_wrapped_by(serial, &step).await.unwrap()
        })
        .await
    };
    assert_eq!(count(pair.serial, 1).await, 0);

    for class in [0, 255, 1, 0, 254, 0, 0, 7] {
        let pair = if class == 7 { &other } else { &pair };
        let id = scene
            .make
            .document_id(RetentionClass::new(class), scene.make.at());
        let mut document = scene.make.document_with_id(id, alice.id, pair);
        document.state = DocumentState::Available;
        document.expires_at = Some(Timestamp::from_micros(1));
        if class == 254 {
            document.state = DocumentState::Deleted;
        }
        scene.insert(&document).await;
    }
    scene.settle().await;
    for examine in [1, 2, 3, 7, 8, 9, 10_000] {
        assert_eq!(count(pair.serial, examine).await, 6, "steps of {examine}");
        assert_eq!(count(other.serial, examine).await, 1, "steps of {examine}");
        assert_eq!(count(scene.make.serial(), examine).await, 0);
    }
}

/// Adds up a walk in steps.
async fn walk(examine: u32, act: impl AsyncFn(WalkStep) -> Walked) -> u64 {
    let mut step = WalkStep {
        after: None,
        examine: NonZeroU32::new(examine).unwrap(),
    };
    let mut count = 0;
    let mut seen: Vec<DocumentId> = Vec::new();
    loop {
        let walked = act(step).await;
        count += walked.count;
        let Some(next) = walked.next else {
            return count;
        };
        assert!(!seen.contains(&next), "the walk goes in circles");
        seen.push(next);
        assert!(seen.len() < 100, "the walk has no end");
        step.after = Some(next);
    }
}

async fn is_exposed(scene: &Scene<'_>, document: &Document) -> bool {
    let found = scene.find(document.id, &[]).await.unwrap();
    found.document.key_exposed
}

async fn run(scene: &Scene<'_>, rewraps: &[Rewrap]) -> Vec<RewrapOutcome> {
    scene.store.rewrap(rewraps).await.expect("rewrap")
}

fn rewrap(scene: &Scene<'_>, document: &Document, to: &KeyPair) -> Rewrap {
    let seen_serial = document.wrapped_key.serial;
    let rewrapped = AuditAction::DocumentRewrapped;
    let mut record = scene.make.record_on(rewrapped, document.id);
    record.audit.serial = Some(seen_serial);
    Rewrap {
        document: document.id,
        seen_serial,
        wrapped: WrappedKey {
            algorithm: to.algorithm,
            serial: to.serial,
            scope: to.scope.clone(),
            bytes: scene.make.many_bytes(1120),
            commitment: KeyCommitment::from_bytes(scene.make.bytes()),
        },
        record,
    }
}
