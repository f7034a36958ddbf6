//! The job that rewraps documents out of compromised key pairs, so that they are released again.
//! Every instance runs it: one that meets another at the same documents leaves them to it.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::{CallContext, DocumentId, KeyPair, KeyState, Serial};
use crypt_keeper_domain::ports::KeyRegistry;
use crypt_keeper_domain::usecase::{
    EnsureKeyPair, RewrapDocuments, RewrapPace, RewrapProgress, RewrapWatch, Rewrapped,
};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::config::{Keys, RewrapRate};
use crate::error::Chain;
use crate::key_upkeep::rotate_keys;
use crate::ports::Ports;

/// How long documents that could not be rewrapped are left alone: what does not open now, will
/// hardly do so in a minute.
const LEAVE_ALONE: Duration = Duration::from_secs(600);
/// How many documents that could not be rewrapped are named in the log, for each pair.
const NAMED: u64 = 20;
/// How often the log says how far a rewrap is.
const TELL: Duration = Duration::from_secs(60);

/// What the job counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct RewrapMetrics {
    rewrapped: Counter,
    failures: Counter,
    left: Gauge,
}

impl RewrapMetrics {
    /// Adds them to a registry.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "documents_rewrapped",
            "Documents that this process rewrapped by itself, out of compromised key pairs",
            self.rewrapped.clone(),
        );
        registry.register(
            "rewrap_failures",
            "Documents under compromised key pairs that this process could not rewrap",
            self.failures.clone(),
        );
        registry.register(
            "documents_to_rewrap",
            "Documents under compromised key pairs when this process looked last: they are not \
             released",
            self.left.clone(),
        );
    }
}

/// The job.
#[derive(Debug)]
pub(crate) struct KeyRewrap {
    registry: Arc<dyn KeyRegistry>,
    rewrap: RewrapDocuments,
    metrics: RewrapMetrics,
    known: HashMap<Serial, Known>,
}

/// What is known of a compromised pair.
#[derive(Clone, Copy, Debug)]
struct Known {
    left: u64,
    /// When it is looked at again; `None`: never, since a compromised pair gets no more documents.
    again: Option<Instant>,
}

impl KeyRewrap {
    /// The job over `ports`, as `keys` has it; `None` if it is not wanted.
    pub(crate) fn new(ports: &Ports, keys: &Keys, metrics: RewrapMetrics) -> Option<Self> {
        let rate = match keys.rewrap_rate {
            RewrapRate::Off => return None,
            RewrapRate::PerSecond(rate) => Some(rate),
            RewrapRate::Unlimited => None,
        };
        Some(Self {
            registry: Arc::clone(&ports.registry),
            rewrap: RewrapDocuments {
                store: Arc::clone(&ports.store),
                vault: Arc::clone(&ports.vault),
                clock: Arc::clone(&ports.clock),
                entropy: Arc::clone(&ports.entropy),
                target: EnsureKeyPair {
                    rotate: rotate_keys(ports),
                    algorithm: keys.algorithm,
                },
                pace: RewrapPace {
                    rate,
                    ..RewrapPace::default()
                },
            },
            metrics,
            known: HashMap::new(),
        })
    }

    /// Rewraps what is there to be rewrapped.
    pub(crate) async fn look(&mut self, call: &CallContext) {
        let pairs = match self.registry.list_pairs().await {
            Ok(pairs) => pairs,
            Err(error) => {
                self.metrics.failures.inc();
                tracing::warn!(
                    error = %Chain(&error),
                    "cannot know whether key pairs are compromised"
                );
                return;
            }
        };
        let compromised = |pair: &KeyPair| pair.state == KeyState::Compromised;
        let serials: Vec<_> = pairs
            .iter()
            .filter(|pair| compromised(pair))
            .map(|pair| pair.serial)
            .collect();
        // Scheduled for destruction, or brought back by a restored backup: looked at anew.
        self.known.retain(|serial, _| serials.contains(serial));
        for serial in serials {
            let rests = self
                .known
                .get(&serial)
                .is_some_and(|known| known.again.is_none_or(|again| Instant::now() < again));
            if !rests {
                self.rewrap(call, serial).await;
            }
        }
        tell_left(&self.known, &self.metrics);
    }

