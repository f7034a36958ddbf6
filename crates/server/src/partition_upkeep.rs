//! The job that makes partitions ahead of time, rotates out the key pairs of those whose period has
//! ended, removes expired ones, and sweeps documents that expire before theirs. Every instance may
//! run it: each step is taken by one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::{CallContext, KeyPair, Partition, RetentionClass};
use crypt_keeper_domain::usecase::{
    CountDocuments, DestroyKeys, EnsureKeyPair, ExpirePartitions, ExpiredPartitions,
    KeepUpPartitions, KeptPartitions, RetirePartitionPairs, ScheduleDestruction, ScopePolicy,
    SweepDocuments, UploadLimits, Waiting,
};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::config::Settings;
use crate::error::Chain;
use crate::job_calls::JobCalls;
use crate::key_upkeep::rotate_keys;
use crate::ports::Ports;
use crate::wiring::Stores;

/// How soon after its start an instance looks for the first time, at least and at most.
const FIRST: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));
/// How long it waits until it looks again, at least and at most.
const AGAIN: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(120));
/// How long beyond the life of presigned URLs the objects of a closed partition stay.
const DRAIN_BEYOND_URLS: Duration = Duration::from_secs(60);

/// What the job counts, and what its absence is seen by.
#[derive(Clone, Debug, Default)]
pub struct PartitionMetrics {
    ahead: Family<ClassLabels, Gauge>,
    made: Counter,
    steps: Family<StepLabels, Counter>,
    objects: Counter,
    swept: Counter,
    failures: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassLabels {
    retention_class: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabels {
    to: &'static str,
}

impl PartitionMetrics {
    /// Adds them to a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "partitions_ahead",
            "Partitions that are made after the current one, by number of the retention class; \
             fewer than 2 are too few",
            self.ahead.clone(),
        );
        registry.register(
            "partition_steps",
            "Steps that this process took with expired partitions, by the state they led to",
            self.steps.clone(),
        );
        for (name, help, counter) in [
            (
                "partitions_made",
                "Partitions that this process made ahead of time",
                &self.made,
            ),
            (
                "expired_objects_deleted",
                "Objects that this process deleted because they had expired",
                &self.objects,
            ),
            (
                "documents_swept",
                "Documents that this process removed before their partition",
                &self.swept,
            ),
            (
                "partition_upkeep_failures",
                "What was due for partitions and expired documents, and did not work",
                &self.failures,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
    }

    /// Sets how many partitions are made ahead. Not the job's to say: where none runs, it matters
    /// most.
    pub(crate) fn set_ahead(&self, ahead: &BTreeMap<RetentionClass, usize>) {
        for (class, count) in ahead {
            let labels = ClassLabels {
                retention_class: class.number(),
            };
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            self.ahead.get_or_create(&labels).set(count);
        }
    }
}

/// The job.
#[derive(Debug)]
pub struct PartitionUpkeep {
    keep_up: KeepUpPartitions,
    expire: ExpirePartitions,
    sweep: SweepDocuments,
    calls: JobCalls,
    metrics: PartitionMetrics,
}

impl PartitionUpkeep {
    /// The job over `ports` and `stores`, as `settings` have it.
    #[must_use]
    pub fn new(
        ports: &Ports,
        stores: &Stores,
        settings: &Settings,
        metrics: PartitionMetrics,
    ) -> Self {
        Self {
            keep_up: keep_up_partitions(ports, stores, settings),
            expire: expire_partitions(ports, stores),
            sweep: SweepDocuments {
                sweeps: Arc::clone(&stores.sweeps),
                store: Arc::clone(&ports.store),
                blobs: Arc::clone(&ports.blobs),
                entropy: Arc::clone(&ports.entropy),
            },
            calls: JobCalls {
                clock: Arc::clone(&ports.clock),
                entropy: Arc::clone(&ports.entropy),
            },
            metrics,
        }
    }

    /// Makes what is missing before the first request comes. Whatever does not work now is done by
    /// the job, or by the request that needs it.
    pub async fn prepare(&self) {
        match self.calls.call() {
            Ok(call) => self.make_ahead(&call).await,
            Err(error) => self.failed(&error, "cannot make partitions"),
        }
    }

    /// Looks again and again, at moments that no two instances share.
    pub async fn run(self) {
        let mut pause = self.calls.between(FIRST);
        loop {
            tokio::time::sleep(pause).await;
            pause = self.calls.between(AGAIN);
            let call = match self.calls.call() {
                Ok(call) => call,
                Err(error) => {
                    self.failed(&error, "cannot look after partitions");
                    continue;
                }
            };
            self.make_ahead(&call).await;
            self.retire(&call).await;
            match self.expire.run(&call).await {
                Ok(expired) => self.tell_expired(&expired),
                Err(error) => self.failed(&error, "cannot know which partitions have expired"),
            }
            if self.sweep(&call).await {
                pause = Duration::ZERO;
            }
        }
    }

    async fn make_ahead(&self, call: &CallContext) {
        match self.keep_up.run(call).await {
            Ok(kept) => self.tell_made(&kept),
            Err(error) => self.failed(&error, "cannot know which partitions are there"),
        }
    }

    fn tell_made(&self, kept: &KeptPartitions) {
        for partition in &kept.made {
            self.metrics.made.inc();
            tracing::info!(%partition, "made a partition ahead of time");
        }
        for (partition, error) in &kept.failures {
            self.failed_for(
                *partition,
                error,
                "cannot make a partition: it is tried again",
            );
        }
    }

    async fn retire(&self, call: &CallContext) {
        match self.expire.retire.run(call).await {
            Ok(retired) => {
                for pair in &retired.retired {
                    tracing::info!(
                        scope = %pair.scope,
                        serial = %pair.serial,
                        "rotated out the key pair of a partition whose period has ended"
                    );
                }
                for (serial, error) in &retired.failures {
                    self.metrics.failures.inc();
                    tracing::warn!(
                        %serial,
                        error = %Chain(error),
                        "cannot rotate out the key pair of a partition: it is tried again"
                    );
                }
            }
            Err(error) => self.failed(&error, "cannot know which periods have ended"),
        }
    }

    fn tell_expired(&self, expired: &ExpiredPartitions) {
        for (partition, to) in &expired.steps {
            let labels = StepLabels { to: to.as_str() };
            self.metrics.steps.get_or_create(&labels).inc();
            tracing::info!(%partition, state = %to, "an expired partition took a step");
        }
        self.metrics.objects.inc_by(expired.objects);
        for (partition, waiting) in &expired.waiting {
            let has_moved = expired.steps.iter().any(|(moved, _)| moved == partition);
            tell_waiting(*partition, *waiting, has_moved);
        }
        for (partition, error) in &expired.failures {
            self.failed_for(
                *partition,
                error,
                "cannot remove a partition: it is tried again",
            );
        }
    }

    /// Whether there may be more to sweep.
    async fn sweep(&self, call: &CallContext) -> bool {
        let swept = match self.sweep.run(call).await {
            Ok(swept) => swept,
            Err(error) => {
                self.failed(&error, "cannot know which documents have expired");
                return false;
            }
        };
        self.metrics.swept.inc_by(swept.removed);
        self.metrics.objects.inc_by(swept.objects);
        if swept.removed > 0 {
            let documents = swept.removed;
            tracing::info!(documents, "removed documents that had expired");
        }
        for (document, error) in &swept.failures {
            self.metrics.failures.inc();
            tracing::warn!(
                %document,
                error = %Chain(error),
                "cannot remove a document that has expired: it is tried again"
            );
        }
        swept.more && swept.failures.is_empty()
    }

    fn failed(&self, error: &Error, what: &str) {
        self.metrics.failures.inc();
        tracing::warn!(error = %Chain(error), "{what}");
    }

    fn failed_for(&self, partition: Partition, error: &Error, what: &str) {
        self.metrics.failures.inc();
        tracing::warn!(%partition, error = %Chain(error), "{what}");
    }
}

/// Every time, for what may need an operator; once, when the partition has come so far, for the
/// minutes that each waits for URLs.
fn tell_waiting(partition: Partition, waiting: Waiting, has_moved: bool) {
    const URLS: &str = "an expired partition waits for presigned URLs to expire";
    match waiting {
        Waiting::Hold => tracing::info!(
            %partition,
            "an expired partition waits for a legal hold to be complete: `crypt-keeper hold list` \
             shows it"
        ),
        Waiting::KeyPairUntil(until) => tracing::info!(
            %partition,
            %until,
            "an expired partition waits for a key pair that left active service less than a day ago"
        ),
        Waiting::UrlsUntil(until) if has_moved => tracing::info!(%partition, %until, "{URLS}"),
        Waiting::UrlsUntil(until) => tracing::debug!(%partition, %until, "{URLS}"),
    }
}

/// The use case that makes partitions ahead, and their key pairs where the policy says so.
#[must_use]
pub fn keep_up_partitions(ports: &Ports, stores: &Stores, settings: &Settings) -> KeepUpPartitions {
    let has_pairs = settings.keys.scope == ScopePolicy::Partition;
    KeepUpPartitions {
        partitions: Arc::clone(&stores.partitions),
        retention: settings.retention.clone(),
        first_pair: has_pairs.then(|| EnsureKeyPair {
            rotate: rotate_keys(ports),
            algorithm: settings.keys.algorithm,
        }),
    }
}

/// The use case that removes partitions.
#[must_use]
pub fn expire_partitions(ports: &Ports, stores: &Stores) -> ExpirePartitions {
    let count = CountDocuments {
        store: Arc::clone(&ports.store),
    };
    ExpirePartitions {
        partitions: Arc::clone(&stores.partitions),
        blobs: Arc::clone(&ports.blobs),
        retire: RetirePartitionPairs {
            partitions: Arc::clone(&stores.partitions),
            registry: Arc::clone(&ports.registry),
            entropy: Arc::clone(&ports.entropy),
        },
        schedule: ScheduleDestruction {
            registry: Arc::clone(&ports.registry),
            count: count.clone(),
            entropy: Arc::clone(&ports.entropy),
        },
        destroy: DestroyKeys {
            registry: Arc::clone(&ports.registry),
            vault: Arc::clone(&ports.vault),
            count,
            entropy: Arc::clone(&ports.entropy),
        },
        destroy_wait: KeyPair::DESTROY_WAIT,
        drain: UploadLimits::default().url_life + DRAIN_BEYOND_URLS,
    }
}
