//! The real `crypt-keeper` process: first start, bad days at start, logs, signals.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod bad_days;
mod first_start;
mod logs;
mod partitions_that_wait;
mod service;
mod signals;
