use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::memory::MemoryVault;
use crypt_keeper_domain::model::{
    AuditAction, DocumentId, DocumentState, Entry, KeyState, Principal, RetentionClass, Rights,
};
use crypt_keeper_domain::ports::{Change, DocumentChange, EntropyExt, MetadataStore};

use crate::house::{House, Person, metadata, refusal};
use crate::meddling::MeddledVault;

#[tokio::test]
async fn what_was_uploaded_comes_back_with_its_key() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let up = house.upload(&alice, "report.pdf").await.unwrap();
    let put = house.blobs.request("PUT", up.url.as_str(), b"ciphertext");
    assert_eq!(put.status, 200);
    house.clock.advance(Duration::from_secs(3600));
    let since = house.now();

    let down = house.download(&alice, up.id).await.unwrap();
    assert_eq!(down.key, up.key);
    assert_eq!(down.document.metadata, metadata("report.pdf"));
    let got = house.blobs.request("GET", down.url.as_str(), &[]);
    assert_eq!((got.status, &got.body[..]), (200, &b"ciphertext"[..]));
    house.clock.advance(Duration::from_secs(600));
    let late = house.blobs.request("GET", down.url.as_str(), &[]);
    assert_eq!(late.status, 403);
    assert_eq!(
        house.log_since(since, &[&alice]).await,
        ["alice by alice's key: document.released, read"]
    );
}

#[tokio::test]
async fn the_audit_log_says_under_which_key_pair_and_from_where() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let id = house.uploaded(&alice).await;
    let context = house.of(&alice);
    house.request_download().run(&context, id).await.unwrap();
    let audit = house.audit().await;
    let mut releases = audit.into_iter().filter(|entry| {
        entry.action == AuditAction::DocumentReleased && entry.document == Some(id)
    });
    let release = releases.next().expect("it is recorded");
    assert_eq!(release.serial, Some(house.active_pair().await.serial));
    assert_eq!(release.request_id, context.request_id);
    assert_eq!(release.address.as_deref(), Some("192.0.2.7"));
    assert_eq!(releases.next(), None);
}

#[tokio::test]
async fn a_document_is_for_those_who_may_read_it() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let bob = house.person("bob").await;
    let id = house.uploaded(&alice).await;
    let since = house.now();
    assert_eq!(refusal(house.download(&bob, id).await), "Forbidden");
    let operator = house.request_download().run(&house.operator(), id).await;
    assert_eq!(refusal(operator), "Forbidden");
    let nothing = DocumentId::new(RetentionClass::DEFAULT, since, [9; 10]);
    let missing = house.download(&bob, nothing).await;
    assert_eq!(refusal(missing), "NoSuchDocument");
    assert_eq!(releases(&house, id).await, 0);

    house.share(&alice, id, "bob").await.unwrap();
    house.download(&bob, id).await.unwrap();
    assert_eq!(releases(&house, id).await, 1);
    house.revoke(id, &bob).await;
    assert_eq!(refusal(house.download(&bob, id).await), "Forbidden");
    assert_eq!(releases(&house, id).await, 1);
}

#[tokio::test]
async fn rights_to_share_without_reading_open_nothing() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let bob = house.person("bob").await;
    let id = house.uploaded(&alice).await;
    let rights = Rights::READ_METADATA.union(Rights::SHARE);
    house
        .share_documents()
        .run(&house.of(&alice), id, "bob", rights)
        .await
        .unwrap();
    assert_eq!(refusal(house.download(&bob, id).await), "Forbidden");
}

#[tokio::test]
async fn an_entry_that_has_expired_opens_nothing() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let bob = house.person("bob").await;
    let id = house.uploaded(&alice).await;
    let entry = Entry {
        document: id,
        principal: Principal::User(bob.user.id),
        rights: Rights::READ,
        granted_by: alice.user.id,
        granted_at: house.now(),
        expires_at: Some(house.now().plus(Duration::from_secs(60))),
    };
    let record = house.record(AuditAction::EntryGranted);
    let granted = house.store.grant(&entry, &record).await.unwrap();
    assert_eq!(granted, Change::Changed);
    house.clock.advance(Duration::from_micros(59_999_999));
    house.download(&bob, id).await.unwrap();
    house.clock.advance(Duration::from_micros(1));
    assert_eq!(refusal(house.download(&bob, id).await), "Forbidden");
    house.download(&alice, id).await.unwrap();
}

#[tokio::test]
async fn expired_and_deleted_documents_are_not_there() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let id = house.uploaded(&alice).await;
    let end = house.now().plus(Duration::from_secs(1));
    house
        .change_document(id, DocumentChange::ExpiresAt(Some(end)))
        .await;
    house.download(&alice, id).await.unwrap();
    house.clock.set(end);
    assert_eq!(refusal(house.download(&alice, id).await), "NoSuchDocument");

    let id = house.uploaded(&alice).await;
    let available = DocumentChange::State(DocumentState::Available);
    house.change_document(id, available).await;
    house.download(&alice, id).await.unwrap();
    let deleted = DocumentChange::State(DocumentState::Deleted);
    house.change_document(id, deleted).await;
    assert_eq!(refusal(house.download(&alice, id).await), "NoSuchDocument");
}

