use std::fmt;

use uuid::Uuid;

use super::identifier::{named, uuid_v7};
use super::{
    Actor, ApiKeyId, CallContext, DocumentId, MasterKeyId, Partition, Principal, RequestId, Rights,
    Serial, Timestamp, UserId,
};

/// Id of an audit entry, a UUID version 7. It names the act: repeating the act with the same id
/// is harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuditId(Uuid);

impl AuditId {
    /// A new id made at `at`.
    #[must_use]
    pub fn new(at: Timestamp, random: [u8; 10]) -> Self {
        Self(uuid_v7(at, random))
    }

    /// The id that a store holds.
    #[must_use]
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The UUID.
    #[must_use]
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for AuditId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

named! {
    /// What was done.
    AuditAction("audit action") {
        /// A document was registered and its key handed to the uploader.
        DocumentCreated = "document.created",
        /// A document's key and a presigned URL to fetch it were handed out.
        DocumentReleased = "document.released",
        /// Someone was given rights to a document.
        EntryGranted = "entry.granted",
        /// Someone's rights to a document were taken back.
        EntryRevoked = "entry.revoked",
        /// A document's state, expiry or hold was changed.
        DocumentChanged = "document.changed",
        /// A document's key was wrapped under another key pair; the entry's serial is that of the
        /// pair it left.
        DocumentRewrapped = "document.rewrapped",
        /// A document that expired before its partition was removed, with its object.
        DocumentExpired = "document.expired",
        /// A legal hold on a document has begun.
        HoldPlaced = "hold.placed",
        /// The copies that a legal hold keeps are complete.
        HoldCompleted = "hold.completed",
        /// A legal hold was taken off.
        HoldRemoved = "hold.removed",
        /// The documents of a partition are not given to anybody any more.
        PartitionClosed = "partition.closed",
        /// The objects of a partition are about to be deleted.
        PartitionEmptying = "partition.emptying",
        /// The objects of a partition are deleted.
        PartitionEmptied = "partition.emptied",
        /// The rows of a partition are removed.
        PartitionDropped = "partition.dropped",
        /// The key pairs of a partition are destroyed, or scheduled to be.
        PartitionExpired = "partition.expired",
        /// An account was made.
        UserCreated = "user.created",
        /// An account was disabled.
        UserDisabled = "user.disabled",
        /// A disabled account was made usable again.
        UserEnabled = "user.enabled",
        /// The retention class of a user's documents was chosen.
        UserRetentionSet = "user.retention_set",
        /// An API key was made.
        ApiKeyCreated = "api_key.created",
        /// An API key was revoked.
        ApiKeyRevoked = "api_key.revoked",
        /// A key pair was made.
        KeyPairCreated = "key_pair.created",
        /// A key pair became the one that wraps new document keys of its scope.
        KeyPairActivated = "key_pair.activated",
        /// A key pair was stopped for now.
        KeyPairSuspended = "key_pair.suspended",
        /// A suspended key pair was put to use again.
        KeyPairResumed = "key_pair.resumed",
        /// A key pair was declared known to others.
        KeyPairCompromised = "key_pair.compromised",
        /// A key pair's destruction was scheduled.
        DestructionScheduled = "key_pair.destruction_scheduled",
        /// A key pair's scheduled destruction was called off.
        DestructionCancelled = "key_pair.destruction_cancelled",
        /// A key pair's private half is about to be erased: from now on there is no way back.
        DestructionBegun = "key_pair.destruction_begun",
        /// A key pair's private half was erased.
        KeyPairDestroyed = "key_pair.destroyed",
        /// A key pair changed its state in another way: it was rotated out.
        KeyPairChanged = "key_pair.changed",
        /// Another installation was copied into this one, and both were compared.
        InstallationCopied = "installation.copied",
        /// A new master key goes first into the ring: it seals from then on.
        MasterKeyAdded = "master_key.added",
        /// Private halves are about to be sealed under the first master key of the ring.
        ResealingBegun = "master_key.resealing_begun",
        /// Every private half is sealed under the first master key of the ring.
        ResealingDone = "master_key.resealing_done",
        /// A master key that nothing needs any more is taken out of the ring.
        MasterKeyRemoved = "master_key.removed",
    }
}

/// One line of the audit log: flat, typed, never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Names the act.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// What.
    pub action: AuditAction,
    /// By whom.
    pub actor: Actor,
    /// In which request, as logs and answers name it.
    pub request_id: RequestId,
    /// From which network address, where there is one.
    pub address: Option<String>,
    /// On which document.
    pub document: Option<DocumentId>,
    /// On whom: whose entry.
    pub principal: Option<Principal>,
    /// Which rights: granted, revoked or used.
    pub rights: Option<Rights>,
    /// On which user.
    pub user: Option<UserId>,
    /// On which API key.
    pub api_key: Option<ApiKeyId>,
    /// On, or by means of, which key pair.
    pub serial: Option<Serial>,
    /// On which master key.
    pub master_key: Option<MasterKeyId>,
    /// On which partition.
    pub partition: Option<Partition>,
}

impl AuditEntry {
    /// An entry that says who did `action`, when, and in which request; what it was done to is
    /// for the caller to fill in.
    #[must_use]
    pub fn new(context: &CallContext, action: AuditAction, random: [u8; 10]) -> Self {
        Self {
            id: AuditId::new(context.at, random),
            at: context.at,
            action,
            actor: context.caller.actor,
            request_id: context.request_id.clone(),
            address: context.address.clone(),
            document: None,
            principal: None,
            rights: None,
            user: None,
            api_key: None,
            serial: None,
            master_key: None,
            partition: None,
        }
    }
}

/// A notification that must be atomic with an act. There are none yet, so none can be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {}

/// What is written in the same atomic step as an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The line of the audit log.
    pub audit: AuditEntry,
    /// Notifications to deliver.
    pub events: Vec<Event>,
}

impl From<AuditEntry> for Record {
    fn from(audit: AuditEntry) -> Self {
        Self {
            audit,
            events: Vec::new(),
        }
    }
}
