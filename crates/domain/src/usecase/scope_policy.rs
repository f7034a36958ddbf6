use crate::model::{DocumentId, Scope, UserId};

/// Which scope a new document belongs to: a pure function of its id, its owner and the policy at
/// its creation. It may be changed at any time: documents stay in the scope that they were made in,
/// which is that of their key pair, and are rewrapped within it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScopePolicy {
    /// All documents share one key pair at a time.
    #[default]
    Shared,
    /// Each owner has key pairs of his own, the first made when he first uploads.
    Customer,
}

impl ScopePolicy {
    /// The scope of a document.
    #[must_use]
    pub fn scope_of(self, _id: DocumentId, owner: UserId) -> Scope {
        match self {
            Self::Shared => Scope::Shared,
            Self::Customer => Scope::Customer(owner),
        }
    }
}
