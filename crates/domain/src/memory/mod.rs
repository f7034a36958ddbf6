//! In-memory adapters of every port, a clock that is set by hand, and seeded entropy: the fakes of
//! everyone's tests. They pass the same conformance suite as the real adapters.

mod clock;
mod entropy;

pub use clock::ManualClock;
pub use entropy::SeededEntropy;
