use std::fmt;

use uuid::Uuid;

use super::identifier::{named, uuid_v7};
use super::{RetentionClass, Timestamp};

/// Id of a user's account, a UUID version 7. Documents, entries and the audit log refer to it,
/// never to the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(Uuid);

impl UserId {
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

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

/// The name a user signs in with: 1 to 128 bytes of UTF-8, no `:` (it separates name and key in
/// the `Authorization` header) and no control characters. Letter case matters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(String);

/// Why a text is no user name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUserName {
    /// It has no characters.
    #[error("a user name needs at least one character")]
    Empty,
    /// It is longer than 128 bytes.
    #[error(
        "a user name has at most {} bytes, this one has {length}",
        UserName::MAX_BYTES
    )]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// It has a colon, or a control character.
    #[error("a user name has no `:` and no control characters")]
    Character,
}

impl UserName {
    /// The greatest length in bytes.
    pub const MAX_BYTES: usize = 128;

    /// Takes a name as it is; nothing is trimmed or folded.
    ///
    /// # Errors
    /// [`InvalidUserName`] says which rule is broken.
    pub fn parse(name: &str) -> Result<Self, InvalidUserName> {
        if name.is_empty() {
            return Err(InvalidUserName::Empty);
        }
        if name.len() > Self::MAX_BYTES {
            return Err(InvalidUserName::TooLong { length: name.len() });
        }
        if name.chars().any(|c| c == ':' || c.is_control()) {
            return Err(InvalidUserName::Character);
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

named! {
    /// Whether an account may be used.
    UserState("user state") {
        /// It may sign in and be shared with.
        Active = "active",
        /// It is refused everywhere; what it owns stays.
        Disabled = "disabled",
    }
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its id, for ever.
    pub id: UserId,
    /// Its name, unique.
    pub name: UserName,
    /// Whether it may be used.
    pub state: UserState,
    /// When it was made.
    pub created_at: Timestamp,
    /// The retention class of documents for which he chooses none; `None`: the configured default.
    pub retention: Option<RetentionClass>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_as_they_are_or_refused() {
        for name in ["alice", "Alice", "a b", "élodie", "客", &"x".repeat(128)] {
            assert_eq!(UserName::parse(name).unwrap().as_str(), name);
        }
        assert_eq!(UserName::parse(""), Err(InvalidUserName::Empty));
        let long = "é".repeat(65);
        assert_eq!(
            UserName::parse(&long),
            Err(InvalidUserName::TooLong { length: 130 })
        );
        for name in ["a:b", "a\nb", "a\0", "\u{7f}", "\u{85}"] {
            assert_eq!(
                UserName::parse(name),
                Err(InvalidUserName::Character),
                "{name:?}"
            );
        }
    }
}
