use std::sync::Arc;

use crypt_keeper_domain::memory::{Fault, FaultSwitch, MemoryVault};
use crypt_keeper_domain::model::{
    AuditEntry, Document, KeyPair, PageRequest, Rights, Scope, UserState,
};
use crypt_keeper_domain::ports::{
    BoxError, DocumentFilter, Entropy, EntropyError, KeyRegistry, MetadataStore,
};
use crypt_keeper_domain::usecase::Which;

use crate::house::{House, Person, metadata, refusal, user_name};

/// All that acts leave behind.
#[derive(Debug, PartialEq)]
struct Traces {
    documents: Vec<Document>,
    pairs: Vec<KeyPair>,
    audit: Vec<AuditEntry>,
}

async fn traces(house: &House) -> Traces {
    let page = PageRequest::default();
    let documents = house.store.list(&DocumentFilter::Every, &page).await;
    Traces {
        documents: documents.unwrap().items,
        pairs: house.store.list_pairs().await.unwrap(),
        audit: house.audit().await,
    }
}

/// What becomes of the errors of stores and vaults: each kind, by the name of its fault.
const STORE_FAULTS: [(Fault, &str); 3] = [
    (Fault::Unavailable, "Unavailable"),
    (Fault::Corrupt, "Corrupt"),
    (Fault::Backend, "Internal"),
];

/// Runs `act` with one part failing at its first call, then at its second, until it succeeds.
/// Every failure is told by its kind, and leaves nothing behind.
async fn every_step_fails(
    house: &House,
    faults: &FaultSwitch,
    expected: &[(Fault, &str)],
    act: impl AsyncFn() -> Result<(), &'static str>,
) -> u64 {
    let before = traces(house).await;
    for calls in 0.. {
        for (fault, name) in expected {
            faults.fail_after(calls, *fault);
            let answer = act().await;
            faults.heal();
            if answer.is_ok() {
                return calls;
            }
            assert_eq!(answer, Err(*name), "after {calls} calls");
            assert_eq!(traces(house).await, before, "after {calls} calls");
        }
    }
    unreachable!("an act has a last step")
}

fn told<T: std::fmt::Debug>(
    answer: Result<T, crypt_keeper_domain::Error>,
) -> Result<(), &'static str> {
    match answer {
        Ok(_) => Ok(()),
        failed => Err(refusal(failed)),
    }
}

#[tokio::test]
async fn an_upload_fails_as_its_parts_do_and_leaves_nothing() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let act = async || told(house.upload(&alice, "a").await);
    // The vault looks into the same store: active pair, insert.
    let store = house.store.faults();
    let steps = every_step_fails(&house, store, &STORE_FAULTS, act).await;
    assert_eq!(steps, 2);
    let vault = house.vault.faults();
    let steps = every_step_fails(&house, vault, &STORE_FAULTS, act).await;
    assert_eq!(steps, 1);
    let blobs = house.blobs.faults();
    let faults = [
        (Fault::Unavailable, "Unavailable"),
        (Fault::Backend, "Internal"),
    ];
    let steps = every_step_fails(&house, blobs, &faults, act).await;
    assert_eq!(steps, 1);
}

#[tokio::test]
async fn a_download_fails_as_its_parts_do_and_records_nothing() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let id = house.uploaded(&alice).await;
    let act = async || told(house.download(&alice, id).await);
    // Find, the pair that the vault looks for, record the release.
    let store = house.store.faults();
    let steps = every_step_fails(&house, store, &STORE_FAULTS, act).await;
    assert_eq!(steps, 3);
    let vault = house.vault.faults();
    let steps = every_step_fails(&house, vault, &STORE_FAULTS, act).await;
    assert_eq!(steps, 1);
    let blobs = house.blobs.faults();
    let faults = [
        (Fault::Unavailable, "Unavailable"),
        (Fault::Backend, "Internal"),
    ];
    let steps = every_step_fails(&house, blobs, &faults, act).await;
    assert_eq!(steps, 1);
}

