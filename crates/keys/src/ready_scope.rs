use std::sync::Arc;

use crypt_keeper_domain::model::{Partition, RetentionClass, Scope};
use crypt_keeper_domain::ports::{Clock, Condition, VaultError};

/// The scope whose active pair readiness depends on.
#[derive(Clone, Debug)]
pub enum ReadyScope {
    /// Always the same.
    Of(Scope),
    /// That of the partition of now.
    OfPartition {
        /// The class whose partition it is.
        class: RetentionClass,
        /// What tells which partition is that of now: the time of day, which new ids bear.
        clock: Arc<dyn Clock>,
        /// Whether the service makes the pair when it is first needed: then it is ready without.
        is_made_when_needed: bool,
    },
}

impl Default for ReadyScope {
    /// [`Scope::Shared`].
    fn default() -> Self {
        Self::Of(Scope::Shared)
    }
}

impl ReadyScope {
    /// The scope at this moment.
    #[must_use]
    pub fn now(&self) -> Scope {
        match self {
            Self::Of(scope) => scope.clone(),
            Self::OfPartition { class, clock, .. } => {
                Scope::Partition(Partition::at(*class, clock.now()))
            }
        }
    }

    /// What becomes of a look at the vault where the pair may be made later.
    ///
    /// # Errors
    /// Every other error of `look`.
    pub fn forgive(&self, look: Result<Condition, VaultError>) -> Result<Condition, VaultError> {
        match (look, self) {
            (
                Err(VaultError::NoActivePair(scope)),
                Self::OfPartition {
                    is_made_when_needed: true,
                    ..
                },
            ) => Ok(Condition::Degraded(format!(
                "no active key pair for scope {scope} yet: the first upload makes it"
            ))),
            (look, _) => look,
        }
    }
}

#[cfg(test)]
mod tests {
    use crypt_keeper_domain::memory::ManualClock;
    use crypt_keeper_domain::model::Timestamp;

    use super::*;

    #[test]
    fn the_partition_follows_the_clock_and_may_do_without_a_pair() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_772_366_400_000)));
        let of_day = |is_made_when_needed| ReadyScope::OfPartition {
            class: RetentionClass::new(1),
            clock: clock.clone(),
            is_made_when_needed,
        };
        let none = |scope: &ReadyScope| Err(VaultError::NoActivePair(scope.now()));
        let made = of_day(true);
        assert_eq!(made.now().to_string(), "partition:1:20260301");
        clock.advance(std::time::Duration::from_secs(24 * 3600));
        assert_eq!(made.now().to_string(), "partition:1:20260302");
        let degraded = made.forgive(none(&made)).unwrap();
        assert!(
            matches!(&degraded, Condition::Degraded(message) if message.contains("partition:1:20260302")),
            "{degraded:?}"
        );
        for strict in [of_day(false), ReadyScope::default()] {
            let refused = strict.forgive(none(&strict));
            assert!(
                matches!(refused, Err(VaultError::NoActivePair(scope)) if scope == strict.now())
            );
        }
    }
}
