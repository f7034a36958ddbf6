use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;

use super::key_steps::{find, not_allowed};
use super::rewrap_watch::{RewrapCounts, RewrapPace, RewrapProgress, RewrapWatch, Rewrapped};
use super::{CountDocuments, EnsureKeyPair, require};
use crate::Error;
use crate::model::{
    AuditAction, AuditEntry, CallContext, DocumentId, KeyPair, KeyState, Record, Scopes, Serial,
    WrappedKey,
};
use crate::ports::{
    Clock, Entropy, EntropyExt, KeyVault, MetadataStore, OldWrap, Rewrap, RewrapOutcome,
    StoreError, VaultError, WalkStep,
};

/// Wraps the keys of a pair's documents under the active pair of their scope, by the algorithm that
/// new documents get: out of a pair that was rotated out, so that it can be destroyed; out of a
/// compromised one, so that they are released again; from one algorithm to another. Objects are not
/// touched, and documents stay readable, or become so.
///
/// It walks over all documents in order of class and id and keeps nothing of its own: whether a
/// document is done is said by its row. So it may be stopped, or killed, at any moment and run
/// again, and any number may run at once: of two that meet on a document one changes it.
#[derive(Clone, Debug)]
pub struct RewrapDocuments {
    /// Where documents are registered.
    pub store: Arc<dyn MetadataStore>,
    /// What unwraps and wraps their keys.
    pub vault: Arc<dyn KeyVault>,
    /// The time, for the rate and the records.
    pub clock: Arc<dyn Clock>,
    /// Where audit ids are drawn from.
    pub entropy: Arc<dyn Entropy>,
    /// Says by which algorithm, and makes the scope's active pair of it where there is none.
    pub target: EnsureKeyPair,
    /// How fast.
    pub pace: RewrapPace,
}

/// How many documents are looked at in one step.
const EXAMINE: NonZeroU32 = NonZeroU32::new(1000).unwrap();
/// How often a document is wrapped anew when key pairs rotate under it.
const WRAP_ATTEMPTS: u32 = 3;
/// How often a passing trouble is waited for, each time twice as long as before, from a second on:
/// a minute in all.
const WAITS: u32 = 6;

