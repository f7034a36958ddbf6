use std::ops::ControlFlow;
use std::sync::Arc;

use super::copy_accounts::{ApiKeys, Users};
use super::copy_canonical::Digesting;
use super::copy_documents::Documents;
use super::copy_holds::Holds;
use super::copy_kinds::{CopiedKeys, CopySide, Copying, Kind, called};
use super::copy_log::Audit;
use super::copy_merge::{Merge, Met};
use super::copy_pairs::{Pairs, carry};
use super::copy_partitions::Partitions;
use super::copy_report::{Compared, Copied, CopiedKind, CopyProgress, CopyWatch, NotCopied};
use super::require;
use crate::Error;
use crate::model::{CallContext, Scopes};
use crate::ports::{Entropy, PutOutcome};

/// Copies a whole store into another one, of whatever kind: key pairs, users, API keys, the catalogue
/// of partitions, documents with their access lists, legal holds, and the audit log; then reads both and compares them.
///
/// Rows are put where they are missing and never overwritten; a row that differs is told. So it may
/// be stopped, or killed, at any moment and run again, and goes on where it was: what is there
/// already is compared instead of put. It keeps nothing of its own.
///
/// The source must be at rest. Whatever changes there meanwhile is not lost, but it is found at the
/// end at the earliest, and a changed row is then not copied again.
#[derive(Clone, Debug)]
pub struct CopyStore {
    /// What is copied; it is only read.
    pub source: CopySide,
    /// Where to.
    pub target: CopySide,
    /// What becomes of the keys.
    pub keys: CopiedKeys,
    /// Where audit ids are drawn from.
    pub entropy: Arc<dyn Entropy>,
}

/// How many rows are put at once.
const BATCH: usize = 500;

/// How often progress is told while nothing is put.
const TOLD_EVERY: u64 = 1000;

impl CopyStore {
    /// Whether both are one and the same store.
    ///
    /// # Errors
    /// [`Error::Unavailable`] and the like.
    pub async fn is_one_store(&self) -> Result<bool, Error> {
        let source = self.source.transfer.identity().await?;
        Ok(source == self.target.transfer.identity().await?)
    }

    /// Copies, and compares.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::Corrupt`] if a row of the source cannot be read;
    /// [`Error::NoKeyPair`]; [`Error::Unavailable`] and the like. What was copied by then stays.
    pub async fn run(
        &self,
        context: &CallContext,
        watch: &mut dyn CopyWatch,
    ) -> Result<Copied, Error> {
        let copying = self.begin(context).await?;
        let mut run = Run::new(&copying, watch);
        let copied = run.copy().await?;
        let mut done = run.done;
        if copied.is_break() {
            done.stopped = true;
            return Ok(done);
        }
        let mut run = Run::new(&copying, watch);
        run.verify(&mut done).await?;
        Ok(done)
    }

    /// Only compares: what would be copied is what the target lacks.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn compare(
        &self,
        context: &CallContext,
        watch: &mut dyn CopyWatch,
    ) -> Result<Copied, Error> {
        let copying = self.begin(context).await?;
        let mut run = Run::new(&copying, watch);
        let mut done = Copied::nothing();
        run.verify(&mut done).await?;
        Ok(done)
    }

    async fn begin(&self, context: &CallContext) -> Result<Copying, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let pairs = self.source.registry.list_pairs().await?;
        Ok(Copying {
            context: context.clone(),
            source: self.source.clone(),
            target: self.target.clone(),
            keys: self.keys.clone(),
            entropy: Arc::clone(&self.entropy),
            pairs: pairs.into_iter().map(|pair| (pair.serial, pair)).collect(),
        })
    }
}

impl Copied {
    fn nothing() -> Self {
        Self {
            kinds: Vec::new(),
            private_halves: 0,
            failed: 0,
            stopped: false,
            blocked: false,
        }
    }

    /// What the copying itself saw of a kind.
    fn seen(&self, kind: CopiedKind) -> Option<&Compared> {
        self.kinds.iter().find(|one| one.kind == kind)
    }
}