#[tokio::test]
async fn old_documents_open_after_a_rotation_and_not_under_a_stopped_pair() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let old = house.uploaded(&alice).await;
    house.rotate().await.unwrap();
    let new = house.uploaded(&alice).await;
    house.download(&alice, old).await.unwrap();
    house.download(&alice, new).await.unwrap();

    house.set_pair_state(KeyState::Suspended).await;
    assert_eq!(refusal(house.download(&alice, new).await), "KeyPairStopped");
    house.download(&alice, old).await.unwrap();
    let bob = house.person("bob").await;
    assert_eq!(refusal(house.download(&bob, new).await), "Forbidden");
}

#[tokio::test]
async fn a_wrapped_key_that_was_altered_is_corrupt() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let id = house.uploaded(&alice).await;
    // Another row with the same wrapped key: as pasted by someone who can write to the database.
    let mut document = house.store.find(id, &[]).await.unwrap().unwrap().document;
    let random = house.entropy.bytes().unwrap();
    document.id = DocumentId::new(RetentionClass::DEFAULT, house.now(), random);
    let mut entry = house.store.entries(id).await.unwrap().remove(0);
    entry.document = document.id;
    let record = house.record(AuditAction::DocumentCreated);
    house
        .store
        .insert(&document, &entry, &record)
        .await
        .unwrap();

    assert_eq!(
        refusal(house.download(&alice, document.id).await),
        "Corrupt"
    );
    assert_eq!(releases(&house, document.id).await, 0);
    house.download(&alice, id).await.unwrap();
}

#[tokio::test]
async fn what_changes_between_deciding_and_releasing_stops_the_release() {
    let scene = Scene::new().await;
    let (house, id) = (Arc::clone(&scene.house), scene.id);
    let answer = scene.while_bob_downloads(async move |bob: Arc<Person>| {
        house.revoke(id, &bob).await;
    });
    assert_eq!(answer.await, "Forbidden");

    let scene = Scene::new().await;
    let (house, id) = (Arc::clone(&scene.house), scene.id);
    let answer = scene.while_bob_downloads(async move |_| {
        let deleted = DocumentChange::State(DocumentState::Deleted);
        house.change_document(id, deleted).await;
    });
    assert_eq!(answer.await, "NoSuchDocument");

    let scene = Scene::new().await;
    let house = Arc::clone(&scene.house);
    let answer = scene.while_bob_downloads(async move |_| {
        house.set_pair_state(KeyState::Compromised).await;
    });
    assert_eq!(answer.await, "KeyPairStopped");

    let scene = Scene::new().await;
    let house = Arc::clone(&scene.house);
    let answer = scene.while_bob_downloads(async move |bob: Arc<Person>| {
        house.disable(&bob).await;
    });
    assert_eq!(answer.await, "Unauthenticated");

    let scene = Scene::new().await;
    let house = Arc::clone(&scene.house);
    let answer = scene.while_bob_downloads(async move |bob: Arc<Person>| {
        house.revoke_key(&bob).await;
    });
    assert_eq!(answer.await, "Unauthenticated");
}

/// A document of Alice's that Bob may read.
struct Scene {
    house: Arc<House>,
    bob: Arc<Person>,
    id: DocumentId,
}

impl Scene {
    async fn new() -> Self {
        let house = House::new().await;
        let alice = house.person("alice").await;
        let bob = house.person("bob").await;
        let id = house.uploaded(&alice).await;
        house.share(&alice, id, "bob").await.unwrap();
        house.download(&bob, id).await.unwrap();
        Self {
            house: Arc::new(house),
            bob: Arc::new(bob),
            id,
        }
    }

    /// Bob downloads, and something happens after his key was unwrapped; what he is told.
    async fn while_bob_downloads<F>(&self, deed: impl FnOnce(Arc<Person>) -> F) -> &'static str
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let inner: Arc<MemoryVault> = Arc::clone(&self.house.vault);
        let mut download = self.house.request_download();
        let deed = deed(Arc::clone(&self.bob));
        download.vault = Arc::new(MeddledVault::new(inner).then(deed));
        let context = self.house.of(&self.bob);
        let answer = refusal(download.run(&context, self.id).await);
        assert_eq!(releases(&self.house, self.id).await, 1, "no second release");
        answer
    }
}

async fn releases(house: &House, id: DocumentId) -> usize {
    let released = |entry: &&_| {
        let entry: &crypt_keeper_domain::model::AuditEntry = entry;
        entry.action == AuditAction::DocumentReleased && entry.document == Some(id)
    };
    house.audit().await.iter().filter(released).count()
}
