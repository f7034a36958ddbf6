//! The life of key pairs against a model of it: random acts of several people, some of them in the
//! middle of another's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crypt_keeper_domain::Error;
use crypt_keeper_domain::memory::MemoryVault;
use crypt_keeper_domain::model::{
    CallContext, Caller, DocumentId, DocumentState, KeyPair, KeyState, Scope, Serial, Timestamp,
};
use crypt_keeper_domain::ports::{DocumentChange, KeyRegistry, KeyVault};
use crypt_keeper_domain::usecase::{
    CancelDestruction, CompromiseKeys, CountDocuments, DestroyKeys, KeepUpKeys, ResumeKeys,
    Resumed, RotateKeys, ScheduleDestruction, SuspendKeys,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::house::{House, Person, refusal};
use crate::meddling::MeddledVault;

const DAY: Duration = Duration::from_secs(24 * 3600);
const ROTATE_AFTER: Duration = Duration::from_secs(90 * 24 * 3600);
const CASES: u32 = 100_000;

/// What somebody does. Pairs are named by their number, in the order of their making.
#[derive(Clone, Debug)]
enum Act {
    Rotate,
    /// The pair, and whether a successor takes over from an active one.
    Suspend(usize, bool),
    /// Likewise.
    Compromise(usize, bool),
    Resume(usize, Resumed),
    Schedule(usize, u32),
    Cancel(usize),
    Destroy(usize),
    KeepUp,
    Upload,
    DeleteDocuments(usize),
    Wait(u32),
    /// A user without any say in it tries.
    Trespass(usize),
    /// The first is begun; while its new pair is being made, somebody else does the second.
    During(Box<Act>, Box<Act>),
}

fn simple_act() -> impl Strategy<Value = Act> {
    let successor = proptest::bool::weighted(0.75);
    let resumed = prop_oneof![Just(Resumed::Active), Just(Resumed::Deactivated)];
    let pair = 0..6_usize;
    prop_oneof![
        3 => Just(Act::Rotate),
        2 => (pair.clone(), successor).prop_map(|(pair, how)| Act::Suspend(pair, how)),
        1 => (pair.clone(), successor).prop_map(|(pair, how)| Act::Compromise(pair, how)),
        2 => (pair.clone(), resumed).prop_map(|(pair, how)| Act::Resume(pair, how)),
        3 => (pair.clone(), 5..40_u32).prop_map(|(pair, days)| Act::Schedule(pair, days)),
        2 => pair.clone().prop_map(Act::Cancel),
        2 => pair.clone().prop_map(Act::Destroy),
        1 => Just(Act::KeepUp),
        2 => Just(Act::Upload),
        2 => pair.clone().prop_map(Act::DeleteDocuments),
        3 => (1..1000_u32).prop_map(Act::Wait),
        1 => pair.prop_map(Act::Trespass),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let making = prop_oneof![
        3 => Just(Act::Rotate),
        1 => (0..6_usize).prop_map(|pair| Act::Suspend(pair, true)),
        1 => (0..6_usize).prop_map(|pair| Act::Compromise(pair, true)),
    ];
    prop_oneof![
        4 => simple_act(),
        1 => (making, simple_act())
            .prop_map(|(outer, inner)| Act::During(Box::new(outer), Box::new(inner))),
    ]
}

/// What everybody can see: the pairs and the documents, in the order of their making.
#[derive(Clone, Debug, Default)]
struct World {
    pairs: Vec<Serial>,
    documents: Vec<Document>,
}

#[derive(Clone, Copy, Debug)]
struct Document {
    id: DocumentId,
    under: Serial,
    live: bool,
}

impl World {
    fn pair(&self, number: usize) -> Serial {
        self.pairs[number % self.pairs.len()]
    }
}

/// What came of an act.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    /// Whether something was changed, or the name of the refusal.
    changed: Result<bool, &'static str>,
    /// Pairs that were made and activated.
    made: Vec<Serial>,
    uploaded: Option<DocumentId>,
}

impl Answer {
    fn of(changed: Result<bool, Error>) -> Self {
        let changed = match changed {
            Ok(changed) => Ok(changed),
            refused => Err(refusal(refused)),
        };
        Self {
            changed,
            made: Vec::new(),
            uploaded: None,
        }
    }

    fn making(changed: Result<(bool, Option<KeyPair>), Error>) -> Self {
        match changed {
            Ok((changed, made)) => Self {
                made: made.iter().map(|pair| pair.serial).collect(),
                ..Self::of(Ok(changed))
            },
            Err(error) => Self::of(Err(error)),
        }
    }
}

/// The people of the house.
struct People {
    house: House,
    alice: Person,
}

impl People {
    /// Does an act; new pairs are made in `vault`.
    async fn act(
        &self,
        context: &CallContext,
        act: &Act,
        world: &World,
        vault: Arc<dyn KeyVault>,
    ) -> Answer {
        let house = &self.house;
        let (registry, entropy) = (house.store.clone(), house.entropy.clone());
        let create = house.create_key_pair_in(vault);
        match act {
            Act::Rotate => {
                let rotate = RotateKeys { create };
                let (scope, algorithm) = (Scope::Shared, MemoryVault::ALGORITHM);
                let answer = rotate.run(context, scope, algorithm).await;
                Answer::making(answer.map(|rotation| (true, Some(rotation.active))))
            }
            Act::Suspend(pair, successor) => {
                let suspend = SuspendKeys {
                    registry,
                    entropy,
                    successor: successor.then_some(create),
                };
                let answer = suspend.run(context, world.pair(*pair)).await;
                Answer::making(answer.map(|stopped| (stopped.changed, stopped.successor)))
            }
            Act::Compromise(pair, successor) => {
                let compromise = CompromiseKeys {
                    registry,
                    entropy,
                    successor: successor.then_some(create),
                };
                let answer = compromise.run(context, world.pair(*pair)).await;
                Answer::making(answer.map(|stopped| (stopped.changed, stopped.successor)))
            }
            Act::Resume(pair, resumed) => {
                let resume = ResumeKeys { registry, entropy };
                let answer = resume.run(context, world.pair(*pair), *resumed).await;
                Answer::of(answer.map(|step| step.changed))
            }
            Act::Schedule(pair, days) => {
                let schedule = ScheduleDestruction {
                    registry,
                    count: self.count(),
                    entropy,
                };
                let (serial, wait) = (world.pair(*pair), DAY * *days);
                let answer = schedule.run(context, serial, wait).await;
                Answer::of(answer.map(|step| step.changed))
            }
            Act::Cancel(pair) => {
                let cancel = CancelDestruction { registry, entropy };
                let answer = cancel.run(context, world.pair(*pair)).await;
                Answer::of(answer.map(|step| step.changed))
            }
            Act::Destroy(pair) => {
                let answer = self.destroy_keys().run(context, world.pair(*pair)).await;
                Answer::of(answer.map(|step| step.changed))
            }
            Act::KeepUp => {
                let keep_up = KeepUpKeys {
                    rotate: RotateKeys { create },
                    destroy: self.destroy_keys(),
                    algorithm: MemoryVault::ALGORITHM,
                    rotate_after: Some(ROTATE_AFTER),
                };
                let kept_up = keep_up.run(context).await.unwrap();
                assert!(kept_up.failures.is_empty(), "{kept_up:?}");
                let changed = !kept_up.rotations.is_empty() || !kept_up.destroyed.is_empty();
                let made = kept_up.rotations.iter().map(|one| one.active.serial);
                Answer {
                    made: made.collect(),
                    ..Answer::of(Ok(changed))
                }
            }
            Act::Upload => match house.upload(&self.alice, "x").await {
                Ok(grant) => Answer {
                    uploaded: Some(grant.id),
                    ..Answer::of(Ok(true))
                },
                Err(error) => Answer::of(Err(error)),
            },
            Act::DeleteDocuments(pair) => {
                let serial = world.pair(*pair);
                for document in world.documents.iter().filter(|one| one.under == serial) {
                    let deleted = DocumentChange::State(DocumentState::Deleted);
                    house.change_document(document.id, deleted).await;
                }
                Answer::of(Ok(true))
            }
            Act::Wait(hours) => {
                house.clock.advance(Duration::from_secs(3600) * *hours);
                Answer::of(Ok(true))
            }
            Act::Trespass(pair) => self.trespass(world.pair(*pair)).await,
            Act::During(..) => unreachable!("nobody is interrupted twice"),
        }
    }

    fn count(&self) -> CountDocuments {
        CountDocuments {
            store: self.house.store.clone(),
        }
    }

    fn destroy_keys(&self) -> DestroyKeys {
        DestroyKeys {
            registry: self.house.store.clone(),
            vault: self.house.vault.clone(),
            count: self.count(),
            entropy: self.house.entropy.clone(),
        }
    }

    async fn trespass(&self, serial: Serial) -> Answer {
        let context = self.house.of(&self.alice);
        let suspend = SuspendKeys {
            registry: self.house.store.clone(),
            entropy: self.house.entropy.clone(),
            successor: Some(self.house.create_key_pair()),
        };
        let answer = suspend.run(&context, serial).await;
        assert_eq!(refusal(answer), "Forbidden");
        let answer = self.destroy_keys().run(&context, serial).await;
        Answer::of(answer.map(|step| step.changed))
    }
}

/// A pair as the model has it: what is written of the life of a key pair, in plain values.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Modelled {
    state: KeyState,
    former: Option<KeyState>,
    activated: Timestamp,
    left: Option<Timestamp>,
    destroy_at: Option<Timestamp>,
    version: i64,
}

