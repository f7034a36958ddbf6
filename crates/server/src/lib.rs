//! The Crypt-Keeper service: configuration, wiring, commands, and the domain over HTTP.
//!
//! Everything here is for the binary `crypt-keeper` and its tests; other services embed
//! `crypt-keeper-domain`.

pub mod clock;
pub mod commands;
pub mod config;
pub mod data_dir;
pub mod entropy;
pub mod error;
pub mod first_start;
pub mod hardening;
pub mod http;
mod job_calls;
mod key_rewrap;
pub mod key_upkeep;
pub mod logging;
pub mod partition_probe;
pub mod partition_upkeep;
pub mod ports;
mod welcome;
pub mod wiring;
