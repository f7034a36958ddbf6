//! `ckc` as it is typed: every test reads like a terminal session, or looks at what one left.

mod errors;
mod old;
mod present;
mod support;
