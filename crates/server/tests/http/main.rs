//! The service over HTTP: a real server on a real socket, with in-memory stores behind it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod app;
mod blobs;
mod fuzz;
mod health;
mod limits;
mod request_ids;
mod shutdown;
mod tls;
mod transcript;
mod v1;
