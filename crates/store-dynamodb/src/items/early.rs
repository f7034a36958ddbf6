use crypt_keeper_domain::model::{DocumentId, Timestamp};
use crypt_keeper_domain::ports::StoreError;

use super::document::document_id;
use super::{ITEM, Item, Reader, document_shard, key, shard_name, shard_names};

const EARLY: &str = "early";
/// Collections that the documents of a table that expire early are spread over, in order of the
/// moment.
const EARLY_SHARDS: u8 = 16;

/// The collections that together name every document of a table that expires early.
pub(crate) fn early_shards() -> Vec<String> {
    shard_names(EARLY, EARLY_SHARDS)
}

/// What makes a document found that expires before its partition does; it has no other attribute.
pub(crate) fn early_key(id: DocumentId, end: Timestamp) -> Item {
    let shard = document_shard(id, EARLY_SHARDS);
    key(shard_name(EARLY, shard), early_sort(id, end))
}

/// Its sort key.
pub(crate) fn early_sort(id: DocumentId, end: Timestamp) -> String {
    format!("{}#{id}", moment(end))
}

/// A sort key after those of the documents that have expired at `at`, and before all others.
pub(crate) fn early_until(at: Timestamp) -> String {
    format!("{}~", moment(at))
}

/// Microseconds since 1970, 18 digits as those of the last moment that there is: in their order.
fn moment(at: Timestamp) -> String {
    format!("{:018}", at.as_micros())
}

/// The document that such an item speaks of.
pub(crate) fn early_document(item: &Item) -> Result<DocumentId, StoreError> {
    let reader = Reader::new("what expires early", item);
    let sort = reader.text(ITEM)?;
    let named = sort.split_once('#').map(|(_, id)| document_id(id));
    named.unwrap_or_else(|| Err(reader.corrupt(&format!("`{sort}` names no document"))))
}

#[cfg(test)]
mod tests {
    use crypt_keeper_domain::model::RetentionClass;

    use super::*;

    #[test]
    fn moments_are_in_order_and_the_bound_is_between_them() {
        let moments = [0, 9, 10, 1_772_366_400_000_000, i64::MAX];
        let moments = moments.map(Timestamp::from_micros);
        let id = DocumentId::new(RetentionClass::new(7), Timestamp::EPOCH, [0xff; 10]);
        for pair in moments.windows(2) {
            let (one, next) = (pair[0], pair[1]);
            assert!(early_sort(id, one) < early_until(one));
            assert!(early_until(one) < early_sort(id, next));
        }
        for end in moments {
            assert_eq!(early_document(&early_key(id, end)).unwrap(), id);
        }
        assert!(early_document(&key("early#00", "00")).is_err());
    }
}
