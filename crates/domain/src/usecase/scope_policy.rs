use crate::model::{DocumentId, Scope, UserId};

/// Which scope a new document belongs to: a pure function of its id, its owner and the policy at
/// its creation. It may be changed at any time: documents stay in the scope that they were made in,
/// which is that of their key pair, and are rewrapped within it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScopePolicy {
    /// All documents share one key pair at a time.
    #[default]
    Shared,
    /// The documents of a time partition share key pairs that no other document has: the only
    /// policy under which the expiry of a partition leaves nothing that opens its documents.
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
}
