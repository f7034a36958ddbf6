//! Rewraps with random documents, batches, faults and interruptions: whatever goes wrong on the way,
//! in the end every document that opens is under the active pair, with the same key, rewrapped once.

use std::collections::BTreeSet;

use crypt_keeper_domain::memory::Fault;
use crypt_keeper_domain::model::{DocumentId, DocumentState};
use crypt_keeper_domain::ports::DocumentChange;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{Follower, insert_spoiled, rewrap_documents, rewraps_of, serial_of, under_an_old_pair};
use crate::house::House;

#[derive(Clone, Copy, Debug)]
enum Kind {
    Good,
    Spoiled,
    Deleted,
}

#[derive(Clone, Copy, Debug)]
enum Interruption {
    /// The store fails after so many calls.
    Store(u64, Fault),
    /// The vault fails after so many.
    Vault(u64, Fault),
    /// Told to stop after so many batches.
    Stopped(usize),
}

fn interruption() -> impl Strategy<Value = Interruption> {
    let fault = || {
        prop_oneof![
            Just(Fault::Unavailable),
            Just(Fault::Corrupt),
            Just(Fault::Backend)
        ]
    };
    prop_oneof![
        3 => (0..40_u64, fault()).prop_map(|(calls, fault)| Interruption::Store(calls, fault)),
        2 => (0..60_u64, fault()).prop_map(|(calls, fault)| Interruption::Vault(calls, fault)),
        1 => (1..4_usize).prop_map(Interruption::Stopped),
    ]
}

async fn run(kinds: &[Kind], batch: usize, interruptions: &[Interruption]) {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let model = house.uploaded(&alice).await;
    let mut spoiled = BTreeSet::<DocumentId>::new();
    let mut good = Vec::new();
    let mut deleted = Vec::new();
    for kind in kinds {
        match kind {
            Kind::Good => good.push(house.upload(&alice, "a").await.unwrap()),
            Kind::Spoiled => {
                spoiled.insert(insert_spoiled(&house, &alice, model).await);
            }
            Kind::Deleted => {
                let id = house.uploaded(&alice).await;
                let state = DocumentChange::State(DocumentState::Deleted);
                house.change_document(id, state).await;
                deleted.push(id);
            }
        }
    }
    let (old, _) = under_an_old_pair(&house, &alice, 0).await;
    let operator = house.operator();
    let rewrap = rewrap_documents(&house, batch, None);
    for interruption in interruptions {
        let mut watch = Follower::of(&house);
        match *interruption {
            Interruption::Store(calls, fault) => house.store.faults().fail_after(calls, fault),
            Interruption::Vault(calls, fault) => house.vault.faults().fail_after(calls, fault),
            Interruption::Stopped(batches) => watch.stop_after = batches,
        }
        // Whatever it says: what was done is looked at in the end.
        let _ = rewrap.run(&operator, old, &mut watch).await;
        house.store.faults().heal();
        house.vault.faults().heal();
        let known: BTreeSet<_> = watch.failed.iter().collect();
        assert_eq!(known.len(), watch.failed.len(), "each is named once");
    }
    let mut watch = Follower::of(&house);
    let done = rewrap.run(&operator, old, &mut watch).await.unwrap();
    assert_eq!(BTreeSet::from_iter(watch.failed), spoiled);
    assert_eq!(done.left, spoiled.len() as u64);
    assert_eq!(done.counts.failed, spoiled.len() as u64);

    let active = house.active_pair().await.serial;
    for grant in &good {
        let answer = house.download(&alice, grant.id).await.unwrap();
        assert_eq!(answer.key, grant.key);
        assert_eq!(answer.document.wrapped_key.serial, active);
        assert_eq!(answer.document.version, 1);
    }
    for id in spoiled.iter().chain(&deleted) {
        assert_eq!(serial_of(&house, *id).await, old);
    }
    let rewraps = rewraps_of(&house, old).await;
    assert_eq!(rewraps.len(), good.len() + 1, "and the model");
    assert!(rewraps.values().all(|times| *times == 1));
}

#[test]
fn every_document_that_opens_arrives_once_whatever_happens_on_the_way() {
    let kind = prop_oneof![
        6 => Just(Kind::Good),
        1 => Just(Kind::Spoiled),
        1 => Just(Kind::Deleted),
    ];
    let cases = (
        proptest::collection::vec(kind, 0..30),
        1..9_usize,
        proptest::collection::vec(interruption(), 0..5),
    );
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.unwrap();
    let config = Config {
        cases: 1000,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&cases, |(kinds, batch, interruptions)| {
        runtime.block_on(run(&kinds, batch, &interruptions));
        Ok(())
    });
    outcome.unwrap();
}
