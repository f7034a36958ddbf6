//! What is done, what can be seen of it, and what is answered.

use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::{DocumentId, KeyPair, Serial};
use crypt_keeper_domain::usecase::Resumed;
use proptest::prelude::*;

use crate::house::refusal;

/// What somebody does. Pairs are named by their number, in the order of their making.
#[derive(Clone, Debug)]
pub(super) enum Act {
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

pub(super) fn act() -> impl Strategy<Value = Act> {
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
pub(super) struct World {
    pub(super) pairs: Vec<Serial>,
    pub(super) documents: Vec<Document>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Document {
    pub(super) id: DocumentId,
    pub(super) under: Serial,
    pub(super) live: bool,
}

impl World {
    pub(super) fn pair(&self, number: usize) -> Serial {
        self.pairs[number % self.pairs.len()]
    }
}

/// What came of an act.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// Whether something was changed, or the name of the refusal.
    pub(super) changed: Result<bool, &'static str>,
    /// Pairs that were made and activated.
    pub(super) made: Vec<Serial>,
    pub(super) uploaded: Option<DocumentId>,
}

impl Answer {
    pub(super) fn of(changed: Result<bool, Error>) -> Self {
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

    pub(super) fn making(changed: Result<(bool, Option<KeyPair>), Error>) -> Self {
        match changed {
            Ok((changed, made)) => Self {
                made: made.iter().map(|pair| pair.serial).collect(),
                ..Self::of(Ok(changed))
            },
            Err(error) => Self::of(Err(error)),
        }
    }
}
