//! The sealed vault, through its public face.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod carry;
mod freshness;
mod laws;
mod master_key;
mod master_keys;
mod private_halves;
mod reseal;
mod support;
