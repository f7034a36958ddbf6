//! When a new API key is to expire.

use std::time::Duration;

use crypt_keeper_domain::model::Timestamp;

use super::times::{parse_duration, parse_moment};

/// When a new API key is to expire; by default it never does.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Expiry {
    /// Let the key expire after this time: 90d, 12h, 30m, 2w
    #[arg(long, value_name = "TIME", value_parser = parse_duration, conflicts_with = "expires_at")]
    expires_in: Option<Duration>,

    /// Let the key expire at this moment: 2027-01-01, or 2027-01-01T12:00:00Z
    #[arg(long, value_name = "MOMENT", value_parser = parse_moment)]
    expires_at: Option<Timestamp>,
}

impl Expiry {
    /// Whether any was asked for.
    pub(super) fn is_given(&self) -> bool {
        self.expires_in.is_some() || self.expires_at.is_some()
    }

    /// The moment, for a key that is made now.
    pub(super) fn from(&self, now: Timestamp) -> Option<Timestamp> {
        self.expires_at
            .or_else(|| self.expires_in.map(|life| now.plus(life)))
    }
}
