//! The life of key pairs against a model of it: random acts of several people, some of them in the
//! middle of another's.

mod acts;
mod model;
mod people;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crypt_keeper_domain::model::{CallContext, Caller, KeyState};
use crypt_keeper_domain::ports::KeyRegistry;
use proptest::test_runner::{Config, TestRunner};

use crate::house::{House, refusal};
use crate::meddling::MeddledVault;
use acts::Act;
use model::Model;
use people::People;

const DAY: Duration = Duration::from_secs(24 * 3600);
const ROTATE_AFTER: Duration = Duration::from_secs(90 * 24 * 3600);
const CASES: u32 = 100_000;

async fn run(acts: &[Act]) {
    let house = House::empty();
    let alice = house.person("alice").await;
    let people = Arc::new(People { house, alice });
    let house = &people.house;
    let first = house.rotate().await.unwrap().active.serial;
    let mut model = Model::default();
    model.add(first, house.now());

    for (number, act) in acts.iter().enumerate() {
        let context = CallContext {
            caller: match number % 2 {
                0 => Caller::operator(),
                _ => Caller::system(),
            },
            ..house.operator()
        };
        let before = model.clone();
        match act {
            Act::During(outer, inner) => {
                let slot = Arc::new(Mutex::new(None));
                let deed = {
                    let (people, slot) = (Arc::clone(&people), Arc::clone(&slot));
                    let (inner, world) = (inner.clone(), before.world.clone());
                    async move {
                        let vault = people.house.vault.clone();
                        let context = people.house.operator();
                        let answer = people.act(&context, &inner, &world, vault).await;
                        *slot.lock().unwrap() = Some(answer);
                    }
                };
                let vault = Arc::new(MeddledVault::new(house.vault.clone()).then(deed));
                let answer = people.act(&context, outer, &before.world, vault).await;
                // Absent if the outer act needed no pair.
                if let Some(meanwhile) = slot.lock().unwrap().take() {
                    model.judge(inner, &meanwhile, &before, context.at);
                }
                model.judge(outer, &answer, &before, context.at);
            }
            act => {
                let vault = house.vault.clone();
                let answer = people.act(&context, act, &before.world, vault).await;
                model.judge(act, &answer, &before, context.at);
            }
        }
        model.compare(&house.store.list_pairs().await.unwrap());
    }

    for document in model.world.documents.iter().filter(|one| one.live) {
        let state = model.pairs[&document.under].state;
        let downloaded = people.house.download(&people.alice, document.id).await;
        match state {
            KeyState::Active | KeyState::Deactivated => assert!(downloaded.is_ok()),
            KeyState::Suspended | KeyState::Compromised => {
                assert_eq!(refusal(downloaded), "KeyPairStopped");
            }
            _ => panic!("a live document is under a pair that is {state}"),
        }
    }
    let audit = people.house.key_pair_acts().await;
    let steps: i64 = model.pairs.values().map(|pair| pair.version).sum();
    let discarded = i64::try_from(model.discarded).unwrap() * 2;
    assert_eq!(audit, usize::try_from(steps + discarded).unwrap());
}

/// On two threads, each with random lives of its own.
#[test]
fn random_lives_are_the_models() {
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| random_lives(CASES / 2));
        }
    });
}

fn random_lives(cases: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().unwrap();
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let lives = proptest::collection::vec(acts::act(), 1..14);
    let outcome = TestRunner::new(config).run(&lives, |acts| {
        runtime.block_on(run(&acts));
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
