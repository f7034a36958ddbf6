use crate::model::{DocumentId, Scope, UserId};

/// Which scope a new document belongs to: a pure function of its id, its owner and the policy at
/// its creation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScopePolicy {
    /// All documents share one key pair at a time.
    #[default]
    Shared,
}

impl ScopePolicy {
    /// The scope of a document.
    #[must_use]
    pub fn scope_of(self, _id: DocumentId, _owner: UserId) -> Scope {
        match self {
            Self::Shared => Scope::Shared,
        }
    }
}
