use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::model::{
    DocumentId, DocumentState, KeyState, ObjectPrefix, RetentionClass, Rights, Scope,
};
use crypt_keeper_domain::ports::{BlobStore, KeyVault};
use crypt_keeper_domain::ports::{DocumentFilter, MetadataStore, Purpose};
use crypt_keeper_domain::usecase::RequestUpload;
use crypt_keeper_secret::ExposeSecret;

use crate::house::{House, Person, metadata, refusal};
use crate::meddling::MeddledVault;

#[tokio::test]
async fn an_upload_registers_a_pending_document_of_the_callers() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    house.clock.advance(Duration::from_secs(1));
    let since = house.now();
    let grant = house.upload(&alice, "\u{e9}t\u{e9}.pdf").await.unwrap();

    let found = house.store.find(grant.id, &[]).await.unwrap().unwrap();
    let document = found.document;
    assert_eq!(document.owner, alice.user.id);
    assert_eq!(document.state, DocumentState::Pending);
    assert_eq!(document.metadata, metadata("\u{e9}t\u{e9}.pdf"));
    assert_eq!(document.created_at, since);
    assert_eq!((document.version, document.hold), (1, false));
    assert_eq!((document.object, document.expires_at), (None, None));
    assert_eq!(document.wrapped_key.scope, Scope::Shared);
    let serial = house.active_pair().await.serial;
    assert_eq!(document.wrapped_key.serial, serial);

    // The id says when, and of which class; the object lies where the id says.
    assert_eq!(grant.id.class(), RetentionClass::DEFAULT);
    let millis = grant.id.created_at().unwrap().as_millis();
    assert_eq!(millis, since.as_millis());
    assert!(ObjectPrefix::document(grant.id).contains(&document.object_key));

    // What was stored opens to what was handed out.
    let wrapped = &document.wrapped_key;
    let opened = house.vault.unwrap(wrapped, grant.id, Purpose::Release);
    assert_eq!(opened.await.unwrap(), grant.key);

    let entries = house.store.entries(grant.id).await.unwrap();
    let [entry] = &entries[..] else {
        panic!("one entry, the owner's: {entries:?}");
    };
    assert_eq!((entry.rights, entry.expires_at), (Rights::OWNER, None));
    assert_eq!(
        house.log_since(since, &[&alice]).await,
        ["alice by alice's key: document.created, entry of alice, \
             read-metadata+read+complete+share+administer+delete"]
    );
}

#[tokio::test]
async fn the_url_takes_the_object_for_ten_minutes() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let grant = house.upload(&alice, "a").await.unwrap();
    let key = house.store.find(grant.id, &[]).await.unwrap().unwrap();
    let key = key.document.object_key;
    assert_eq!(house.blobs.head(&key).await.unwrap(), None);

    house.clock.advance(Duration::from_millis(599_999));
    let put = |body: &[u8]| house.blobs.request("PUT", grant.url.as_str(), body).status;
    assert_eq!(put(b"ciphertext"), 200);
    let info = house.blobs.head(&key).await.unwrap().unwrap();
    assert_eq!(info.size, 10);
    house.clock.advance(Duration::from_millis(1));
    assert_eq!(put(b"too late"), 403);
}

#[tokio::test]
async fn the_object_is_held_to_the_greatest_length() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let mut upload = house.request_upload();
    upload.limits.max_object_length = 10;
    upload.limits.url_life = Duration::from_secs(1);
    let grant = upload.run(&house.of(&alice), metadata("a")).await.unwrap();
    let put = |body: &[u8]| house.blobs.request("PUT", grant.url.as_str(), body).status;
    assert_eq!(put(&[0; 11]), 413);
    assert_eq!(put(&[0; 10]), 200);
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(put(&[0; 10]), 403);
}

#[tokio::test]
async fn every_document_has_a_key_an_id_and_a_place_of_its_own() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let (mut ids, mut keys, mut urls) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..20 {
        let grant = house.upload(&alice, "the same name").await.unwrap();
        assert!(!ids.contains(&grant.id));
        assert!(!keys.contains(&grant.key));
        assert!(!urls.contains(&grant.url));
        ids.push(grant.id);
        keys.push(grant.key);
        urls.push(grant.url);
    }
}