/// One pass over all kinds.
struct Run<'a> {
    copying: &'a Copying,
    watch: &'a mut dyn CopyWatch,
    done: Copied,
}

impl<'a> Run<'a> {
    fn new(copying: &'a Copying, watch: &'a mut dyn CopyWatch) -> Self {
        Self {
            copying,
            watch,
            done: Copied::nothing(),
        }
    }

    /// In an order in which whatever a row hangs on comes before it.
    async fn copy(&mut self) -> Result<ControlFlow<()>, Error> {
        self.carry_private_halves().await?;
        if self.copy_kind::<Pairs>().await?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        if self.done.failed > 0 {
            self.done.blocked = true;
            return Ok(ControlFlow::Continue(()));
        }
        if self.copy_kind::<Users>().await?.is_break()
            || self.copy_kind::<ApiKeys>().await?.is_break()
            || self.copy_kind::<Partitions>().await?.is_break()
            || self.copy_kind::<Documents<false>>().await?.is_break()
            || self.copy_kind::<Documents<true>>().await?.is_break()
            || self.copy_kind::<Holds>().await?.is_break()
            || self.copy_kind::<Audit>().await?.is_break()
        {
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Before the pairs: a private half that no registry knows is of no use to anyone, a pair
    /// without one is broken.
    async fn carry_private_halves(&mut self) -> Result<(), Error> {
        let CopiedKeys::Carried(halves) = &self.copying.keys else {
            return Ok(());
        };
        for pair in self.copying.pairs.values() {
            match carry(&**halves, pair).await {
                Ok(PutOutcome::Stored) => self.done.private_halves += 1,
                Ok(_) => {}
                Err(NotCopied::Failed(error @ Error::Unavailable(_))) => return Err(error),
                Err(why) => {
                    let name = format!("the private half of key pair {}", pair.serial);
                    self.not_copied(CopiedKind::KeyPairs, &name, &why);
                }
            }
        }
        Ok(())
    }

    async fn copy_kind<K: Kind>(&mut self) -> Result<ControlFlow<()>, Error> {
        let mut merge = Merge::<K>::new(self.copying);
        let mut tally = Tally::<K>::new();
        let mut missing = Vec::new();
        let mut copied = 0;
        loop {
            let met = merge.next().await?;
            let is_last = met.is_none();
            if let Some(met) = met {
                tally.add(self.copying, &met);
                match met {
                    Met::Source(row) => missing.push(row),
                    Met::Both(source, target) => {
                        if K::expected(self.copying, &source) == K::found(self.copying, &target) {
                            // There is nothing to do.
                        } else if K::GOES_ON {
                            missing.push(source);
                        } else {
                            let name = called(K::KIND, K::name(&source));
                            self.not_copied(K::KIND, &name, &NotCopied::Differs);
                        }
                    }
                    Met::Target(_) => {}
                }
            }
            let is_full = missing.len() >= BATCH || (is_last && !missing.is_empty());
            if is_full {
                copied += self.put::<K>(std::mem::take(&mut missing)).await?;
            }
            if is_full || is_last || tally.seen.is_multiple_of(TOLD_EVERY) {
                let progress = CopyProgress {
                    verifying: false,
                    kind: K::KIND,
                    seen: tally.seen,
                    copied,
                };
                if self.watch.progress(&progress).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            if is_last {
                self.done.kinds.push(tally.finish(copied));
                return Ok(ControlFlow::Continue(()));
            }
        }
    }

    async fn put<K: Kind>(&mut self, rows: Vec<K::Row>) -> Result<u64, Error> {
        let names: Vec<String> = rows.iter().map(K::name).collect();
        let mut stored = 0;
        let outcomes = K::put(self.copying, rows).await?;
        for (outcome, name) in outcomes.into_iter().zip(names) {
            let why = match outcome {
                Ok(PutOutcome::Stored) => {
                    stored += 1;
                    continue;
                }
                Ok(PutOutcome::Unchanged) => continue,
                Ok(PutOutcome::Differs) => NotCopied::Differs,
                Err(why) => why,
            };
            self.not_copied(K::KIND, &called(K::KIND, name), &why);
        }
        Ok(stored)
    }

    fn not_copied(&mut self, kind: CopiedKind, name: &str, why: &NotCopied) {
        self.done.failed += 1;
        self.watch.not_copied(kind, name, why);
    }

    /// Reads both sides once more, whatever the copying believes.
    async fn verify(&mut self, done: &mut Copied) -> Result<(), Error> {
        let mut kinds = Vec::new();
        let stopped = self.verify_kind::<Pairs>(&mut kinds).await?
            || self.verify_kind::<Users>(&mut kinds).await?
            || self.verify_kind::<ApiKeys>(&mut kinds).await?
            || self.verify_kind::<Partitions>(&mut kinds).await?
            || self.verify_kind::<Documents<false>>(&mut kinds).await?
            || self.verify_kind::<Documents<true>>(&mut kinds).await?
            || self.verify_kind::<Holds>(&mut kinds).await?
            || self.verify_kind::<Audit>(&mut kinds).await?;
        for compared in &mut kinds {
            if let Some(seen) = done.seen(compared.kind) {
                compared.copied = seen.copied;
                compared.source_changed =
                    seen.source != compared.source || seen.source_digest != compared.source_digest;
            }
        }
        done.kinds = kinds;
        done.stopped = stopped;
        Ok(())
    }

    /// Whether it was told to stop.
    async fn verify_kind<K: Kind>(&mut self, kinds: &mut Vec<Compared>) -> Result<bool, Error> {
        let mut merge = Merge::<K>::new(self.copying);
        let mut tally = Tally::<K>::new();
        while let Some(met) = merge.next().await? {
            tally.add(self.copying, &met);
            if tally.seen.is_multiple_of(TOLD_EVERY) && self.tell(&tally).is_break() {
                return Ok(true);
            }
        }
        let stopped = self.tell(&tally).is_break();
        kinds.push(tally.finish(0));
        Ok(stopped)
    }

    fn tell<K: Kind>(&mut self, tally: &Tally<K>) -> ControlFlow<()> {
        self.watch.progress(&CopyProgress {
            verifying: true,
            kind: K::KIND,
            seen: tally.seen,
            copied: 0,
        })
    }
}

/// What a pass has seen of a kind.
struct Tally<K> {
    seen: u64,
    source: u64,
    target: u64,
    others: u64,
    source_digest: Digesting,
    target_digest: Digesting,
    first_difference: Option<String>,
    first_other: Option<String>,
    of: std::marker::PhantomData<fn() -> K>,
}

impl<K: Kind> Tally<K> {
    fn new() -> Self {
        Self {
            seen: 0,
            source: 0,
            target: 0,
            others: 0,
            source_digest: Digesting::default(),
            target_digest: Digesting::default(),
            first_difference: None,
            first_other: None,
            of: std::marker::PhantomData,
        }
    }

    fn add(&mut self, copying: &Copying, met: &Met<K::Row>) {
        self.seen += 1;
        match met {
            Met::Source(row) => {
                self.source += 1;
                self.source_digest.add(&K::expected(copying, row));
                self.first_difference.get_or_insert_with(|| K::name(row));
            }
            Met::Target(row) => {
                self.others += 1;
                self.first_other.get_or_insert_with(|| K::name(row));
            }
            Met::Both(source, target) => {
                self.source += 1;
                self.target += 1;
                let (expected, found) = (K::expected(copying, source), K::found(copying, target));
                if expected != found {
                    self.first_difference.get_or_insert_with(|| K::name(source));
                }
                self.source_digest.add(&expected);
                self.target_digest.add(&found);
            }
        }
    }

    fn finish(self, copied: u64) -> Compared {
        Compared {
            kind: K::KIND,
            copied,
            source: self.source,
            target: self.target,
            others: self.others,
            source_digest: self.source_digest.finish(),
            target_digest: self.target_digest.finish(),
            first_difference: self.first_difference,
            first_other: self.first_other,
            source_changed: false,
        }
    }
}
