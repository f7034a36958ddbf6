//! The store on a real DynamoDB Local: the laws of its ports, its tables, its bad days.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail their test"
)]

mod bad_days;
mod clocks;
mod destruction;
mod expiry;
mod holds;
mod laws;
mod lists;
mod partitions;
mod support;
mod sweeps;
mod tables;
mod units;
mod unreadable;
