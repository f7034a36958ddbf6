use std::fmt;

use super::{DocumentId, Partition};

/// Where a document's object lies in the object store:
/// `<class number>/<period start, YYYYMMDD>/<document id>/<32 hexadecimal digits>`.
///
/// The client's file name is never part of it. The random tail makes an earlier presigned URL
/// useless for any later object, and keys unguessable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(String);

/// A text that is not an object key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an object key: up to {} characters of a-z, 0-9, `-`, `_` and `/`, no empty part",
    ObjectKey::MAX_LENGTH
)]
pub struct InvalidObjectKey;

impl ObjectKey {
    /// The greatest length in bytes; S3 allows 1,024.
    pub const MAX_LENGTH: usize = 255;

    /// The key of a new document.
    #[must_use]
    pub fn new(id: DocumentId, random: [u8; 16]) -> Self {
        Self(format!(
            "{}/{id}/{:032x}",
            id.partition(),
            u128::from_be_bytes(random)
        ))
    }

    /// Reads a stored key. Only parts of lower-case letters, digits, `-` and `_` between single
    /// slashes are taken, so that no key can leave a folder.
    ///
    /// # Errors
    /// [`InvalidObjectKey`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidObjectKey> {
        let allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        let part = |part: &str| !part.is_empty() && part.bytes().all(allowed);
        if text.len() > Self::MAX_LENGTH || !text.split('/').all(part) {
            return Err(InvalidObjectKey);
        }
        Ok(Self(text.to_owned()))
    }

    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The beginning of many object keys; always ends in `/`, so that `1/2026` never reaches
/// `1/20260301`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectPrefix(String);

impl ObjectPrefix {
    /// All objects of a document, whatever their random tails.
    #[must_use]
    pub fn document(id: DocumentId) -> Self {
        Self(format!("{}/{id}/", id.partition()))
    }

    /// All objects of a partition.
    #[must_use]
    pub fn partition(partition: Partition) -> Self {
        Self(format!("{partition}/"))
    }

    /// A prefix of whole parts: `probe` gives `probe/`.
    ///
    /// # Errors
    /// [`InvalidObjectKey`] if it is not made of the parts an object key has.
    pub fn parse(text: &str) -> Result<Self, InvalidObjectKey> {
        let parts = text.strip_suffix('/').unwrap_or(text);
        ObjectKey::parse(parts).map(|key| Self(format!("{key}/")))
    }

    /// The prefix, with its slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `key` begins with it.
    #[must_use]
    pub fn contains(&self, key: &ObjectKey) -> bool {
        key.as_str().starts_with(&self.0)
    }
}

impl fmt::Display for ObjectPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{RetentionClass, Timestamp};

    #[test]
    fn keys_are_as_frozen() {
        let at = Timestamp::from_millis(1_772_366_400_000);
        let id = DocumentId::new(RetentionClass::DEFAULT, at, [0; 10]);
        let key = ObjectKey::new(id, [0xab; 16]);
        assert_eq!(key.as_str(), format!("0/20260301/{id}/{}", "ab".repeat(16)));
        assert_eq!(ObjectKey::parse(key.as_str()), Ok(key.clone()));
        assert!(ObjectPrefix::document(id).contains(&key));
        assert!(ObjectPrefix::partition(id.partition()).contains(&key));
    }

    #[test]
    fn nothing_that_could_leave_a_folder_is_a_key() {
        for text in [
            "", "/", "a//b", "/a", "a/", "..", "a/../b", "a\\b", "A", "a b", "a\0", "é", ".",
        ] {
            assert_eq!(ObjectKey::parse(text), Err(InvalidObjectKey), "{text:?}");
        }
        assert!(ObjectKey::parse(&"a".repeat(256)).is_err());
    }

    #[test]
    fn a_prefix_ends_in_a_slash_and_spares_its_neighbours() {
        let prefix = ObjectPrefix::parse("0/2026").unwrap();
        assert_eq!(prefix.as_str(), "0/2026/");
        assert!(!prefix.contains(&ObjectKey::parse("0/20260301/x").unwrap()));
        assert!(ObjectPrefix::parse("").is_err());
        assert!(ObjectPrefix::parse("/").is_err());
    }
}
