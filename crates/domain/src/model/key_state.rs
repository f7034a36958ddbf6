use super::identifier::named;

named! {
    /// Where a key pair is in its life; names of NIST SP 800-57 part 1, section 7.
    KeyState("key state") {
        /// Made and self-tested; wraps and unwraps nothing yet.
        PreActive = "pre-active",
        /// Wraps and unwraps; at most one per scope and algorithm.
        Active = "active",
        /// Rotated out: unwraps only.
        Deactivated = "deactivated",
        /// Stopped for now: neither wraps nor unwraps.
        Suspended = "suspended",
        /// Believed known to others: unwraps for rewrapping only.
        Compromised = "compromised",
        /// Waiting to be destroyed: neither wraps nor unwraps.
        DestroyScheduled = "destroy-scheduled",
        /// Its private half is erased.
        Destroyed = "destroyed",
    }
}

impl KeyState {
    /// Whether it may wrap document keys.
    #[must_use]
    pub fn may_wrap(self) -> bool {
        self == Self::Active
    }

    /// Whether it may unwrap a document key that is to be handed out.
    #[must_use]
    pub fn may_release(self) -> bool {
        matches!(self, Self::Active | Self::Deactivated)
    }

    /// Whether it may unwrap a document key that is to be wrapped anew.
    #[must_use]
    pub fn may_rewrap(self) -> bool {
        matches!(self, Self::Active | Self::Deactivated | Self::Compromised)
    }

    /// Whether the life of a key pair allows this step. What must hold besides (no other active
    /// pair, no live documents, the waiting time) is for the act to check.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        use KeyState::{
            Active, Compromised, Deactivated, DestroyScheduled, Destroyed, PreActive, Suspended,
        };
        match self {
            PreActive => matches!(next, Active | Destroyed | Compromised),
            Active => matches!(next, Deactivated | Suspended | Compromised),
            Deactivated => matches!(next, DestroyScheduled | Suspended | Compromised),
            Suspended => matches!(next, Active | Deactivated | Compromised | DestroyScheduled),
            Compromised => next == DestroyScheduled,
            DestroyScheduled => matches!(next, Deactivated | Suspended | Compromised | Destroyed),
            Destroyed => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_steps_of_the_table_are_allowed() {
        use KeyState as S;
        let table = [
            (S::PreActive, vec![S::Active, S::Destroyed, S::Compromised]),
            (
                S::Active,
                vec![S::Deactivated, S::Suspended, S::Compromised],
            ),
            (
                S::Deactivated,
                vec![S::DestroyScheduled, S::Suspended, S::Compromised],
            ),
            (
                S::Suspended,
                vec![
                    S::Active,
                    S::Deactivated,
                    S::Compromised,
                    S::DestroyScheduled,
                ],
            ),
            (S::Compromised, vec![S::DestroyScheduled]),
            (
                S::DestroyScheduled,
                vec![S::Deactivated, S::Suspended, S::Compromised, S::Destroyed],
            ),
            (S::Destroyed, vec![]),
        ];
        for (from, allowed) in table {
            for to in S::ALL {
                assert_eq!(from.may_become(*to), allowed.contains(to), "{from} -> {to}");
            }
        }
    }
}