#[derive(Clone, Debug, Default)]
struct Model {
    world: World,
    pairs: BTreeMap<Serial, Modelled>,
    /// Pairs that were made and not needed: destroyed at once.
    discarded: usize,
}

impl Model {
    fn active(&self) -> Option<Serial> {
        let mut active = self.pairs.iter();
        let active = active.find(|(_, pair)| pair.state == KeyState::Active);
        active.map(|(serial, _)| *serial)
    }

    fn needed(&self, serial: Serial) -> bool {
        let documents = &self.world.documents;
        documents.iter().any(|one| one.under == serial && one.live)
    }

    fn add(&mut self, serial: Serial, at: Timestamp) {
        self.world.pairs.push(serial);
        let pair = Modelled {
            state: KeyState::Active,
            former: None,
            activated: at,
            left: None,
            destroy_at: None,
            version: 2,
        };
        assert_eq!(
            self.pairs.insert(serial, pair),
            None,
            "a serial was used twice"
        );
    }

    fn step(&mut self, serial: Serial, next: KeyState, at: Timestamp) {
        let pair = self.pairs.get_mut(&serial).unwrap();
        if pair.state == KeyState::Active {
            pair.left = Some(at);
        }
        pair.former = (next == KeyState::DestroyScheduled).then_some(pair.state);
        pair.destroy_at = None;
        pair.state = next;
        pair.version += 1;
    }

