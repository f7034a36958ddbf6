//! The operator's commands, as transcripts of the real binary: `$` what is typed, then what comes
//! on stdout, `|` what comes on stderr, and the exit code if it is not 0.

// Of the build with every default backend: the transcripts name them all.
#![cfg(all(feature = "sqlite", feature = "postgres", feature = "s3"))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail their test"
)]

mod desk;
mod http;
mod words;

mod beside_a_server;
mod bucket_rules;
mod configuration;
mod doctor;
mod documents_and_audit;
mod expiry;
mod expiry_told;
mod healthcheck;
mod help;
mod keys;
mod master_key;
mod on_postgres_and_s3;
mod setup_and_migrate;
mod users;
