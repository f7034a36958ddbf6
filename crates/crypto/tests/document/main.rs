//! The document formats, from outside.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's helpers may fail as its body may"
)]

#[path = "../support/forge.rs"]
mod forge;

mod cbc;
mod hostile;
mod layout;
mod parallel;
mod ranges;
mod refusals;
mod round_trips;
mod streams;
mod vectors;
mod ways;
