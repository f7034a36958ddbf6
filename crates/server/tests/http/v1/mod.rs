//! Version 1 of the API, row by row of its contract: each test is a transcript of one row or more.

mod auth;
mod download_url;
mod failures;
mod formats;
mod ingest;
mod odds;
mod share;
mod upload_url;
