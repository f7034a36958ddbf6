//! The job that rotates key pairs by age and carries out destructions that are due. Every instance
//! runs it: of those that meet on a pair, one changes it.

use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::{CallContext, Caller, RequestId};
use crypt_keeper_domain::ports::{Clock, Entropy, EntropyExt as _};
use crypt_keeper_domain::usecase::{
    CountDocuments, CreateKeyPair, DestroyKeys, KeepUpKeys, KeptUp, RotateKeys,
};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use crate::config::Keys;
use crate::error::Chain;
use crate::ports::Ports;

/// How soon after its start an instance looks for the first time, at least and at most.
const FIRST: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));
/// How long it waits until it looks again, at least and at most.
const AGAIN: (Duration, Duration) = (Duration::from_secs(240), Duration::from_secs(360));

/// What the job counts.
#[derive(Clone, Debug, Default)]
pub struct KeyUpkeepMetrics {
    rotations: Counter,
    destructions: Counter,
    failures: Counter,
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
    }
}

/// The job.
#[derive(Debug)]
pub struct KeyUpkeep {
    keep_up: KeepUpKeys,
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
            clock,
            entropy,
            metrics,
        }
    }

    /// Looks again and again, at moments that no two instances share.
    pub async fn run(self) {
        let mut pause = self.between(FIRST);
        loop {
            tokio::time::sleep(pause).await;
            self.look().await;
            pause = self.between(AGAIN);
        }
    }

    async fn look(&self) {
        let done = match self.call() {
            Ok(call) => self.keep_up.run(&call).await,
            Err(error) => Err(error),
        };
        match done {
            Ok(done) => self.tell(&done),
            Err(error) => {
                self.metrics.failures.inc();
                tracing::warn!(
                    error = %Chain(&error),
                    "cannot know whether key pairs are due for rotation or destruction"
                );
            }
        }
    }

    fn tell(&self, done: &KeptUp) {
        for rotation in &done.rotations {
            self.metrics.rotations.inc();
            tracing::info!(
                scope = %rotation.active.scope,
                active = %rotation.active.serial,
                deactivated = rotation.deactivated.as_ref().map(|old| old.serial.get()),
                "rotated a key pair because of its age"
            );
        }
        for step in &done.destroyed {
            self.metrics.destructions.inc();
            tracing::info!(serial = %step.pair.serial, "destroyed a key pair that was due");
        }
        for (serial, error) in &done.failures {
            self.metrics.failures.inc();
            tracing::warn!(
                %serial,
                error = %Chain(error),
                "what is due for a key pair did not work: it is tried again"
            );
        }
    }

    fn call(&self) -> Result<CallContext, Error> {
        Ok(CallContext {
            caller: Caller::system(),
            at: self.clock.now(),
            request_id: RequestId::from_random(self.entropy.bytes()?),
            address: None,
        })
    }

    /// A random length of time; the least one if there is no entropy to be had.
    fn between(&self, (least, most): (Duration, Duration)) -> Duration {
        let random = self.entropy.bytes().map_or(0, u16::from_be_bytes);
        least + (most - least) * u32::from(random) / u32::from(u16::MAX)
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
