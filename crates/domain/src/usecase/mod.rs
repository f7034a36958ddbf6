//! What the service does, one verb a file: a struct that holds the ports it needs, and one method
//! `run` whose first argument is the [`CallContext`].

mod administer_api_keys;
mod administer_users;
mod authenticate;
mod cancel_destruction;
mod compromise_keys;
mod copy_accounts;
mod copy_canonical;
mod copy_documents;
mod copy_holds;
mod copy_kinds;
mod copy_log;
mod copy_merge;
mod copy_pairs;
mod copy_partitions;
mod copy_report;
mod copy_store;
mod count_documents;
mod create_key_pair;
mod destroy_keys;
mod ensure_key_pair;
mod expire_partitions;
mod inspect_documents;
mod keep_up_keys;
mod keep_up_partitions;
mod key_steps;
mod list_shares;
mod mark_exposed;
mod place_hold;
mod read_audit;
mod record_master_key;
mod remove_hold;
mod request_download;
mod request_upload;
mod resume_keys;
mod retire_keys;
mod retire_partition_pairs;
mod rewrap_documents;
mod rewrap_watch;
mod rotate_keys;
mod schedule_destruction;
mod scope_policy;
mod set_bucket_rules;
mod share;
mod stop_keys;
mod suspend_keys;
mod sweep_documents;

pub use administer_api_keys::{AdministerApiKeys, NewApiKey};
pub use administer_users::{AdministerUsers, NewUser};
pub use authenticate::Authenticate;
pub use cancel_destruction::CancelDestruction;
pub use compromise_keys::CompromiseKeys;
pub use copy_kinds::{CopiedHolds, CopiedKeys, CopySide, RewrappedKeys};
pub use copy_report::{
    Compared, Copied, CopiedKind, CopyProgress, CopyWatch, NotCopied, RowsDigest,
};
pub use copy_store::CopyStore;
pub use count_documents::CountDocuments;
pub use create_key_pair::CreateKeyPair;
pub use destroy_keys::DestroyKeys;
pub use ensure_key_pair::EnsureKeyPair;
pub use expire_partitions::{ExpirePartitions, ExpiredPartitions, Waiting};
pub use inspect_documents::{DocumentDetails, Exposed, InspectDocuments, Which};
pub use keep_up_keys::{KeepUpKeys, KeptUp};
pub use keep_up_partitions::{KeepUpPartitions, KeptPartitions};
pub use key_steps::KeyPairStep;
pub use list_shares::ListShares;
pub use mark_exposed::MarkExposed;
pub use place_hold::{PlaceHold, PlacedHold};
pub use read_audit::{AuditQuery, ReadAudit};
pub use record_master_key::RecordMasterKey;
pub use remove_hold::{RemoveHold, RemovedHold};
pub use request_download::{DownloadGrant, RequestDownload};
pub use request_upload::{RequestUpload, UploadGrant, UploadLimits, UploadRequest};
pub use resume_keys::{ResumeKeys, Resumed};
pub use retire_keys::RetireKeys;
pub use retire_partition_pairs::{RetirePartitionPairs, RetiredPairs};
pub use rewrap_documents::RewrapDocuments;
pub use rewrap_watch::{RewrapCounts, RewrapPace, RewrapProgress, RewrapWatch, Rewrapped};
pub use rotate_keys::{RotateKeys, Rotation};
pub use schedule_destruction::ScheduleDestruction;
pub use scope_policy::ScopePolicy;
pub use set_bucket_rules::{RuleOutcome, SetBucketRules};
pub use share::Share;
pub use stop_keys::Stopped;
pub use suspend_keys::SuspendKeys;
pub use sweep_documents::{SweepDocuments, Swept};

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
