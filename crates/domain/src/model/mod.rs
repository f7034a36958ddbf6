//! Values of the domain: parsed once at the edge, private fields, wrong ones cannot be built.

mod account;
mod api_key;
mod audit;
mod bucket_difference;
mod bucket_plan;
mod bucket_rules;
mod context;
mod document;
mod document_id;
mod entry;
mod hold;
mod identifier;
mod key_life;
mod key_pair;
mod key_state;
mod master_key_id;
mod metadata;
mod object_key;
mod page;
mod partition;
mod partition_entry;
mod period;
mod retention;
mod timestamp;
mod wrapped_key;

pub use account::{InvalidUserName, User, UserId, UserName, UserState};
pub use api_key::{ApiKey, ApiKeyDigest, ApiKeyId, ApiKeyToken, InvalidApiKey, MAX_LIVE_API_KEYS};
pub use audit::{AuditAction, AuditEntry, AuditId, Event, Record};
pub use bucket_difference::{Concern, Difference, RuleStanding, Standing};
pub use bucket_plan::BucketPlan;
pub use bucket_rules::{
    BucketRule, BucketState, CorsRule, LifecycleRule, ObjectExpiry, PublicAccess, Seen, Versioning,
};
pub use context::{Actor, CallContext, Caller, RequestId, Scopes};
pub use document::{Document, DocumentState, StoredObject};
pub use document_id::{DocumentId, InvalidDocumentId};
pub use entry::{Entry, Principal, PrincipalKind, Rights};
pub use hold::{Hold, HoldReason, InvalidHoldReason};
pub use identifier::UnknownName;
pub use key_pair::{Algorithm, InvalidScope, KeyPair, KeyPairChange, PublicHalf, Scope, Serial};
pub use key_state::KeyState;
pub use master_key_id::MasterKeyId;
pub use metadata::{
    DocumentMetadata, EncryptionFormat, FieldError, MAX_CONTENT_TYPE_CHARACTERS,
    MAX_FORMAT_CHARACTERS, MAX_NAME_BYTES,
};
pub use object_key::{InvalidObjectKey, ObjectKey, ObjectPrefix};
pub use page::{Page, PageLimit, PageRequest};
pub use partition::{InvalidPartition, Partition};
pub use partition_entry::{PartitionEntry, PartitionState};
pub use period::Period;
pub use retention::{
    InvalidLifetime, InvalidRetentionClasses, InvalidRetentionName, Lifetime, RetentionClass,
    RetentionClasses, RetentionName, RetentionPolicy,
};
pub use timestamp::Timestamp;
pub use wrapped_key::{KeyCommitment, WrappedKey};