impl RewrapDocuments {
    /// Rewraps all live documents of a pair that is deactivated or compromised, or active of another
    /// algorithm than new pairs. A document whose key does not open, or whose row cannot be read, is
    /// left as it was and named to `watch`.
    ///
    /// # Errors
    /// [`Error::NoSuchKeyPair`], [`Error::KeyPairState`]; [`Error::KeyPairStopped`] if the pair is
    /// suspended meanwhile; [`Error::NoKeyPair`]; [`Error::Forbidden`]; [`Error::Unavailable`] if a
    /// part is away for longer than a minute. What was committed by then stays.
    pub async fn run(
        &self,
        context: &CallContext,
        serial: Serial,
        watch: &mut dyn RewrapWatch,
    ) -> Result<Rewrapped, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let pair = find(&*self.target.rotate.create.registry, serial).await?;
        if !self.may_leave(&pair) {
            return Err(not_allowed(&pair));
        }
        let count = CountDocuments {
            store: Arc::clone(&self.store),
        };
        let total = count.run(context, serial).await?;
        let mut work = Work::new(serial, total);
        if total > 0 {
            self.target.run(context, pair.scope.clone()).await?;
            self.walk(context, &mut work, watch).await?;
        }
        Ok(Rewrapped {
            pair,
            counts: work.counts,
            left: count.run(context, serial).await?,
            stopped: work.stopped,
        })
    }

    fn may_leave(&self, pair: &KeyPair) -> bool {
        match pair.state {
            KeyState::Deactivated | KeyState::Compromised => true,
            // The one that wraps: there is nowhere to go.
            KeyState::Active => pair.algorithm != self.target.algorithm,
            KeyState::PreActive
            | KeyState::Suspended
            | KeyState::DestroyScheduled
            | KeyState::Destroyed => false,
        }
    }

    async fn walk(
        &self,
        context: &CallContext,
        work: &mut Work,
        watch: &mut dyn RewrapWatch,
    ) -> Result<(), Error> {
        let began = self.clock.now();
        let mut due = began;
        let mut waits = 0;
        let mut ready = Batch::default();
        let mut is_stuck = false;
        loop {
            let now = self.clock.now();
            // The next batch is wrapped while the last one is committed: one takes processors, the
            // other waits for the store.
            let next = async {
                if is_stuck {
                    return Ok(Wrapping::default());
                }
                self.wrap(context, work).await
            };
            let (committed, wrapped) = join(self.commit(&ready), next).await;
            let mut counts = RewrapCounts::default();
            let mut trouble = None;
            is_stuck = committed.is_err();
            match committed {
                Ok(outcomes) => {
                    let done = std::mem::take(&mut ready);
                    work.settle(done, outcomes, &mut counts, watch);
                }
                Err(error) => trouble = Some(error),
            }
            match wrapped {
                Ok(wrapped) => {
                    for (document, why) in wrapped.failed {
                        counts.failed += 1;
                        watch.failed(document, &why);
                    }
                    ready.append(wrapped.batch);
                    trouble = trouble.or(wrapped.trouble);
                }
                Err(error) => trouble = Some(error),
            }
            work.counts += counts;
            let elapsed = self.clock.now().since(began);
            let progress = RewrapProgress::at(work.total, work.counts, counts, elapsed);
            if watch.progress(&progress).is_break() {
                work.stopped = true;
                return Ok(());
            }
            let pause = match trouble {
                Some(error @ Error::Unavailable(_)) if waits < WAITS => {
                    let length = Duration::from_secs(1 << waits);
                    waits += 1;
                    watch.pause(length, Some(&error)).await
                }
                Some(error) => return Err(error),
                None if work.is_done() && ready.is_empty() => return Ok(()),
                None => {
                    waits = 0;
                    // Time that was lost is not caught up with.
                    due = self.pace.next(due.max(now), counts.total());
                    match due.since(self.clock.now()) {
                        Duration::ZERO => ControlFlow::Continue(()),
                        ahead => watch.pause(ahead, None).await,
                    }
                }
            };
            if pause.is_break() {
                work.stopped = true;
                return Ok(());
            }
        }
    }

    /// Looks for documents, if there are too few for a batch, and wraps the keys of one.
    async fn wrap(&self, context: &CallContext, work: &mut Work) -> Result<Wrapping, Error> {
        let mut wrapping = Wrapping::default();
        let batch = self.pace.batch();
        if work.found.len() < batch
            && let Some(step) = &mut work.step
        {
            let wraps = self.store.wraps_under(work.serial, step).await?;
            for (document, wrapped) in wraps.found {
                match wrapped {
                    Ok(wrapped) => work.found.push_back(Pending {
                        old: OldWrap {
                            document,
                            wrapped,
                            refused: None,
                        },
                        attempts: 0,
                    }),
                    Err(why) => wrapping.failed.push((document, why.into())),
                }
            }
            match wraps.next {
                Some(next) => step.after = Some(next),
                None => work.step = None,
            }
        }
        if work.found.len() < batch && work.step.is_some() {
            return Ok(wrapping);
        }
        let taken = work.found.len().min(batch);
        let pending: Vec<Pending> = work.found.drain(..taken).collect();
        let old: Vec<OldWrap> = pending.iter().map(|one| one.old.clone()).collect();
        let call = CallContext {
            at: self.clock.now(),
            ..context.clone()
        };
        let mut again = Vec::new();
        for (pending, answer) in pending.into_iter().zip(self.vault.rewrap(&old).await) {
            match answer {
                Ok(wrapped) => {
                    let rewrap = self.rewrap(&call, &pending.old, wrapped)?;
                    wrapping.batch.pending.push(pending);
                    wrapping.batch.rewraps.push(rewrap);
                }
                // No fault of the document's.
                Err(
                    error @ (VaultError::Unavailable(_)
                    | VaultError::NoActivePair(_)
                    | VaultError::Refused(_)),
                ) => {
                    again.push(pending);
                    wrapping.trouble = Some(error.into());
                }
                Err(error @ (VaultError::Corrupt(_) | VaultError::Backend(_))) => {
                    wrapping.failed.push((pending.old.document, error.into()));
                }
            }
        }
        work.put_back(again);
        Ok(wrapping)
    }

    fn rewrap(
        &self,
        call: &CallContext,
        old: &OldWrap,
        wrapped: WrappedKey,
    ) -> Result<Rewrap, Error> {
        let seen_serial = old.wrapped.serial;
        let action = AuditAction::DocumentRewrapped;
        let mut audit = AuditEntry::new(call, action, self.entropy.bytes()?);
        audit.document = Some(old.document);
        audit.serial = Some(seen_serial);
        Ok(Rewrap {
            document: old.document,
            seen_serial,
            wrapped,
            record: Record::from(audit),
        })
    }

    /// Commits a batch; if it fails as a whole, each by itself, so that the guilty one is known.
    async fn commit(&self, batch: &Batch) -> Result<Vec<Result<RewrapOutcome, StoreError>>, Error> {
        let rewraps = batch.rewraps.as_slice();
        if rewraps.is_empty() {
            return Ok(Vec::new());
        }
        match self.store.rewrap(rewraps).await {
            Ok(outcomes) => return Ok(outcomes.into_iter().map(Ok).collect()),
            Err(error @ StoreError::Unavailable(_)) => return Err(error.into()),
            Err(error) if rewraps.len() == 1 => return Ok(vec![Err(error)]),
            Err(_) => {}
        }
        let mut each = Vec::with_capacity(rewraps.len());
        for rewrap in rewraps {
            match self.store.rewrap(std::slice::from_ref(rewrap)).await {
                Ok(outcomes) => each.extend(outcomes.into_iter().map(Ok)),
                // The whole batch is tried again later: those that were committed are then seen to
                // be.
                Err(error @ StoreError::Unavailable(_)) => return Err(error.into()),
                Err(error) => each.push(Err(error)),
            }
        }
        // If not one goes through, the fault is not the documents'.
        if each.iter().all(Result::is_err)
            && let Some(Err(error)) = each.pop()
        {
            return Err(error.into());
        }
        Ok(each)
    }
}

