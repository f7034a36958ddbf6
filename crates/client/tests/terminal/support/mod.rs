//! A service and an object store in one small process of the test's own, and a shell session that
//! types at the built command. What the real service answers is held by its own tests; this one
//! can also misbehave on demand.

#![allow(dead_code, reason = "each test file uses a part")]

pub(crate) mod http;
mod objects;
pub(crate) mod pty;
pub(crate) mod service;
pub(crate) mod session;

pub(crate) use service::{ALICE_KEY, BOB_KEY, Fault, SIGNATURE, Service};
pub(crate) use session::Session;