    /// Holds what came of an act to what must come of it; `before` is what the act saw when it
    /// began, this what it saw when it had made its pair.
    fn judge(&mut self, act: &Act, answer: &Answer, before: &Self, at: Timestamp) {
        let world = self.world.clone();
        let mut made = answer.made.iter();
        let mut made = || *made.next().expect("a new pair");
        let expected = match act {
            Act::Rotate => self.rotate(before, at, &mut made),
            Act::Suspend(pair, successor) => {
                let serial = before.world.pair(*pair);
                self.stop(
                    before,
                    serial,
                    KeyState::Suspended,
                    *successor,
                    at,
                    &mut made,
                )
            }
            Act::Compromise(pair, successor) => {
                let serial = before.world.pair(*pair);
                self.stop(
                    before,
                    serial,
                    KeyState::Compromised,
                    *successor,
                    at,
                    &mut made,
                )
            }
            Act::Resume(pair, resumed) => self.resume(world.pair(*pair), *resumed, at),
            Act::Schedule(pair, days) => self.schedule(world.pair(*pair), *days, at),
            Act::Cancel(pair) => self.cancel(world.pair(*pair), at),
            Act::Destroy(pair) => self.destroy(world.pair(*pair), at),
            Act::KeepUp => self.keep_up(at, &mut made),
            Act::Upload => match self.active() {
                Some(under) => {
                    let id = answer.uploaded.expect("an upload");
                    let live = true;
                    self.world.documents.push(Document { id, under, live });
                    Ok(true)
                }
                None => Err("NoKeyPair"),
            },
            Act::DeleteDocuments(pair) => {
                let serial = world.pair(*pair);
                let documents = self.world.documents.iter_mut();
                for document in documents.filter(|one| one.under == serial) {
                    document.live = false;
                }
                Ok(true)
            }
            Act::Wait(_) => Ok(true),
            Act::Trespass(_) => Err("Forbidden"),
            Act::During(..) => unreachable!("nobody is interrupted twice"),
        };
        assert_eq!(answer.changed, expected);
        let new = self.world.pairs.len() - world.pairs.len();
        assert_eq!(new, answer.made.len(), "pairs made: {answer:?}");
    }

