use super::identifier::named;
use super::{Lifetime, Partition, Timestamp};

named! {
    /// Where a partition is on its way: it takes one step after the other, each recorded, and never
    /// one back.
    PartitionState("partition state") {
        /// Documents are put into it and read.
        Open = "open",
        /// Its documents are not given to anybody any more, and take no new entries.
        Closed = "closed",
        /// Its objects are being deleted: there is no way back for any of them.
        Emptying = "emptying",
        /// Its objects are gone; its rows are being removed.
        Emptied = "emptied",
        /// Its rows are gone; its key pairs are being seen to.
        Dropped = "dropped",
        /// Its key pairs are scheduled for destruction, or destroyed. The entry stays for ever, so
        /// that nobody makes the partition again.
        Expired = "expired",
    }
}

impl PartitionState {
    /// The state after it; `None` after the last.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        match self {
            Self::Open => Some(Self::Closed),
            Self::Closed => Some(Self::Emptying),
            Self::Emptying => Some(Self::Emptied),
            Self::Emptied => Some(Self::Dropped),
            Self::Dropped => Some(Self::Expired),
            Self::Expired => None,
        }
    }
}

/// A partition as the catalogue has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionEntry {
    /// Which.
    pub partition: Partition,
    /// Where it is on its way.
    pub state: PartitionState,
    /// The longest lifetime that any of its documents may have been given: it is only ever raised.
    pub lifetime: Lifetime,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it was closed; `None` while it is open.
    pub closed_at: Option<Timestamp>,
}

impl PartitionEntry {
    /// When it is to be removed; `None`: not before its lifetime is given a limit, which never
    /// happens by itself.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.partition.expires_at(self.lifetime)
    }

    /// Whether both say the same of one partition; when each was made does not count.
    #[must_use]
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        let Self {
            partition,
            state,
            lifetime,
            made_at: _,
            closed_at,
        } = other;
        self.partition == *partition
            && self.state == *state
            && self.lifetime == *lifetime
            && self.closed_at == *closed_at
    }

    /// Whether all of its documents have expired at `at`, and the grace has passed.
    #[must_use]
    pub fn is_expired(&self, at: Timestamp) -> bool {
        self.expires_at().is_some_and(|end| at >= end)
    }
}
