//! What goes wrong in the middle of an act on key pairs, and what documents see of it.

use std::sync::Arc;

use crypt_keeper_domain::memory::{Fault, MemoryVault};
use crypt_keeper_domain::model::{
    Actor, AuditAction, AuditEntry, DocumentId, KeyPair, KeyState, Record, Scope, Serial,
};
use crypt_keeper_domain::ports::{
    EntropyExt, KeyRegistry, KeyVault, MetadataStore, Purpose, Rewrap, RewrapOutcome, WrapContext,
};
use crypt_keeper_domain::usecase::{
    CancelDestruction, CompromiseKeys, CountDocuments, DestroyKeys, EnsureKeyPair, MarkExposed,
    RequestDownload, RequestUpload, ScheduleDestruction, ScopePolicy,
};

use crate::house::{House, metadata, refusal};
use crate::meddling::MeddledStore;

fn count(house: &House) -> CountDocuments {
    CountDocuments {
        store: house.store.clone(),
    }
}

fn destroy_keys(house: &House) -> DestroyKeys {
    DestroyKeys {
        registry: house.store.clone(),
        vault: house.vault.clone(),
        count: count(house),
        entropy: house.entropy.clone(),
    }
}

fn cancel(house: &House) -> CancelDestruction {
    CancelDestruction {
        registry: house.store.clone(),
        entropy: house.entropy.clone(),
    }
}

async fn pair(house: &House, serial: Serial) -> KeyPair {
    house.store.find_pair(serial).await.unwrap().unwrap()
}

/// A pair that was rotated out a while ago, and is due to be destroyed.
async fn due_pair(house: &House) -> Serial {
    let serial = house.rotate().await.unwrap().deactivated.unwrap().serial;
    house.clock.advance(KeyPair::REST);
    let schedule = ScheduleDestruction {
        registry: house.store.clone(),
        count: count(house),
        entropy: house.entropy.clone(),
    };
    let wait = KeyPair::DESTROY_WAIT;
    let step = schedule.run(&house.operator(), serial, wait).await.unwrap();
    assert_eq!(step.pair.destroy_at, Some(house.now().plus(wait)));
    house.clock.advance(wait);
    serial
}

#[tokio::test]
async fn a_destruction_that_was_interrupted_goes_on_and_cannot_be_called_off() {
    let house = House::new().await;
    let serial = due_pair(&house).await;
    let operator = house.operator();
    house.vault.faults().fail(Fault::Unavailable);
    let answer = destroy_keys(&house).run(&operator, serial).await;
    assert_eq!(refusal(answer), "Unavailable");
    assert!(pair(&house, serial).await.destruction_has_begun());
    let answer = cancel(&house).run(&operator, serial).await;
    assert_eq!(refusal(answer), "DestructionHasBegun");

    house.vault.faults().heal();
    let step = destroy_keys(&house).run(&operator, serial).await.unwrap();
    assert!(step.changed);
    assert_eq!(step.pair.state, KeyState::Destroyed);
    assert_eq!(step.pair.destroyed_at, Some(house.now()));
    assert_eq!(pair(&house, serial).await, step.pair);
    let again = destroy_keys(&house).run(&operator, serial).await.unwrap();
    assert_eq!((again.changed, again.pair), (false, step.pair));
    let acts = house.audit().await;
    let acts = acts.iter().filter(|entry| entry.serial == Some(serial));
    let mut acts: Vec<_> = acts.map(|entry| entry.action).collect();
    acts.sort_unstable();
    assert_eq!(
        acts,
        [
            AuditAction::KeyPairCreated,
            AuditAction::KeyPairActivated,
            AuditAction::DestructionScheduled,
            AuditAction::DestructionBegun,
            AuditAction::KeyPairDestroyed,
            AuditAction::KeyPairChanged,
        ]
    );
}

#[tokio::test]
async fn a_destruction_that_was_called_off_erases_nothing() {
    let house = House::new().await;
    let serial = due_pair(&house).await;
    let operator = house.operator();
    assert!(cancel(&house).run(&operator, serial).await.unwrap().changed);
    let answer = destroy_keys(&house).run(&operator, serial).await;
    assert_eq!(refusal(answer), "KeyPairState");
    let private_half_stays = house
        .vault
        .create(serial, &Scope::Shared, MemoryVault::ALGORITHM);
    assert!(
        private_half_stays.await.is_err(),
        "the serial is still taken"
    );
}

#[tokio::test]
async fn a_pair_that_was_never_active_is_destroyed_at_once() {
    let house = House::new().await;
    let operator = house.operator();
    let create = house.create_key_pair();
    let made = create.run(&operator, Scope::Hold, MemoryVault::ALGORITHM);
    let serial = made.await.unwrap().serial;
    // Of a vault that is away, the entry alone: nobody can activate it any more.
    house.vault.faults().fail(Fault::Unavailable);
    let answer = destroy_keys(&house).run(&operator, serial).await;
    assert_eq!(refusal(answer), "Unavailable");
    assert_eq!(pair(&house, serial).await.state, KeyState::Destroyed);
    house.vault.faults().heal();
    let step = destroy_keys(&house).run(&operator, serial).await.unwrap();
    assert!(!step.changed);
    let free = house
        .vault
        .create(serial, &Scope::Hold, MemoryVault::ALGORITHM);
    assert!(free.await.is_ok(), "its private half is erased");
}

