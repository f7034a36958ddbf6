use std::time::Duration;

/// What a cache of private halves has done and holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheStats {
    /// Reads begun, in front of requests and in the background.
    pub reads: u64,
    /// Of those, the ones that have not ended yet.
    pub under_way: usize,
    /// Reads that failed.
    pub read_failures: u64,
    /// Of the failed ones, those of private halves that were held all the while.
    pub refresh_failures: u64,
    /// Requests that were served from memory.
    pub hits: u64,
    /// Of those, the ones that were served although it could not be read anew.
    pub stale_hits: u64,
    /// Requests that had to wait for a read, or were refused one.
    pub misses: u64,
    /// How many private halves are held.
    pub entries: usize,
    /// How long ago the oldest of them was read.
    pub oldest: Option<Duration>,
    /// Whether reads are tried at all.
    pub circuit: Circuit,
}

/// The state of a circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Circuit {
    /// All is well: reads are made.
    Closed,
    /// There was no answer many times in a row: none is made for a moment.
    Open,
    /// One tries.
    HalfOpen,
}

impl Circuit {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// For people and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}
