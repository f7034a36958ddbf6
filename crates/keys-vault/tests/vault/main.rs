//! Both vaults, through their public face, over a real OpenBao.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod auth;
mod cache;
mod entries;
mod kubernetes;
mod laws;
mod network;
mod outages;
mod places;
mod policies;
mod secrets;
mod support;
mod transit;
