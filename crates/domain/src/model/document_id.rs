use std::cmp::Reverse;
use std::fmt;
use std::time::Duration;

use uuid::Uuid;

use super::identifier::uuid_v7;
use super::{Partition, RetentionClass, Timestamp};

/// Id of a document.
///
/// Ids made here are UUID version 7 (RFC 9562) whose eight bits after the version are the number
/// of the retention class: 48 bits of milliseconds, version, 8 bits of class, 66 random bits. So
/// class, period and partition are pure functions of the id. Version-4 ids, of documents brought
/// over, belong to class [`RetentionClass::IMPORT`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentId(Uuid);

/// A text that is not the id of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDocumentId {
    /// It is no UUID at all.
    #[error("not a UUID: 36 characters such as 0197f6f0-0000-7000-8000-000000000000 are needed")]
    Malformed,
    /// It is a UUID, but of a version that no document has, so no document bears it.
    #[error("no document has this id: document ids are UUIDs of version 7 or 4")]
    ForeignVersion,
}

impl DocumentId {
    /// How far the moment in a new id may lie before the store's clock.
    pub const MAX_BEHIND: Duration = Duration::from_secs(5 * 60);
    /// How far the moment in a new id may lie after the store's clock.
    pub const MAX_AHEAD: Duration = Duration::from_secs(60);

    /// A new id of `class`, made at `at`; 66 of the random bits are used.
    #[must_use]
    pub fn new(class: RetentionClass, at: Timestamp, random: [u8; 10]) -> Self {
        let mut bytes = uuid_v7(at, random).into_bytes();
        let number = class.number();
        bytes[6] = 0x70 | (number >> 4);
        bytes[7] = (number << 4) | (bytes[7] & 0x0f);
        Self(Uuid::from_bytes(bytes))
    }

    /// Takes a UUID of version 7 or 4 in the RFC 9562 variant.
    ///
    /// # Errors
    /// [`InvalidDocumentId::ForeignVersion`] for every other version and variant.
    pub fn from_uuid(uuid: Uuid) -> Result<Self, InvalidDocumentId> {
        match (uuid.get_variant(), uuid.get_version_num()) {
            (uuid::Variant::RFC4122, 4 | 7) => Ok(Self(uuid)),
            _ => Err(InvalidDocumentId::ForeignVersion),
        }
    }

    /// Reads the usual form with dashes, and also upper case, without dashes, or in braces.
    ///
    /// # Errors
    /// [`InvalidDocumentId`] for anything else, saying whether it was a UUID.
    pub fn parse(text: &str) -> Result<Self, InvalidDocumentId> {
        let bare = text
            .strip_prefix('{')
            .and_then(|inner| inner.strip_suffix('}'))
            .unwrap_or(text);
        // `Uuid` itself also reads URNs and half-braced forms; only 32 or 36 characters come here.
        if !matches!(bare.len(), 32 | 36) {
            return Err(InvalidDocumentId::Malformed);
        }
        Uuid::try_parse(bare)
            .map_err(|_| InvalidDocumentId::Malformed)
            .and_then(Self::from_uuid)
    }

    /// The retention class in the id.
    #[must_use]
    pub fn class(self) -> RetentionClass {
        if self.0.get_version_num() != 7 {
            return RetentionClass::IMPORT;
        }
        let bytes = self.0.as_bytes();
        RetentionClass::new((bytes[6] << 4) | (bytes[7] >> 4))
    }

    /// The moment in the id, to the millisecond; `None` for class `import`.
    #[must_use]
    pub fn created_at(self) -> Option<Timestamp> {
        if self.class() == RetentionClass::IMPORT {
            return None;
        }
        let bytes = self.0.as_bytes();
        let mut millis = [0; 8];
        millis[2..].copy_from_slice(&bytes[..6]);
        Some(Timestamp::from_millis(u64::from_be_bytes(millis)))
    }

    /// The partition that the document lives in.
    #[must_use]
    pub fn partition(self) -> Partition {
        Partition::at(self.class(), self.created_at().unwrap_or(Timestamp::EPOCH))
    }

    /// Whether a store whose clock shows `now` may insert this id: from 5 minutes before to
    /// 1 minute after. Class `import` is exempt.
    #[must_use]
    pub fn may_be_inserted_at(self, now: Timestamp) -> bool {
        self.created_at().is_none_or(|made| {
            made >= now.minus(Self::MAX_BEHIND) && made <= now.plus(Self::MAX_AHEAD)
        })
    }

