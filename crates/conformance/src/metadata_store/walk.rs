use std::num::NonZeroU32;

use crypt_keeper_domain::model::{
    DocumentId, DocumentState, KeyState, RetentionClass, Scope, Serial, WrappedKey,
};
use crypt_keeper_domain::ports::WalkStep;

use crate::{Scene, StoreHarness};

/// The wraps of the documents of a pair that are not deleted, as they were stored, each once and in
/// order of class and id, whatever the steps of the walk.
pub async fn wraps_are_walked(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let alice = scene.user("alice").await;
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let customer = Scope::Customer(alice.id);
    let other = scene.pair(customer, KeyState::Active).await;
    assert_eq!(walk(&scene, pair.serial, 1).await, []);

    let mut expected = Vec::new();
    let mut others = Vec::new();
    for class in [0, 255, 1, 0, 254, 0, 0, 7] {
        let pair = if class == 7 { &other } else { &pair };
        let id = scene
            .make
            .document_id(RetentionClass::new(class), scene.make.at());
        let mut document = scene.make.document_with_id(id, alice.id, pair);
        if class == 254 {
            document.state = DocumentState::Deleted;
        }
        scene.insert(&document).await;
        match class {
            254 => {}
            7 => others.push((id, document.wrapped_key)),
            _ => expected.push((id, document.wrapped_key)),
        }
    }
    scene.settle().await;
    expected.sort_by_key(|(id, _)| (id.class(), *id));
    // Whatever the pair has become since.
    scene.set_pair_state(&pair, KeyState::Compromised).await;
    for examine in [1, 2, 3, 7, 8, 9, 10_000] {
        let found = walk(&scene, pair.serial, examine).await;
        assert_eq!(found, expected, "steps of {examine}");
        assert_eq!(walk(&scene, other.serial, examine).await, others);
        assert_eq!(walk(&scene, scene.make.serial(), examine).await, []);
    }
}

/// What a walk in steps finds.
async fn walk(scene: &Scene<'_>, serial: Serial, examine: u32) -> Vec<(DocumentId, WrappedKey)> {
    let mut step = WalkStep {
        after: None,
        examine: NonZeroU32::new(examine).unwrap(),
    };
    let mut all = Vec::new();
    for _ in 0..100 {
        let wraps = scene.store.wraps_under(serial, &step).await;
        let wraps = wraps.expect("wraps_under");
        assert!(wraps.found.len() <= examine as usize);
        let whole = wraps.found.into_iter();
        all.extend(whole.map(|(id, wrapped)| (id, wrapped.expect("a whole wrap"))));
        match wraps.next {
            Some(next) => step.after = Some(next),
            None => return all,
        }
    }
    panic!("the walk has no end");
}
