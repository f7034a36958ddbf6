//! The job that rotates key pairs by age, carries out destructions that are due, and rewraps
//! documents out of compromised pairs. Every instance runs it: of those that meet on a pair, one
//! changes it.

use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::ports::{Clock, Entropy};
use crypt_keeper_domain::usecase::{
    CountDocuments, CreateKeyPair, DestroyKeys, KeepUpKeys, KeptUp, RotateKeys,
};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use crate::config::Keys;
use crate::error::Chain;
use crate::job_calls::JobCalls;
use crate::key_rewrap::{KeyRewrap, RewrapMetrics};
use crate::ports::Ports;

/// How soon after its start an instance looks for the first time, at least and at most.
const FIRST: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));
/// How long it waits until it looks again, at least and at most.
const AGAIN: (Duration, Duration) = (Duration::from_secs(240), Duration::from_secs(360));
/// The same of compromised pairs, whose documents nobody can read until they are rewrapped.
const AGAIN_COMPROMISED: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(30));

/// What the job counts.
#[derive(Clone, Debug, Default)]
pub struct KeyUpkeepMetrics {
    rotations: Counter,
    destructions: Counter,
    failures: Counter,
    rewrap: RewrapMetrics,
}

impl KeyUpkeepMetrics {
    /// Adds them to a registry.
    pub fn register(&self, registry: &mut Registry) {
        for (name, help, counter) in [
            (
                "key_rotations",
                "Key pairs that this process replaced because of their age",
                &self.rotations,
            ),
            (
                "key_destructions",
                "Key pairs that this process destroyed because it was due",
                &self.destructions,
            ),
            (
                "key_upkeep_failures",
                "Rotations and destructions that were due and did not work",
                &self.failures,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
        self.rewrap.register(registry);
    }
}

/// The job.
#[derive(Debug)]
pub struct KeyUpkeep {
    keep_up: KeepUpKeys,
    /// `None`: somebody does it by command.
    rewrap: Option<KeyRewrap>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    metrics: KeyUpkeepMetrics,
}

impl KeyUpkeep {
    /// The job over `ports`, as `keys` has it.
    #[must_use]
    pub fn new(ports: &Ports, keys: &Keys, metrics: KeyUpkeepMetrics) -> Self {
        let (clock, entropy) = (Arc::clone(&ports.clock), Arc::clone(&ports.entropy));
        Self {
            keep_up: KeepUpKeys {
                rotate: rotate_keys(ports),
                destroy: DestroyKeys {
                    registry: Arc::clone(&ports.registry),
                    vault: Arc::clone(&ports.vault),
                    count: CountDocuments {
                        store: Arc::clone(&ports.store),
                    },
                    entropy: Arc::clone(&ports.entropy),
                },
                algorithm: keys.algorithm,
                rotate_after: keys.rotate_after,
            },
            rewrap: KeyRewrap::new(ports, keys, metrics.rewrap.clone()),
            clock,
            entropy,
            metrics,
        }
    }

    /// Looks again and again, at moments that no two instances share. A rewrap may take hours, in
    /// which pairs are rotated and destroyed all the same.
    pub async fn run(self) {
        let Self {
            keep_up,
            rewrap,
            clock,
            entropy,
            metrics,
        } = self;
        let calls = JobCalls { clock, entropy };
        let rewrapping = async {
            if let Some(rewrap) = rewrap {
                rewrap_again_and_again(rewrap, &calls, &metrics).await;
            }
        };
        tokio::join!(
            keep_up_again_and_again(&keep_up, &calls, &metrics),
            rewrapping
        );
    }
}

async fn keep_up_again_and_again(
    keep_up: &KeepUpKeys,
    calls: &JobCalls,
    metrics: &KeyUpkeepMetrics,
) {
    let mut pause = calls.between(FIRST);
    loop {
        tokio::time::sleep(pause).await;
        let done = match calls.call() {
            Ok(call) => keep_up.run(&call).await,
            Err(error) => Err(error),
        };
        match done {
            Ok(done) => tell(&done, metrics),
            Err(error) => {
                metrics.failures.inc();
                tracing::warn!(
                    error = %Chain(&error),
                    "cannot know whether key pairs are due for rotation or destruction"
                );
            }
        }
        pause = calls.between(AGAIN);
    }
}

async fn rewrap_again_and_again(
    mut rewrap: KeyRewrap,
    calls: &JobCalls,
    metrics: &KeyUpkeepMetrics,
) {
    let mut pause = calls.between(FIRST);
    loop {
        tokio::time::sleep(pause).await;
        match calls.call() {
            Ok(call) => rewrap.look(&call).await,
            Err(error) => {
                metrics.failures.inc();
                tracing::warn!(error = %Chain(&error), "cannot look for compromised key pairs");
            }
        }
        pause = calls.between(AGAIN_COMPROMISED);
    }
}

fn tell(done: &KeptUp, metrics: &KeyUpkeepMetrics) {
    for rotation in &done.rotations {
        metrics.rotations.inc();
        tracing::info!(
            scope = %rotation.active.scope,
            active = %rotation.active.serial,
            deactivated = rotation.deactivated.as_ref().map(|old| old.serial.get()),
            "rotated a key pair because of its age"
        );
    }
    for pair in &done.retired {
        tracing::info!(
            scope = %pair.scope,
            deactivated = %pair.serial,
            algorithm = %pair.algorithm,
            "rotated out a key pair of an algorithm that is not configured any more"
        );
    }
    for step in &done.destroyed {
        metrics.destructions.inc();
        tracing::info!(serial = %step.pair.serial, "destroyed a key pair that was due");
    }
    for (serial, error) in &done.failures {
        metrics.failures.inc();
        tracing::warn!(
            %serial,
            error = %Chain(error),
            "what is due for a key pair did not work: it is tried again"
        );
    }
}

/// The use case that makes and activates key pairs.
#[must_use]
pub fn rotate_keys(ports: &Ports) -> RotateKeys {
    RotateKeys {
        create: CreateKeyPair {
            registry: Arc::clone(&ports.registry),
            vault: Arc::clone(&ports.vault),
            entropy: Arc::clone(&ports.entropy),
        },
    }
}
