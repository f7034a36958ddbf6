//! Wire types of the HTTP API, shared by the service and its Rust client.
//!
//! Only shapes, paths and names live here: no rule of the domain, no HTTP library. Requests are
//! written by this crate as a client sends them; the service reads them with more patience than a
//! derive gives (see the tables of the v1 contract), so its own parser is with the service.
//!
//! Two things on the wire are secrets and have types that say so: the document key ([`WireKey`])
//! and the presigned URL ([`PresignedUrl`]), which lets whoever holds it read or write an object.

mod presigned_url;
pub mod v1;
mod wire_key;

pub use presigned_url::PresignedUrl;
pub use wire_key::WireKey;
