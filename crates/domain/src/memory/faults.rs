use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crate::ports::{BlobError, StoreError, VaultError};

/// What a faulty adapter answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It cannot be reached.
    Unavailable,
    /// What it holds is corrupt.
    Corrupt,
    /// It fails in another way.
    Backend,
}

/// Makes an in-memory adapter fail on demand, so that tests can see what its users make of it.
/// A call that fails does nothing.
#[derive(Debug)]
pub struct FaultSwitch {
    fault: AtomicU8,
    calls_left: AtomicU64,
}

/// More calls than any test makes.
const NEVER: u64 = u64::MAX;

impl FaultSwitch {
    /// Every call fails from now on.
    pub fn fail(&self, fault: Fault) {
        self.fail_after(0, fault);
    }

    /// The next `calls` calls succeed, and every one after them fails.
    pub fn fail_after(&self, calls: u64, fault: Fault) {
        let fault = match fault {
            Fault::Unavailable => 0,
            Fault::Corrupt => 1,
            Fault::Backend => 2,
        };
        self.fault.store(fault, Ordering::SeqCst);
        self.calls_left.store(calls, Ordering::SeqCst);
    }

    /// No call fails any more.
    pub fn heal(&self) {
        self.calls_left.store(NEVER, Ordering::SeqCst);
    }

    /// Counts a call; the fault it meets.
    pub(super) fn pass(&self) -> Result<(), InducedFault> {
        let spent = self
            .calls_left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
                NEVER => Some(NEVER),
                left => left.checked_sub(1),
            });
        match spent {
            Ok(_) => Ok(()),
            Err(_) => Err(InducedFault(match self.fault.load(Ordering::SeqCst) {
                0 => Fault::Unavailable,
                1 => Fault::Corrupt,
                _ => Fault::Backend,
            })),
        }
    }
}

/// No call fails until it is told to.
impl Default for FaultSwitch {
    fn default() -> Self {
        Self {
            fault: AtomicU8::new(0),
            calls_left: AtomicU64::new(NEVER),
        }
    }
}

/// The source of every error that a [`FaultSwitch`] causes.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a fault that was asked for: {0:?}")]
pub struct InducedFault(Fault);

impl From<InducedFault> for StoreError {
    fn from(induced: InducedFault) -> Self {
        match induced.0 {
            Fault::Unavailable => Self::Unavailable(Box::new(induced)),
            Fault::Corrupt => Self::Corrupt(Box::new(induced)),
            Fault::Backend => Self::Backend(Box::new(induced)),
        }
    }
}

impl From<InducedFault> for VaultError {
    fn from(induced: InducedFault) -> Self {
        Self::from(StoreError::from(induced))
    }
}

impl From<InducedFault> for BlobError {
    fn from(induced: InducedFault) -> Self {
        match induced.0 {
            Fault::Unavailable => Self::Unavailable(Box::new(induced)),
            Fault::Corrupt | Fault::Backend => Self::Backend(Box::new(induced)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_down_and_the_switch_heals() {
        let switch = FaultSwitch::default();
        assert!((0..10).all(|_| switch.pass().is_ok()));
        switch.fail_after(2, Fault::Backend);
        let passed: Vec<bool> = (0..4).map(|_| switch.pass().is_ok()).collect();
        assert_eq!(passed, [true, true, false, false]);
        assert!(matches!(
            switch.pass().map_err(StoreError::from),
            Err(StoreError::Backend(_))
        ));
        switch.heal();
        assert!(switch.pass().is_ok());
    }
}
