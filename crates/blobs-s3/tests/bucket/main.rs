//! The blob store in a bucket, on real S3 servers.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod amazon;
mod bad_days;
mod bucket_rules;
mod copying;
mod deleting;
mod hostile_names;
mod laws;
mod outage;
mod presigned;
mod scripted;
mod setting_up;
mod support;
