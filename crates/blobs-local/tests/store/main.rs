//! The blob store in a folder, through its public face and behind a real HTTP server.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod hostile_names;
mod http;
mod laws;
mod objects;
mod support;
mod urls;
