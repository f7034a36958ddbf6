//! What the acts on a key pair's life have in common.

use crate::Error;
use crate::model::{AuditAction, AuditEntry, CallContext, KeyPair, KeyPairChange, Record, Serial};
use crate::ports::{Entropy, EntropyExt, KeyRegistry, RegistryChange};

/// How often an act looks again when somebody else has changed the pair meanwhile.
pub(super) const ATTEMPTS: usize = 4;

/// A key pair after an act that is harmless to repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPairStep {
    /// The pair as it is now.
    pub pair: KeyPair,
    /// Whether the act changed it; `false` if all was so already.
    pub changed: bool,
}

impl KeyPairStep {
    pub(super) fn done(pair: KeyPair) -> Self {
        Self {
            pair,
            changed: true,
        }
    }

    pub(super) fn already(pair: KeyPair) -> Self {
        Self {
            pair,
            changed: false,
        }
    }
}

/// The pair of a serial.
pub(super) async fn find(registry: &dyn KeyRegistry, serial: Serial) -> Result<KeyPair, Error> {
    let pair = registry.find_pair(serial).await?;
    pair.ok_or(Error::NoSuchKeyPair(serial))
}

/// That the pair's life does not allow a step.
pub(super) fn not_allowed(pair: &KeyPair) -> Error {
    Error::KeyPairState {
        serial: pair.serial,
        state: pair.state,
    }
}

/// One pair's part of an act: what it was seen as, what it becomes, and what the log calls that.
pub(super) struct Step<'a> {
    pub(super) seen: &'a KeyPair,
    pub(super) after: &'a KeyPair,
    pub(super) action: AuditAction,
}

/// Takes all of the steps, in their order, or none.
pub(super) async fn take(
    registry: &dyn KeyRegistry,
    entropy: &dyn Entropy,
    context: &CallContext,
    steps: &[Step<'_>],
) -> Result<RegistryChange, Error> {
    let mut changes = Vec::with_capacity(steps.len());
    let mut records = Vec::with_capacity(steps.len());
    for step in steps {
        changes.push(KeyPairChange {
            seen_version: step.seen.version,
            after: step.after.clone(),
        });
        let mut audit = AuditEntry::new(context, step.action, entropy.bytes()?);
        audit.serial = Some(step.after.serial);
        records.push(Record::from(audit));
    }
    Ok(registry.change_pairs(&changes, &records).await?)
}