    async fn rewrap(&mut self, call: &CallContext, serial: Serial) {
        let mut watch = Watch {
            serial,
            metrics: &self.metrics,
            known: &mut self.known,
            failed: 0,
            told: Instant::now(),
            is_anothers: false,
        };
        let done = self.rewrap.run(call, serial, &mut watch).await;
        let is_anothers = watch.is_anothers;
        match done {
            Ok(done) => {
                tell(&done, is_anothers);
                let again = match done.left {
                    0 => None,
                    _ if is_anothers => Some(Instant::now()),
                    _ => Some(Instant::now() + LEAVE_ALONE),
                };
                let left = done.left;
                self.known.insert(serial, Known { left, again });
            }
            // Its destruction was scheduled meanwhile.
            Err(Error::KeyPairState { .. } | Error::KeyPairStopped(_)) => {}
            Err(error) => {
                self.metrics.failures.inc();
                tracing::warn!(
                    %serial,
                    error = %Chain(&error),
                    "cannot rewrap the documents of a compromised key pair now: it is tried again"
                );
            }
        }
    }
}

fn tell_left(known: &HashMap<Serial, Known>, metrics: &RewrapMetrics) {
    let left: u64 = known.values().map(|known| known.left).sum();
    metrics.left.set(i64::try_from(left).unwrap_or(i64::MAX));
}

fn tell(done: &Rewrapped, is_anothers: bool) {
    let counts = &done.counts;
    if counts.rewrapped > 0 || (done.left > 0 && !is_anothers) {
        tracing::info!(
            serial = %done.pair.serial,
            rewrapped = counts.rewrapped,
            elsewhere = counts.elsewhere,
            failed = counts.failed,
            left = done.left,
            "rewrapped documents of a compromised key pair: they are released again, and stay \
             exposed"
        );
    }
}

struct Watch<'a> {
    serial: Serial,
    metrics: &'a RewrapMetrics,
    known: &'a mut HashMap<Serial, Known>,
    failed: u64,
    told: Instant,
    /// Whether another instance was found at work on the same documents.
    is_anothers: bool,
}

