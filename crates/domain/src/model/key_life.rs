//! The steps of a key pair's life. Pure: what must hold besides (no other active pair, no live
//! documents) is for the use cases to see to.

use std::time::Duration;

use super::{KeyPair, KeyState, Timestamp};

impl KeyPair {
    /// How long a scheduled destruction waits unless told otherwise: 30 days.
    pub const DESTROY_WAIT: Duration = Duration::from_secs(30 * 24 * 3600);
    /// The least that it waits: 7 days.
    pub const MIN_DESTROY_WAIT: Duration = Duration::from_secs(7 * 24 * 3600);
    /// How long after a pair has left active service its destruction may be scheduled: by then
    /// every upload that it took part in has ended, or been refused, on every store.
    pub const REST: Duration = Duration::from_secs(24 * 3600);

    /// The pair after it has become `next` at `at`, its dates and version brought along; `None`
    /// if its life does not allow the step. A destruction is scheduled with the usual wait; one
    /// that was scheduled leads back to the former state alone.
    #[must_use]
    pub fn become_state(&self, next: KeyState, at: Timestamp) -> Option<Self> {
        if !self.state.may_become(next) {
            return None;
        }
        let leaves_schedule = self.state == KeyState::DestroyScheduled;
        if leaves_schedule && next != KeyState::Destroyed && self.former_state != Some(next) {
            return None;
        }
        let mut changed = self.clone();
        changed.state = next;
        changed.version += 1;
        if self.state == KeyState::Active {
            changed.deactivated_at = Some(at);
        }
        if leaves_schedule {
            changed.former_state = None;
            changed.destroy_at = None;
        }
        match next {
            KeyState::Active => {
                changed.activated_at.get_or_insert(at);
            }
            KeyState::DestroyScheduled => {
                changed.former_state = Some(self.state);
                changed.destroy_at = Some(at.plus(Self::DESTROY_WAIT));
            }
            KeyState::Destroyed => changed.destroyed_at = Some(at),
            _ => {}
        }
        Some(changed)
    }

    /// The pair after its destruction was scheduled at `at`, to take place after `wait`, which is
    /// held to the least; `None` if its life does not allow it, or not yet.
    #[must_use]
    pub fn schedule_destruction(&self, at: Timestamp, wait: Duration) -> Option<Self> {
        if self.rests_until().is_some_and(|end| at < end) {
            return None;
        }
        let mut changed = self.become_state(KeyState::DestroyScheduled, at)?;
        changed.destroy_at = Some(at.plus(wait.max(Self::MIN_DESTROY_WAIT)));
        Some(changed)
    }

    /// From when on its destruction may be scheduled; `None` if it was never active.
    #[must_use]
    pub fn rests_until(&self) -> Option<Timestamp> {
        self.deactivated_at.map(|left| left.plus(Self::REST))
    }

    /// Whether its scheduled destruction is due at `at`.
    #[must_use]
    pub fn destruction_is_due(&self, at: Timestamp) -> bool {
        self.state == KeyState::DestroyScheduled && self.destroy_at.is_some_and(|due| due <= at)
    }

    /// Whether its destruction has begun: it cannot be cancelled any more.
    #[must_use]
    pub fn destruction_has_begun(&self) -> bool {
        self.state == KeyState::DestroyScheduled && self.former_state.is_none()
    }

    /// The pair after its destruction has begun; `None` unless it is due at `at`. The step comes
    /// before the private half is erased: of whoever erases and whoever cancels, one is refused.
    #[must_use]
    pub fn begin_destruction(&self, at: Timestamp) -> Option<Self> {
        if !self.destruction_is_due(at) {
            return None;
        }
        let mut changed = self.clone();
        changed.former_state = None;
        changed.version += 1;
        Some(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Algorithm, PublicHalf, Scope, Serial};
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn at(days: u32) -> Timestamp {
        Timestamp::from_micros(1_772_366_400_000_001).plus(DAY * days)
    }

    fn pair() -> KeyPair {
        KeyPair {
            serial: Serial::new(7).unwrap(),
            scope: Scope::Shared,
            algorithm: Algorithm::RsaOaep256,
            state: KeyState::PreActive,
            public_half: PublicHalf::new(vec![1]),
            created_at: at(0),
            activated_at: None,
            deactivated_at: None,
            destroy_at: None,
            former_state: None,
            destroyed_at: None,
            version: 1,
        }
    }

    #[test]
    fn a_whole_life_leaves_its_dates() {
        let active = pair().become_state(KeyState::Active, at(1)).unwrap();
        let old = active.become_state(KeyState::Deactivated, at(2)).unwrap();
        let early = at(3).minus(Duration::from_micros(1));
        assert_eq!(old.schedule_destruction(early, KeyPair::DESTROY_WAIT), None);
        let scheduled = old.schedule_destruction(at(3), DAY).unwrap();
        assert_eq!(scheduled.destroy_at, Some(at(10)), "seven days at least");
        assert_eq!(scheduled.former_state, Some(KeyState::Deactivated));
        assert!(!scheduled.destruction_is_due(at(9)));
        assert_eq!(scheduled.begin_destruction(at(9)), None);

        let begun = scheduled.begin_destruction(at(10)).unwrap();
        assert!(begun.destruction_has_begun() && !scheduled.destruction_has_begun());
        assert_eq!(begun.become_state(KeyState::Deactivated, at(10)), None);
        let gone = begun.become_state(KeyState::Destroyed, at(11)).unwrap();
        let tombstone = KeyPair {
            state: KeyState::Destroyed,
            activated_at: Some(at(1)),
            deactivated_at: Some(at(2)),
            destroyed_at: Some(at(11)),
            version: 6,
            ..pair()
        };
        assert_eq!(gone, tombstone);
    }

    #[test]
    fn a_cancelled_destruction_leads_back_to_where_it_came_from() {
        for former in [
            KeyState::Deactivated,
            KeyState::Suspended,
            KeyState::Compromised,
        ] {
            let mut old = pair();
            old.state = former;
            let scheduled = old.become_state(KeyState::DestroyScheduled, at(5)).unwrap();
            assert_eq!(scheduled.destroy_at, Some(at(35)));
            for next in KeyState::ALL {
                let back = scheduled.become_state(*next, at(6));
                let allowed = *next == former || *next == KeyState::Destroyed;
                assert_eq!(back.is_some(), allowed, "{former} -> {next}");
            }
            let back = scheduled.become_state(former, at(6)).unwrap();
            assert_eq!(back, KeyPair { version: 3, ..old });
        }
    }

    #[test]
    fn the_first_activation_and_the_last_leave_are_remembered() {
        let mut pair = pair();
        for (day, next) in [
            (1, KeyState::Active),
            (2, KeyState::Suspended),
            (3, KeyState::Active),
            (4, KeyState::Compromised),
        ] {
            pair = pair.become_state(next, at(day)).unwrap();
        }
        assert_eq!(pair.activated_at, Some(at(1)));
        assert_eq!(pair.deactivated_at, Some(at(4)));
    }
}