#[tokio::test]
async fn debug_output_of_a_grant_shows_neither_key_nor_signature() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let grant = house.upload(&alice, "a").await.unwrap();
    let shown = format!("{grant:?}");
    let (_, signature) = grant.url.as_str().split_once("tag=").unwrap();
    assert!(!shown.contains(signature), "{shown}");
    let key = format!("{:?}", grant.key.expose_secret());
    assert!(!shown.contains(&key), "{shown}");
    assert!(shown.contains("redacted"), "{shown}");
}

#[tokio::test]
async fn an_operator_uploads_nothing() {
    let house = House::new().await;
    let operator = house.operator();
    let answer = house.request_upload().run(&operator, metadata("a")).await;
    assert_eq!(refusal(answer), "Forbidden");
    assert_eq!(documents(&house).await, []);
}

#[tokio::test]
async fn without_an_active_key_pair_nothing_is_uploaded() {
    let house = House::empty();
    let alice = house.person("alice").await;
    assert_eq!(refusal(house.upload(&alice, "a").await), "NoKeyPair");
    house.rotate().await.unwrap();
    house.upload(&alice, "a").await.unwrap();
    house.set_pair_state(KeyState::Suspended).await;
    assert_eq!(refusal(house.upload(&alice, "b").await), "NoKeyPair");
    assert_eq!(documents(&house).await.len(), 1);
}

#[tokio::test]
async fn clocks_that_are_far_apart_are_an_error_and_nothing_is_stored() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let slow = house.of(&alice);
    house.clock.advance(Duration::from_secs(301));
    let mut fast = house.of(&alice);
    fast.at = fast.at.plus(Duration::from_secs(61));
    for context in [slow, fast] {
        let answer = house.request_upload().run(&context, metadata("a")).await;
        assert_eq!(refusal(answer), "ClockSkew");
    }
    assert_eq!(documents(&house).await, []);
}

#[tokio::test]
async fn a_rotation_between_wrapping_and_storing_costs_one_more_wrap() {
    let house = Arc::new(House::new().await);
    let alice = house.person("alice").await;
    let old = house.active_pair().await.serial;
    let meddled = meddled(&house, 1);
    let grant = meddled.run(&house.of(&alice), metadata("a")).await.unwrap();

    let found = house.store.find(grant.id, &[]).await.unwrap().unwrap();
    let new = house.active_pair().await.serial;
    assert_ne!(new, old);
    assert_eq!(found.document.wrapped_key.serial, new);
    let download = house.download(&alice, grant.id).await.unwrap();
    assert_eq!(download.key, grant.key);
}

#[tokio::test]
async fn rotations_without_end_end_the_upload() {
    let house = Arc::new(House::new().await);
    let alice = house.person("alice").await;
    let answer = meddled(&house, 10)
        .run(&house.of(&alice), metadata("a"))
        .await;
    assert_eq!(refusal(answer), "Conflict");
    assert_eq!(documents(&house).await, []);
    uploads_again(&house, &alice).await;
}

/// After each of the first wraps somebody rotates.
fn meddled(house: &Arc<House>, rotations: usize) -> RequestUpload {
    let mut vault = MeddledVault::new(house.vault.clone());
    for _ in 0..rotations {
        let house = Arc::clone(house);
        vault = vault.then(async move {
            house.rotate().await.unwrap();
        });
    }
    let mut upload = house.request_upload();
    upload.vault = Arc::new(vault);
    upload
}

async fn uploads_again(house: &House, who: &Person) {
    house.upload(who, "again").await.unwrap();
}

async fn documents(house: &House) -> Vec<DocumentId> {
    let page = house
        .store
        .list(&DocumentFilter::Every, &Default::default())
        .await;
    let items = page.unwrap().items;
    items.iter().map(|document| document.id).collect()
}