/// A document whose key is to be wrapped.
struct Pending {
    old: OldWrap,
    /// How often the pair it was wrapped under turned out not to be active.
    attempts: u32,
}

/// New wraps that are to be committed, and what they replace.
#[derive(Default)]
struct Batch {
    pending: Vec<Pending>,
    rewraps: Vec<Rewrap>,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.rewraps.is_empty()
    }

    fn append(&mut self, mut more: Self) {
        self.pending.append(&mut more.pending);
        self.rewraps.append(&mut more.rewraps);
    }
}

/// What came of wrapping a batch.
#[derive(Default)]
struct Wrapping {
    batch: Batch,
    failed: Vec<(DocumentId, Error)>,
    /// What kept some of them from it; they are tried again, if it passes.
    trouble: Option<Error>,
}

/// What is left to do, and what was done.
struct Work {
    serial: Serial,
    total: u64,
    /// `None`: the walk is at its end.
    step: Option<WalkStep>,
    found: VecDeque<Pending>,
    counts: RewrapCounts,
    stopped: bool,
}

impl Work {
    fn new(serial: Serial, total: u64) -> Self {
        Self {
            serial,
            total,
            step: Some(WalkStep {
                after: None,
                examine: EXAMINE,
            }),
            found: VecDeque::new(),
            counts: RewrapCounts::default(),
            stopped: false,
        }
    }

    fn is_done(&self) -> bool {
        self.step.is_none() && self.found.is_empty()
    }

    fn put_back(&mut self, pending: Vec<Pending>) {
        for one in pending.into_iter().rev() {
            self.found.push_front(one);
        }
    }

    /// Counts what became of a batch; what rotated out under it is wrapped anew.
    fn settle(
        &mut self,
        batch: Batch,
        outcomes: Vec<Result<RewrapOutcome, StoreError>>,
        counts: &mut RewrapCounts,
        watch: &mut dyn RewrapWatch,
    ) {
        let mut again = Vec::new();
        let both = batch.pending.into_iter().zip(batch.rewraps);
        for ((mut pending, rewrap), outcome) in both.zip(outcomes) {
            let document = rewrap.document;
            match outcome {
                Ok(RewrapOutcome::Rewrapped) => counts.rewrapped += 1,
                Ok(RewrapOutcome::Stale | RewrapOutcome::Missing) => counts.elsewhere += 1,
                Ok(RewrapOutcome::KeyPairNotActive) if pending.attempts + 1 < WRAP_ATTEMPTS => {
                    pending.attempts += 1;
                    pending.old.refused = Some(rewrap.wrapped.serial);
                    again.push(pending);
                }
                Ok(RewrapOutcome::KeyPairNotActive) => {
                    counts.failed += 1;
                    watch.failed(document, &Error::Conflict);
                }
                Err(error) => {
                    counts.failed += 1;
                    watch.failed(document, &error.into());
                }
            }
        }
        self.put_back(again);
    }
}
