//! What must come of it.

use std::collections::BTreeMap;

use crypt_keeper_domain::model::{KeyPair, KeyState, Serial, Timestamp};
use crypt_keeper_domain::usecase::Resumed;

use super::acts::{Act, Answer, Document, World};
use super::{DAY, ROTATE_AFTER};

/// A pair as the model has it: what is written of the life of a key pair, in plain values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Modelled {
    pub(super) state: KeyState,
    former: Option<KeyState>,
    activated: Timestamp,
    left: Option<Timestamp>,
    destroy_at: Option<Timestamp>,
    pub(super) version: i64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) world: World,
    pub(super) pairs: BTreeMap<Serial, Modelled>,
    /// Pairs that were made and not needed: destroyed at once.
    pub(super) discarded: usize,
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

    pub(super) fn add(&mut self, serial: Serial, at: Timestamp) {
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
    pub(super) fn judge(&mut self, act: &Act, answer: &Answer, before: &Self, at: Timestamp) {
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
    pub(super) fn compare(&self, pairs: &[KeyPair]) {
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
