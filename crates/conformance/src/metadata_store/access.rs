use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::model::{
    AuditAction, DocumentId, Entry, KeyState, Principal, RetentionClass, Rights, Scope,
};
use crypt_keeper_domain::ports::{Change, DocumentFilter};

use crate::concurrency::at_once;
use crate::{Scene, StoreHarness};

/// `find` shows the entries of the principals asked for and of nobody else; `entries` all, in
/// order of granting.
pub async fn find_shows_only_the_callers_entries(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let alice = scene.user("alice").await;
    let bob = scene.user("bob").await;
    let carol = scene.user("carol").await;
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let document = scene.document(alice.id, &pair).await;
    let other = scene.document(bob.id, &pair).await;

    let at = scene.make.at();
    let mut to_carol = scene.make.entry(&document, carol.id, Rights::V1_SHARE);
    to_carol.granted_at = at.plus(Duration::from_micros(1));
    let mut to_bob = scene.make.entry(&document, bob.id, Rights::READ);
    to_bob.granted_at = at.plus(Duration::from_micros(2));
    to_bob.expires_at = Some(at.plus(Duration::from_micros(1_000_003)));
    assert_eq!(scene.grant(&to_carol).await, Change::Changed);
    assert_eq!(scene.grant(&to_bob).await, Change::Changed);

    let own = scene.make.owner_entry(&document);
    let seen = async |users: &[_]| {
        let found = scene.find(document.id, users).await.expect("it is there");
        assert_eq!(found.document, document);
        sorted(found.entries)
    };
    assert_eq!(seen(&[alice.id]).await, std::slice::from_ref(&own));
    assert_eq!(seen(&[bob.id]).await, std::slice::from_ref(&to_bob));
    assert_eq!(
        seen(&[carol.id, bob.id]).await,
        sorted(vec![to_carol.clone(), to_bob.clone()])
    );
    // Asked for twice, shown once.
    let twice = seen(&[bob.id, carol.id, bob.id]).await;
    assert_eq!(twice, sorted(vec![to_carol.clone(), to_bob.clone()]));
    assert_eq!(seen(&[]).await, []);
    assert_eq!(seen(&[scene.make.user_id()]).await, []);

    let all = scene.store.entries(document.id).await.unwrap();
    assert_eq!(all, [own, to_carol, to_bob]);
    let all = scene.store.entries(other.id).await.unwrap();
    assert_eq!(all, [scene.make.owner_entry(&other)]);
}

fn sorted(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by_key(|entry| entry.principal);
    entries
}

/// A grant adds to the rights that are there. One that adds nothing changes nothing and writes no
/// audit entry; many at once lose nothing.
pub async fn grant_is_idempotent(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let alice = scene.user("alice").await;
    let bob = scene.user("bob").await;
    let carol = scene.user("carol").await;
    let dave = scene.user("dave").await;
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let document = scene.document(alice.id, &pair).await;
    let audited = async || scene.count(AuditAction::EntryGranted, document.id).await;
    let held = async |user| {
        let found = scene.find(document.id, &[user]).await.unwrap();
        let [entry] = &found.entries[..] else {
            panic!("one entry a principal: {:?}", found.entries);
        };
        (entry.rights, entry.expires_at)
    };

    let share = scene.make.entry(&document, bob.id, Rights::V1_SHARE);
    assert_eq!(scene.grant(&share).await, Change::Changed);
    assert_eq!(held(bob.id).await, (Rights::V1_SHARE, None));
    assert_eq!(scene.grant(&share).await, Change::Unchanged);
    let less = scene.make.entry(&document, bob.id, Rights::READ);
    assert_eq!(scene.grant(&less).await, Change::Unchanged);
    assert_eq!(held(bob.id).await, (Rights::V1_SHARE, None));
    assert_eq!(audited().await, 1);

    let more = scene.make.entry(&document, bob.id, Rights::DELETE);
    assert_eq!(scene.grant(&more).await, Change::Changed);
    let both = Rights::V1_SHARE.union(Rights::DELETE);
    assert_eq!(held(bob.id).await, (both, None));

    let end = scene.make.at().plus(Duration::from_micros(1_000_001));
    let mut until = share.clone();
    until.expires_at = Some(end);
    assert_eq!(scene.grant(&until).await, Change::Changed);
    assert_eq!(scene.grant(&until).await, Change::Unchanged);
    assert_eq!(held(bob.id).await, (both, Some(end)));
    assert_eq!(audited().await, 3);

    let missing = Entry {
        document: missing_id(&scene),
        ..share.clone()
    };
    assert_eq!(scene.grant(&missing).await, Change::Missing);
    assert_eq!(scene.store.entries(missing.document).await.unwrap(), []);
    let granted = AuditAction::EntryGranted;
    assert_eq!(scene.count(granted, missing.document).await, 0);

    let share = scene.make.entry(&document, carol.id, Rights::V1_SHARE);
    let answers = grant_at_once(&scene, vec![share; 20]).await;
    let changed = answers.iter().filter(|one| **one == Change::Changed);
    assert_eq!(changed.count(), 1, "{answers:?}");
    assert!(!answers.contains(&Change::Missing), "{answers:?}");
    assert_eq!(audited().await, 4);

    let single = |bit: u32| Rights::from_mask(1 << bit).unwrap();
    let each = (0..6).map(|bit| scene.make.entry(&document, dave.id, single(bit)));
    let answers = grant_at_once(&scene, each.collect()).await;
    assert_eq!(answers, [Change::Changed; 6]);
    assert_eq!(held(dave.id).await, (Rights::OWNER, None));
    assert_eq!(audited().await, 10);
}

