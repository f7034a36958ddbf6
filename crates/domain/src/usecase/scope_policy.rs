use crate::model::{DocumentId, Partition, RetentionClass, Scope, Timestamp, UserId};

/// Which scope a new document belongs to: a pure function of its id, its owner and the policy at
/// its creation. It may be changed at any time: documents stay in the scope that they were made in,
/// which is that of their key pair, and are rewrapped within it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScopePolicy {
    /// All documents share one key pair at a time.
    Shared,
    /// The documents of a time partition share key pairs that no other document has: the only
    /// policy under which the expiry of a partition leaves nothing that opens its documents.
    #[default]
    Partition,
    /// Each owner has key pairs of his own, the first made when he first uploads.
    Customer,
}

impl ScopePolicy {
    /// The scope of a document.
    #[must_use]
    pub fn scope_of(self, id: DocumentId, owner: UserId) -> Scope {
        match self {
            Self::Shared => Scope::Shared,
            Self::Partition => Scope::Partition(id.partition()),
            Self::Customer => Scope::Customer(owner),
        }
    }

    /// The scope that a service needs a key pair of, whoever uploads: that of documents of `class`
    /// at `at`, or where each owner has pairs of his own, `shared`.
    #[must_use]
    pub fn common_scope(self, class: RetentionClass, at: Timestamp) -> Scope {
        match self {
            Self::Partition => Scope::Partition(Partition::at(class, at)),
            Self::Shared | Self::Customer => Scope::Shared,
        }
    }
}