    /// What ids are ordered by where the newest documents come first: ids of version 7, whose first
    /// 48 bits are milliseconds, of whatever classes, from the greatest on; then those of class
    /// `import`, which say nothing of their age, likewise.
    #[must_use]
    pub fn newest_first(self) -> Reverse<(bool, Self)> {
        Reverse((self.class() != RetentionClass::IMPORT, self))
    }

    /// The UUID.
    #[must_use]
    pub fn uuid(self) -> Uuid {
        self.0
    }

    /// Its 16 bytes, as the document format binds them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

/// Lower case with dashes, the canonical form of RFC 9562.
impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DocumentId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = 1_772_366_400_000; // 2026-03-01T12:00:00Z

    #[test]
    fn class_time_and_partition_are_read_from_the_id() {
        for (number, start) in [
            (0, "20260301"),
            (1, "20260301"),
            (63, "20260301"),
            (64, "20260223"),
            (128, "20260301"),
            (254, "20260101"),
        ] {
            let id = DocumentId::new(
                RetentionClass::new(number),
                Timestamp::from_millis(NOON),
                [0xff; 10],
            );
            assert_eq!(id.class().number(), number);
            assert_eq!(id.created_at(), Some(Timestamp::from_millis(NOON)));
            assert_eq!(id.partition().to_string(), format!("{number}/{start}"));
            assert_eq!(id.uuid().get_version_num(), 7);
            assert_eq!(DocumentId::parse(&id.to_string()), Ok(id));
        }
    }

    #[test]
    fn version_4_ids_are_of_the_import_class() {
        let id = DocumentId::parse("9b2f1e4c-5a3d-4e6f-8a1b-2c3d4e5f6a7b").unwrap();
        assert_eq!(id.class(), RetentionClass::IMPORT);
        assert_eq!(id.created_at(), None);
        assert_eq!(id.partition().to_string(), "255/19700101");
        assert!(id.may_be_inserted_at(Timestamp::EPOCH));
    }

    #[test]
    fn old_spellings_are_read_and_others_refused() {
        let id = "0197f6f0-0000-7000-8000-000000000000";
        for text in [
            id.to_uppercase(),
            id.replace('-', ""),
            format!("{{{id}}}"),
            format!("{{{}}}", id.replace('-', "").to_uppercase()),
        ] {
            assert_eq!(DocumentId::parse(&text).unwrap().to_string(), id, "{text}");
        }
        for text in [
            "0197f6f0-0000-1000-8000-000000000000",
            "0197f6f0-0000-7000-0000-000000000000",
            "00000000-0000-0000-0000-000000000000",
        ] {
            assert_eq!(
                DocumentId::parse(text),
                Err(InvalidDocumentId::ForeignVersion),
                "{text}"
            );
        }
        for text in [
            "",
            "x",
            "urn:uuid:0197f6f0-0000-7000-8000-000000000000",
            "{0197f6f0-0000-7000-8000-000000000000",
            "0197f6f0-0000-7000-8000-00000000000g",
        ] {
            assert_eq!(
                DocumentId::parse(text),
                Err(InvalidDocumentId::Malformed),
                "{text}"
            );
        }
    }

    #[test]
    fn the_newest_come_first_whatever_the_class_and_those_without_an_age_last() {
        let made = |class, millis| {
            let at = Timestamp::from_millis(NOON + millis);
            DocumentId::new(RetentionClass::new(class), at, [7; 10])
        };
        let old = DocumentId::parse("00000000-0000-4000-8000-000000000000").unwrap();
        let late = DocumentId::parse("ffffffff-ffff-4fff-bfff-ffffffffffff").unwrap();
        // Of one millisecond, the class decides: it comes next in the id.
        let ordered = [
            made(0, 9),
            made(200, 8),
            made(1, 7),
            made(0, 7),
            made(64, 2),
            made(254, 1),
            made(0, 0),
            late,
            old,
        ];
        assert!(ordered.is_sorted_by_key(|id| id.newest_first()));
        let keys = ordered.map(DocumentId::newest_first);
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn an_id_far_from_the_clock_is_not_inserted() {
        let now = Timestamp::from_millis(NOON);
        let made = |at| DocumentId::new(RetentionClass::DEFAULT, at, [1; 10]);
        assert!(made(now.minus(DocumentId::MAX_BEHIND)).may_be_inserted_at(now));
        assert!(made(now.plus(DocumentId::MAX_AHEAD)).may_be_inserted_at(now));
        let millisecond = Duration::from_millis(1);
        assert!(!made(now.minus(DocumentId::MAX_BEHIND + millisecond)).may_be_inserted_at(now));
        assert!(!made(now.plus(DocumentId::MAX_AHEAD + millisecond)).may_be_inserted_at(now));
    }
}
