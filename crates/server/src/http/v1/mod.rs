//! Version 1 of the API: the contract of the first server, held to the letter, because its
//! clients are in the field. docs/api.md says where it deviates; each row of the contract
//! is a test in tests/http/v1.
//!
//! Order of checks: method (405), authentication (401), body (400), rights (401).

mod answers;
mod auth;
mod download_url;
mod errors;
mod format;
mod json;
mod paths;
mod share;
mod upload_request;
mod upload_url;
mod xml;

pub(super) use errors::RETRY_AFTER;
pub(super) use paths::configure;