#[tokio::test]
async fn the_other_acts_fail_as_the_store_does() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    house.person("bob").await;
    let id = house.uploaded(&alice).await;
    let store = house.store.faults();
    let (operator, page) = (house.operator(), PageRequest::default());
    let bob = user_name("bob");

    let share = async || told(house.share(&alice, id, "bob").await);
    let steps = every_step_fails(&house, store, &STORE_FAULTS, share).await;
    assert_eq!(steps, 3);
    let shares = async || told(house.shares(&alice, id).await);
    let steps = every_step_fails(&house, store, &STORE_FAULTS, shares).await;
    assert_eq!(steps, 3);
    let show = async || told(house.inspect().show(&operator, id).await);
    let steps = every_step_fails(&house, store, &STORE_FAULTS, show).await;
    assert_eq!(steps, 3);
    let list = async || {
        let name = user_name("alice");
        told(
            house
                .inspect()
                .list(&operator, Which::OwnedBy(&name), &page)
                .await,
        )
    };
    let steps = every_step_fails(&house, store, &STORE_FAULTS, list).await;
    assert_eq!(steps, 3);

    let sign_in = async || {
        use crypt_keeper_secret::ExposeSecret;
        let Person { token, .. } = &alice;
        let authenticate = house.authenticate();
        let key = token.expose_secret();
        told(authenticate.run("alice", key, house.now()).await)
    };
    let steps = every_step_fails(&house, store, &STORE_FAULTS, sign_in).await;
    assert_eq!(steps, 1);

    let users = async || told(house.users().list(&operator, &PageRequest::default()).await);
    let steps = every_step_fails(&house, store, &STORE_FAULTS, users).await;
    assert_eq!(steps, 1);
    let keys = async || told(house.api_keys().list(&operator, &bob).await);
    let steps = every_step_fails(&house, store, &STORE_FAULTS, keys).await;
    assert_eq!(steps, 2);
    let create = async || told(house.api_keys().create(&operator, &bob, None).await);
    let steps = every_step_fails(&house, store, &STORE_FAULTS, create).await;
    assert_eq!(steps, 2);
    let revoke = async || told(house.api_keys().revoke(&operator, alice.token.id()).await);
    let steps = every_step_fails(&house, store, &STORE_FAULTS, revoke).await;
    assert_eq!(steps, 2);
    let disable = async || {
        let state = UserState::Disabled;
        told(house.users().set_state(&operator, &bob, state).await)
    };
    let steps = every_step_fails(&house, store, &STORE_FAULTS, disable).await;
    assert_eq!(steps, 2);
    let add = async || told(house.users().create(&operator, user_name("carol")).await);
    let steps = every_step_fails(&house, store, &STORE_FAULTS, add).await;
    assert_eq!(steps, 1);
}

#[tokio::test]
async fn a_rotation_that_fails_leaves_the_active_pair_as_it_was() {
    let house = House::new().await;
    let before = house.active_pair().await;
    let store = house.store.faults();
    for (calls, fault) in [(0, "look"), (1, "enter"), (2, "activate")] {
        store.fail_after(calls, Fault::Unavailable);
        let answer = house.rotate().await;
        store.heal();
        assert_eq!(refusal(answer), "Unavailable", "{fault}");
        assert_eq!(house.active_pair().await, before, "{fault}");
    }
    house.vault.faults().fail(Fault::Unavailable);
    assert_eq!(refusal(house.rotate().await), "Unavailable");
    house.vault.faults().heal();
    let rotation = house.rotate().await.unwrap();
    assert_eq!(rotation.deactivated.unwrap().serial, before.serial);
}

/// Entropy that has run dry.
#[derive(Debug)]
struct Dry;

impl Entropy for Dry {
    fn fill(&self, _: &mut [u8]) -> Result<(), EntropyError> {
        Err(EntropyError(BoxError::from("dry")))
    }
}

#[tokio::test]
async fn nothing_is_made_without_entropy() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    house.person("bob").await;
    let id = house.uploaded(&alice).await;
    let before = traces(&house).await;
    let (operator, context) = (house.operator(), house.of(&alice));
    let bob = user_name("bob");

    let mut upload = house.request_upload();
    upload.entropy = Arc::new(Dry);
    let answer = upload.run(&context, metadata("a")).await;
    assert_eq!(refusal(answer), "Internal");
    let mut download = house.request_download();
    download.entropy = Arc::new(Dry);
    assert_eq!(refusal(download.run(&context, id).await), "Internal");
    let mut share = house.share_documents();
    share.entropy = Arc::new(Dry);
    let answer = share.run(&context, id, "bob", Rights::READ).await;
    assert_eq!(refusal(answer), "Internal");
    let mut users = house.users();
    users.entropy = Arc::new(Dry);
    let answer = users.create(&operator, user_name("carol")).await;
    assert_eq!(refusal(answer), "Internal");
    let answer = users.set_state(&operator, &bob, UserState::Disabled).await;
    assert_eq!(refusal(answer), "Internal");
    let mut keys = house.api_keys();
    keys.entropy = Arc::new(Dry);
    let answer = keys.create(&operator, &bob, None).await;
    assert_eq!(refusal(answer), "Internal");
    let answer = keys.revoke(&operator, alice.token.id()).await;
    assert_eq!(refusal(answer), "Internal");
    let mut rotate = house.rotate_keys();
    rotate.create.entropy = Arc::new(Dry);
    let answer = rotate.run(&operator, Scope::Shared, MemoryVault::ALGORITHM);
    assert_eq!(refusal(answer.await), "Internal");
    assert_eq!(traces(&house).await, before);
}
