use crypt_keeper_domain::model::{Document, DocumentId, Entry, RetentionClass};
use uuid::Uuid;

use super::{DocumentRow, EntryRow};
use crate::sql_types::SqlUuid;

/// The primary key of a document's row; that of an entry's begins with it.
pub(crate) type Key = (i16, SqlUuid);

/// Where rows of documents and entries lie.
///
/// The copies that legal holds keep lie in the same tables: their class is that of the document and
/// [`HELD`] more. So every statement serves both places, by the key that it is given, and what
/// removes the rows of a partition does not come near a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the partition that the id names.
    Partitions,
    /// Among the copies that legal holds keep.
    Held,
}

/// What is added to the class of a copy: there are that many classes.
const HELD: i16 = 256;

impl Place {
    /// The key of a document: the class, a function of the id and the place, and the id.
    pub(crate) fn key(self, id: DocumentId) -> Key {
        (self.class(id.class()), SqlUuid(id.uuid()))
    }

    /// How rows bear a class.
    pub(crate) fn class(self, class: RetentionClass) -> i16 {
        let class = i16::from(class.number());
        match self {
            Self::Partitions => class,
            Self::Held => class + HELD,
        }
    }

    /// Before the key of every document of the place.
    pub(crate) fn first(self) -> Key {
        match self {
            Self::Partitions => (-1, SqlUuid(Uuid::nil())),
            Self::Held => (HELD - 1, SqlUuid(Uuid::max())),
        }
    }

    /// Behind the key of every document of the place: none has this id.
    pub(crate) fn last(self) -> Key {
        let class = match self {
            Self::Partitions => HELD,
            Self::Held => 2 * HELD,
        };
        (class, SqlUuid(Uuid::nil()))
    }

    /// A document's row.
    pub(crate) fn document(self, document: &Document) -> DocumentRow {
        let (retention_class, id) = self.key(document.id);
        DocumentRow {
            retention_class,
            id,
            ..DocumentRow::from(document)
        }
    }

    /// An entry's row.
    pub(crate) fn entry(self, entry: &Entry) -> EntryRow {
        let (retention_class, document_id) = self.key(entry.document);
        EntryRow {
            retention_class,
            document_id,
            ..EntryRow::from(entry)
        }
    }
}

/// Whether a row's class is that of an id, wherever the row lies.
pub(crate) fn is_of_class(retention_class: i16, id: DocumentId) -> bool {
    [Place::Partitions, Place::Held]
        .iter()
        .any(|place| place.key(id).0 == retention_class)
}

#[cfg(test)]
mod tests {
    use crypt_keeper_domain::model::Timestamp;

    use super::*;

    #[test]
    fn the_places_do_not_overlap() {
        let order = |key: Key| (key.0, key.1.0);
        let of_class = |number| {
            let moments = [Timestamp::EPOCH, Timestamp::MAX];
            moments.map(|at| DocumentId::new(RetentionClass::new(number), at, [0xff; 10]))
        };
        for id in [of_class(0), of_class(7), of_class(254)]
            .into_iter()
            .flatten()
        {
            for place in [Place::Partitions, Place::Held] {
                let key = place.key(id);
                assert!(order(place.first()) < order(key));
                assert!(order(key) < order(place.last()));
                assert!(is_of_class(key.0, id));
                assert!(!is_of_class(key.0 + 1, id));
            }
            assert!(order(Place::Partitions.last()) < order(Place::Held.key(id)));
            assert!(order(Place::Partitions.key(id)) < order(Place::Held.first()));
        }
    }
}