#[async_trait]
impl RewrapWatch for Watch<'_> {
    fn failed(&mut self, document: DocumentId, why: &Error) {
        self.metrics.failures.inc();
        self.failed += 1;
        if self.failed <= NAMED {
            tracing::warn!(
                serial = %self.serial,
                %document,
                error = %Chain(why),
                "cannot rewrap a document of a compromised key pair: it is not released"
            );
        }
        if self.failed == NAMED {
            tracing::warn!(
                serial = %self.serial,
                "there may be more: `crypt-keeper documents list --key-pair` lists them"
            );
        }
    }

    fn progress(&mut self, progress: &RewrapProgress) -> ControlFlow<()> {
        let RewrapProgress {
            total,
            counts,
            batch,
            ..
        } = progress;
        self.metrics.rewrapped.inc_by(batch.rewrapped);
        let left = total.saturating_sub(counts.rewrapped + counts.elsewhere);
        // Whatever ends it early, so many are left, and the next look begins with them.
        let again = Some(Instant::now());
        self.known.insert(self.serial, Known { left, again });
        tell_left(self.known, self.metrics);
        if self.told.elapsed() >= TELL {
            self.told = Instant::now();
            tracing::info!(
                serial = %self.serial,
                rewrapped = counts.rewrapped,
                left,
                "rewrapping documents of a compromised key pair"
            );
        }
        // Whoever was here first is through with the batch, and goes on.
        self.is_anothers = batch.rewrapped == 0 && batch.elsewhere > 0;
        if self.is_anothers {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    async fn pause(&mut self, length: Duration, why: Option<&Error>) -> ControlFlow<()> {
        if let Some(why) = why {
            tracing::warn!(
                serial = %self.serial,
                error = %Chain(why),
                seconds = length.as_secs(),
                "rewrapping waits"
            );
        }
        tokio::time::sleep(length).await;
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::config::{Override, load};
    use crypt_keeper_domain::memory::{
        ManualClock, MemoryBlobs, MemoryStore, MemoryVault, SeededEntropy,
    };
    use crypt_keeper_domain::model::{
        ApiKeyId, Caller, DocumentMetadata, EncryptionFormat, RequestId, RetentionClasses, Scope,
        Timestamp, UserName,
    };
    use crypt_keeper_domain::ports::{Entropy, EntropyError};
    use crypt_keeper_domain::usecase::{
        AdministerUsers, CompromiseKeys, RequestUpload, ScopePolicy, UploadLimits,
    };

    /// Entropy that can be had, or not.
    #[derive(Debug)]
    struct Tap {
        source: SeededEntropy,
        is_shut: AtomicBool,
    }

    impl Entropy for Tap {
        fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
            if self.is_shut.load(Ordering::SeqCst) {
                return Err(EntropyError("shut".into()));
            }
            self.source.fill(buffer)
        }
    }

    fn call(caller: Caller, ports: &Ports) -> CallContext {
        CallContext {
            caller,
            at: ports.clock.now(),
            request_id: RequestId::from_random([1; 16]),
            address: None,
        }
    }

    /// Documents of somebody's, under a pair that is compromised then.
    async fn compromise_documents(ports: &Ports, documents: usize) {
        let operator = call(Caller::operator(), ports);
        let rotate = rotate_keys(ports);
        let rotated = rotate.run(&operator, Scope::Shared, MemoryVault::ALGORITHM);
        let pair = rotated.await.unwrap().active.serial;
        let users = AdministerUsers {
            accounts: Arc::clone(&ports.accounts),
            entropy: Arc::clone(&ports.entropy),
        };
        let name = UserName::parse("alice").unwrap();
        let alice = users.create(&operator, name).await.unwrap();
        let upload = RequestUpload {
            store: Arc::clone(&ports.store),
            vault: Arc::clone(&ports.vault),
            blobs: Arc::clone(&ports.blobs),
            entropy: Arc::clone(&ports.entropy),
            scope: ScopePolicy::Shared,
            retention: RetentionClasses::default(),
            first_pair: None,
            limits: UploadLimits::default(),
        };
        let alice = call(
            Caller::user(alice.id, ApiKeyId::parse("0123456789Ab").unwrap()),
            ports,
        );
        for _ in 0..documents {
            let format = EncryptionFormat::parse(EncryptionFormat::AES256_GCM_HKDF_1MB).unwrap();
            let metadata = DocumentMetadata::new("a.txt", 10, "text/plain", false, format);
            upload.run(&alice, metadata.unwrap()).await.unwrap();
        }
        let compromise = CompromiseKeys {
            registry: Arc::clone(&ports.registry),
            entropy: Arc::clone(&ports.entropy),
            successor: Some(rotate.create),
        };
        compromise.run(&operator, pair).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_left_is_told_of_a_rewrap_that_broke_off_too() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_772_366_400_000)));
        let tap = Arc::new(Tap {
            source: SeededEntropy::new(7),
            is_shut: AtomicBool::new(false),
        });
        let store = Arc::new(MemoryStore::new(clock.clone()));
        let ports = Ports {
            store: store.clone(),
            accounts: store.clone(),
            audit: store.clone(),
            registry: store.clone(),
            vault: Arc::new(MemoryVault::new(store, Arc::new(SeededEntropy::new(8)))),
            blobs: Arc::new(MemoryBlobs::new(clock.clone(), tap.clone())),
            probes: Vec::new(),
            clock,
            entropy: tap.clone(),
        };
        compromise_documents(&ports, 3).await;
        let algorithm = Override::new("keys.algorithm", MemoryVault::ALGORITHM.as_str());
        let loaded = load(None, &std::iter::empty().collect(), &[algorithm]);
        let metrics = RewrapMetrics::default();
        let keys = loaded.unwrap().settings.keys;
        let mut job = KeyRewrap::new(&ports, &keys, metrics.clone()).unwrap();
        let system = call(Caller::system(), &ports);

        // Without it there is no record of a rewrap: that ends all of it, not a document's.
        tap.is_shut.store(true, Ordering::SeqCst);
        job.look(&system).await;
        assert_eq!((metrics.left.get(), metrics.failures.get()), (3, 1));
        assert_eq!(metrics.rewrapped.get(), 0);

        // Once that is over, the next look does it.
        tap.is_shut.store(false, Ordering::SeqCst);
        job.look(&system).await;
        assert_eq!((metrics.left.get(), metrics.rewrapped.get()), (0, 3));
    }
}
