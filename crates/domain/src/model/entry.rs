use std::fmt;

use uuid::Uuid;

use super::identifier::named;
use super::{DocumentId, Timestamp, UserId};

named! {
    /// The kinds of principals.
    PrincipalKind("kind of principal") {
        /// An account.
        User = "user",
    }
}

/// Whom an entry speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Principal {
    /// An account.
    User(UserId),
}

impl Principal {
    /// From what a store holds.
    #[must_use]
    pub fn new(kind: PrincipalKind, id: Uuid) -> Self {
        match kind {
            PrincipalKind::User => Self::User(UserId::from_uuid(id)),
        }
    }

    /// Its kind.
    #[must_use]
    pub fn kind(self) -> PrincipalKind {
        match self {
            Self::User(_) => PrincipalKind::User,
        }
    }

    /// Its id within its kind.
    #[must_use]
    pub fn id(self) -> Uuid {
        match self {
            Self::User(id) => id.uuid(),
        }
    }
}

/// A set of rights to one document, a bit mask as it is stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rights(u8);

impl Rights {
    /// No right at all.
    pub const NONE: Self = Self(0);
    /// See name, size and people.
    pub const READ_METADATA: Self = Self(1);
    /// Fetch the document and its key.
    pub const READ: Self = Self(2);
    /// Say that the upload is complete.
    pub const COMPLETE: Self = Self(4);
    /// Give others rights that one has oneself.
    pub const SHARE: Self = Self(8);
    /// See and change every entry.
    pub const ADMINISTER: Self = Self(16);
    /// Delete the document.
    pub const DELETE: Self = Self(32);
    /// All of them: the owner's.
    pub const OWNER: Self = Self(63);
    /// What a share of API v1 gives: read metadata, read.
    pub const V1_SHARE: Self = Self(3);

    /// From a stored mask; `None` if it has a bit that means nothing.
    #[must_use]
    pub fn from_mask(mask: u8) -> Option<Self> {
        (mask & !Self::OWNER.0 == 0).then_some(Self(mask))
    }

    /// The mask, 0 to 63.
    #[must_use]
    pub fn mask(self) -> u8 {
        self.0
    }

    /// Whether every right of `needed` is among these.
    #[must_use]
    pub fn contains(self, needed: Self) -> bool {
        self.0 & needed.0 == needed.0
    }

    /// These and those.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rights({self})")
    }
}

/// The names of the rights, joined by `+`; `none` for none.
impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [(Rights, &str); 6] = [
            (Rights::READ_METADATA, "read-metadata"),
            (Rights::READ, "read"),
            (Rights::COMPLETE, "complete"),
            (Rights::SHARE, "share"),
            (Rights::ADMINISTER, "administer"),
            (Rights::DELETE, "delete"),
        ];
        let mut first = true;
        for (_, name) in NAMES.iter().filter(|(right, _)| self.contains(*right)) {
            f.write_str(if first { "" } else { "+" })?;
            f.write_str(name)?;
            first = false;
        }
        if first { f.write_str("none") } else { Ok(()) }
    }
}

/// One line of a document's access list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The document.
    pub document: DocumentId,
    /// Who has the rights.
    pub principal: Principal,
    /// Which.
    pub rights: Rights,
    /// Who gave them.
    pub granted_by: UserId,
    /// When.
    pub granted_at: Timestamp,
    /// From when on the entry gives nothing; `None`: never.
    pub expires_at: Option<Timestamp>,
}

impl Entry {
    /// Whether it still gives rights at `at`.
    #[must_use]
    pub fn is_live(&self, at: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| at < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_as_frozen() {
        assert_eq!(Rights::OWNER.mask(), 63);
        assert_eq!(Rights::V1_SHARE, Rights::READ_METADATA.union(Rights::READ));
        assert_eq!(Rights::from_mask(64), None);
        assert_eq!(Rights::V1_SHARE.to_string(), "read-metadata+read");
        assert_eq!(Rights::NONE.to_string(), "none");
        assert!(Rights::OWNER.contains(Rights::DELETE));
        assert!(!Rights::V1_SHARE.contains(Rights::SHARE));
    }
}