    fn rotate(
        &mut self,
        before: &Self,
        at: Timestamp,
        made: &mut impl FnMut() -> Serial,
    ) -> Result<bool, &'static str> {
        let old = before.active();
        let entry = |model: &Self| old.map(|old| model.pairs[&old].clone());
        if entry(before) != entry(self) || (old.is_none() && self.active().is_some()) {
            self.discarded += 1;
            return Err("Conflict");
        }
        if let Some(old) = old {
            self.step(old, KeyState::Deactivated, at);
        }
        self.add(made(), at);
        Ok(true)
    }

    fn stop(
        &mut self,
        before: &Self,
        serial: Serial,
        next: KeyState,
        successor: bool,
        at: Timestamp,
        made: &mut impl FnMut() -> Serial,
    ) -> Result<bool, &'static str> {
        let seen = &before.pairs[&serial];
        let made_one = successor && seen.state == KeyState::Active;
        if made_one && *seen != self.pairs[&serial] {
            self.discarded += 1;
        }
        let state = self.pairs[&serial].state;
        let from: &[KeyState] = match next {
            KeyState::Suspended => &[KeyState::Active, KeyState::Deactivated],
            _ => &[KeyState::Active, KeyState::Deactivated, KeyState::Suspended],
        };
        if state == next {
            return Ok(false);
        }
        if !from.contains(&state) {
            return Err("KeyPairState");
        }
        self.step(serial, next, at);
        if state == KeyState::Active && successor {
            self.add(made(), at);
        }
        Ok(true)
    }

    fn resume(
        &mut self,
        serial: Serial,
        resumed: Resumed,
        at: Timestamp,
    ) -> Result<bool, &'static str> {
        let next = match resumed {
            Resumed::Active => KeyState::Active,
            Resumed::Deactivated => KeyState::Deactivated,
        };
        match self.pairs[&serial].state {
            state if state == next => Ok(false),
            KeyState::Suspended if next == KeyState::Active && self.active().is_some() => {
                Err("AnotherKeyPairIsActive")
            }
            KeyState::Suspended => {
                self.step(serial, next, at);
                Ok(true)
            }
            _ => Err("KeyPairState"),
        }
    }

    fn schedule(&mut self, serial: Serial, days: u32, at: Timestamp) -> Result<bool, &'static str> {
        let pair = &self.pairs[&serial];
        let rests = pair.left.is_some_and(|left| at < left.plus(DAY));
        match pair.state {
            _ if days < 7 => Err("WaitTooShort"),
            KeyState::DestroyScheduled => Ok(false),
            KeyState::Deactivated | KeyState::Suspended | KeyState::Compromised => {
                if rests {
                    return Err("KeyPairRests");
                }
                if self.needed(serial) {
                    return Err("KeyPairNeeded");
                }
                self.step(serial, KeyState::DestroyScheduled, at);
                self.pairs.get_mut(&serial).unwrap().destroy_at = Some(at.plus(DAY * days));
                Ok(true)
            }
            KeyState::PreActive | KeyState::Active | KeyState::Destroyed => Err("KeyPairState"),
        }
    }

    fn cancel(&mut self, serial: Serial, at: Timestamp) -> Result<bool, &'static str> {
        let pair = &self.pairs[&serial];
        match (pair.state, pair.former) {
            (KeyState::DestroyScheduled, Some(former)) => {
                self.step(serial, former, at);
                Ok(true)
            }
            (KeyState::Deactivated | KeyState::Suspended | KeyState::Compromised, _) => Ok(false),
            _ => Err("KeyPairState"),
        }
    }

    fn destroy(&mut self, serial: Serial, at: Timestamp) -> Result<bool, &'static str> {
        let pair = &self.pairs[&serial];
        match (pair.state, pair.destroy_at) {
            (KeyState::Destroyed, _) => Ok(false),
            (KeyState::DestroyScheduled, Some(due)) if at < due => Err("DestructionNotDue"),
            (KeyState::DestroyScheduled, _) => {
                self.step(serial, KeyState::Destroyed, at);
                // It begins, and it is done: two steps.
                self.pairs.get_mut(&serial).unwrap().version += 1;
                Ok(true)
            }
            _ => Err("KeyPairState"),
        }
    }

    fn keep_up(
        &mut self,
        at: Timestamp,
        made: &mut impl FnMut() -> Serial,
    ) -> Result<bool, &'static str> {
        let mut changed = false;
        if let Some(old) = self.active()
            && self.pairs[&old].activated.plus(ROTATE_AFTER) <= at
        {
            self.step(old, KeyState::Deactivated, at);
            self.add(made(), at);
            changed = true;
        }
        for serial in self.world.pairs.clone() {
            let due = self.pairs[&serial].destroy_at.is_some_and(|due| due <= at);
            changed |= due && self.destroy(serial, at) == Ok(true);
        }
        Ok(changed)
    }

    /// Holds the registry to the model.
    fn compare(&self, pairs: &[KeyPair]) {
        let mut discarded = 0;
        for pair in pairs {
            let Some(modelled) = self.pairs.get(&pair.serial) else {
                assert_eq!((pair.state, pair.version), (KeyState::Destroyed, 2));
                discarded += 1;
                continue;
            };
            let seen = Modelled {
                state: pair.state,
                former: pair.former_state,
                activated: pair.activated_at.expect("it was active"),
                left: pair.deactivated_at,
                destroy_at: pair.destroy_at,
                version: pair.version,
            };
            assert_eq!(seen, *modelled, "{}", pair.serial);
        }
        assert_eq!(discarded, self.discarded);
        assert_eq!(pairs.len() - discarded, self.pairs.len());
        let active = pairs.iter().filter(|one| one.state == KeyState::Active);
        assert!(active.count() <= 1);
    }
}

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
    let lives = proptest::collection::vec(act(), 1..14);
    let outcome = TestRunner::new(config).run(&lives, |acts| {
        runtime.block_on(run(&acts));
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
