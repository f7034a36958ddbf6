//! Version 1 of the API, row by row of its contract: each test is a transcript of one row or more,
//! over a real server on a real socket, with in-memory stores behind it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod app;
mod auth;
mod download_url;
mod failures;
mod formats;
mod odds;
mod share;
mod transcript;
mod upload_url;