#[tokio::test]
async fn only_what_a_compromised_pair_wrapped_is_marked() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let operator = house.operator();
    let serial = house.active_pair().await.serial;
    let concerned = house.uploaded(&alice).await;
    let mark = MarkExposed {
        registry: house.store.clone(),
        store: house.store.clone(),
    };
    let answer = mark.run(&operator, serial).await;
    assert_eq!(refusal(answer), "KeyPairState");

    let compromise = CompromiseKeys {
        registry: house.store.clone(),
        entropy: house.entropy.clone(),
        successor: Some(house.create_key_pair()),
    };
    let stopped = compromise.run(&operator, serial).await.unwrap();
    assert!(stopped.changed && stopped.successor.is_some());
    let unconcerned = house.uploaded(&alice).await;
    assert_eq!(mark.run(&operator, serial).await.unwrap(), 1);
    assert_eq!(mark.run(&operator, serial).await.unwrap(), 0);
    for (id, exposed) in [(concerned, true), (unconcerned, false)] {
        let found = house.store.find(id, &[]).await.unwrap().unwrap();
        assert_eq!(found.document.key_exposed, exposed);
    }
    let answer = mark.run(&house.of(&alice), serial).await;
    assert_eq!(refusal(answer), "Forbidden");
}

/// Wraps a document's key under the active pair.
async fn rewrap(house: &House, id: DocumentId) {
    let document = house.store.find(id, &[]).await.unwrap().unwrap().document;
    let old = document.wrapped_key;
    let key = house.vault.unwrap(&old, id, Purpose::Rewrap).await.unwrap();
    let context = WrapContext {
        document: id,
        scope: Scope::Shared,
        refused: None,
    };
    let random = house.entropy.bytes().unwrap();
    let rewrapped = AuditAction::DocumentRewrapped;
    let mut audit = AuditEntry::new(&house.operator(), rewrapped, random);
    audit.document = Some(id);
    audit.serial = Some(old.serial);
    let rewrap = Rewrap {
        document: id,
        seen_serial: old.serial,
        wrapped: house.vault.wrap(&key, &context).await.unwrap(),
        record: Record::from(audit),
    };
    let outcomes = house.store.rewrap(&[rewrap]).await.unwrap();
    assert_eq!(outcomes, [RewrapOutcome::Rewrapped]);
}

#[tokio::test]
async fn a_download_outlives_a_rewrap_in_its_middle() {
    let house = Arc::new(House::new().await);
    let alice = house.person("alice").await;
    let grant = house.upload(&alice, "report.pdf").await.unwrap();
    let id = grant.id;
    let through = |store: MeddledStore| RequestDownload {
        store: Arc::new(store),
        ..house.request_download()
    };
    let rotate_and_rewrap = || {
        let house = Arc::clone(&house);
        async move {
            house.rotate().await.unwrap();
            rewrap(&house, id).await;
        }
    };

    let store = MeddledStore::new(house.store.clone()).then(rotate_and_rewrap());
    let answer = through(store).run(&house.of(&alice), id).await.unwrap();
    assert_eq!(answer.key, grant.key);
    let active = house.active_pair().await.serial;
    assert_eq!(answer.document.wrapped_key.serial, active);

    let store = MeddledStore::new(house.store.clone())
        .then(rotate_and_rewrap())
        .then(rotate_and_rewrap())
        .then(rotate_and_rewrap());
    let answer = through(store).run(&house.of(&alice), id).await;
    assert_eq!(refusal(answer), "Conflict");
    // Refused, and the document is as it was: then it is the credentials.
    let store = MeddledStore::new(house.store.clone()).then(async {});
    let answer = through(store).run(&house.of(&alice), id).await;
    assert_eq!(refusal(answer), "Unauthenticated");
}

#[tokio::test]
async fn a_customers_first_upload_makes_his_pair_in_the_services_name() {
    let house = House::empty();
    let (alice, bob) = (house.person("alice").await, house.person("bob").await);
    let upload = RequestUpload {
        scope: ScopePolicy::Customer,
        first_pair: Some(EnsureKeyPair {
            rotate: house.rotate_keys(),
            algorithm: MemoryVault::ALGORITHM,
        }),
        ..house.request_upload()
    };
    let mut serials = Vec::new();
    for who in [&alice, &alice, &bob] {
        let answer = upload.run(&house.of(who), metadata("x")).await.unwrap();
        let found = house.store.find(answer.id, &[]).await.unwrap().unwrap();
        let wrapped = found.document.wrapped_key;
        assert_eq!(wrapped.scope, Scope::Customer(who.user.id));
        serials.push(wrapped.serial);
    }
    assert_eq!(serials[0], serials[1]);
    assert_ne!(serials[0], serials[2]);
    assert_eq!(house.store.list_pairs().await.unwrap().len(), 2);
    for entry in house.audit().await {
        if matches!(
            entry.action,
            AuditAction::KeyPairCreated | AuditAction::KeyPairActivated
        ) {
            assert_eq!(entry.actor, Actor::System);
        }
    }

    // Where the service may make none, and where all share one, it is the operator's to do.
    let carol = house.person("carol").await;
    let mut without = upload.clone();
    without.first_pair = None;
    let answer = without.run(&house.of(&carol), metadata("x")).await;
    assert_eq!(refusal(answer), "NoKeyPair");
    let mut shared = upload.clone();
    shared.scope = ScopePolicy::Shared;
    let answer = shared.run(&house.of(&carol), metadata("x")).await;
    assert_eq!(refusal(answer), "NoKeyPair");
    // Old documents stay in their scope, whatever the policy of today.
    house.rotate().await.unwrap();
    shared.run(&house.of(&alice), metadata("x")).await.unwrap();
}
