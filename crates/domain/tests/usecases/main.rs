//! What the use cases do, as transcripts, over the in-memory adapters.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests fail as tests do"
)]

mod api_keys;
mod audit;
mod authenticate;
mod bucket_rules;
mod copy;
mod download;
mod faults;
mod house;
mod inspect;
mod key_destruction;
mod key_life;
mod key_pairs;
mod meddling;
mod partitions;
mod retention;
mod retired_algorithm;
mod rewrap;
mod share;
mod upload;
mod users;