async fn grant_at_once(scene: &Scene<'_>, entries: Vec<Entry>) -> Vec<Change> {
    at_once(entries.len(), |number| {
        let store = Arc::clone(&scene.store);
        let entry = entries[number].clone();
        let record = scene
            .make
            .record_on(AuditAction::EntryGranted, entry.document);
        async move { store.grant(&entry, &record).await.expect("grant") }
    })
    .await
}

/// A revoked entry is nowhere any more; revoking what is not there changes nothing and writes no
/// audit entry.
pub async fn revoked_is_gone(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let alice = scene.user("alice").await;
    let bob = scene.user("bob").await;
    let carol = scene.user("carol").await;
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let document = scene.document(alice.id, &pair).await;
    scene.share(&document, bob.id, Rights::OWNER).await;
    let to_carol = scene.share(&document, carol.id, Rights::READ).await;
    let revoke = async |id, user| {
        let record = scene.make.record_on(AuditAction::EntryRevoked, id);
        let revoked = scene.store.revoke(id, Principal::User(user), &record).await;
        revoked.expect("revoke")
    };
    let audited = async || scene.count(AuditAction::EntryRevoked, document.id).await;

    assert_eq!(revoke(document.id, bob.id).await, Change::Changed);
    let found = scene.find(document.id, &[bob.id]).await.unwrap();
    assert_eq!(found.entries, []);
    let left = scene.store.entries(document.id).await.unwrap();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left.contains(&to_carol));
    let visible = DocumentFilter::VisibleTo(vec![Principal::User(bob.id)]);
    assert_eq!(scene.list(&visible).await, []);
    assert_eq!(audited().await, 1);

    assert_eq!(revoke(document.id, bob.id).await, Change::Unchanged);
    let stranger = scene.make.user_id();
    assert_eq!(revoke(document.id, stranger).await, Change::Unchanged);
    let missing = missing_id(&scene);
    assert_eq!(revoke(missing, bob.id).await, Change::Missing);
    assert_eq!(scene.count(AuditAction::EntryRevoked, missing).await, 0);
    assert_eq!(audited().await, 1);

    // What is granted anew is what was granted anew, not what once was.
    let again = scene.share(&document, bob.id, Rights::READ).await;
    let found = scene.find(document.id, &[bob.id]).await.unwrap();
    assert_eq!(found.entries, [again]);

    let answers = at_once(10, |_| {
        let store = Arc::clone(&scene.store);
        let (id, bob) = (document.id, Principal::User(bob.id));
        let record = scene.make.record_on(AuditAction::EntryRevoked, id);
        async move { store.revoke(id, bob, &record).await.expect("revoke") }
    })
    .await;
    let changed = answers.iter().filter(|one| **one == Change::Changed);
    assert_eq!(changed.count(), 1, "{answers:?}");
    assert_eq!(audited().await, 2);
}

fn missing_id(scene: &Scene<'_>) -> DocumentId {
    scene
        .make
        .document_id(RetentionClass::DEFAULT, scene.make.at())
}
