//! What the service does, one verb a file: a struct that holds the ports it needs, and one method
//! `run` whose first argument is the [`CallContext`](crate::model::CallContext).

mod administer_api_keys;
mod administer_users;
mod authenticate;
mod create_key_pair;
mod inspect_documents;
mod list_shares;
mod read_audit;
mod request_download;
mod request_upload;
mod rotate_keys;
mod scope_policy;
mod share;

pub use administer_api_keys::{AdministerApiKeys, NewApiKey};
pub use administer_users::AdministerUsers;
pub use authenticate::Authenticate;
pub use create_key_pair::CreateKeyPair;
pub use inspect_documents::{DocumentDetails, InspectDocuments};
pub use list_shares::ListShares;
pub use read_audit::{AuditQuery, ReadAudit};
pub use request_download::{DownloadGrant, RequestDownload};
pub use request_upload::{RequestUpload, UploadGrant, UploadLimits};
pub use rotate_keys::{RotateKeys, Rotation};
pub use scope_policy::ScopePolicy;
pub use share::Share;

use crate::Error;
use crate::model::{CallContext, Scopes};

/// Refuses callers whose credentials are not good for `needed`.
fn require(context: &CallContext, needed: Scopes) -> Result<(), Error> {
    if context.caller.scopes.contains(needed) {
        Ok(())
    } else {
        Err(Error::Forbidden)
    }
}
