//! Reads that go over partitions pass by one whose tables are lost without a word: what they have gone
//! over is held against the catalogue, and refused if anything of it is out of reach.

use crypt_keeper_domain::model::{DocumentId, Partition, RetentionClass};
use diesel::QueryResult;
use diesel_async::{AnsiTransactionManager, SimpleAsyncConnection as _, TransactionManager as _};
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::super::Conn;
use super::super::queries::partitions as catalogue;
use super::lost;
use crate::error::Failure;
use crate::rows::{Key, Place, partition_key};

/// Reads tables and catalogue as they are at one moment, which no table leaves meanwhile: where it
/// decides what may be destroyed, or what there is to copy.
pub(in super::super) async fn at_one_moment<T, F>(conn: &mut Conn, read: F) -> Result<T, Failure>
where
    F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, Failure>>,
{
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    AnsiTransactionManager::begin_transaction_sql(conn, begin).await?;
    // The moment is that of the first statement behind: what is attached then stays so.
    let seen = match keep_attached(conn).await {
        Ok(()) => read(conn).await,
        Err(error) => Err(error.into()),
    };
    match seen {
        Ok(seen) => {
            AnsiTransactionManager::commit_transaction(conn).await?;
            Ok(seen)
        }
        Err(failure) => {
            // If that fails too, the connection is broken, and found to be so.
            let _ = AnsiTransactionManager::rollback_transaction(conn).await;
            Err(failure)
        }
    }
}

/// Until the end of the transaction no table is detached or dropped. One that is detached
/// concurrently may begin to leave, and is seen to.
pub(in super::super) async fn keep_attached(conn: &mut Conn) -> QueryResult<()> {
    conn.batch_execute("LOCK TABLE documents, entries IN ACCESS SHARE MODE")
        .await
}

/// Refuses what went over the rows behind one key, up to another, if a partition of theirs is lost.
pub(in super::super) async fn must_be_whole(
    conn: &mut Conn,
    after: Key,
    end: Key,
) -> Result<(), Failure> {
    // The copies that legal holds keep are in no partition, and have tables of their own.
    if order(after) >= order(Place::Held.first()) {
        return lost::copies_must_be_whole(conn).await;
    }
    refuse(conn, |partition| is_between(after, end, partition)).await
}

/// Refuses what went over documents from the newest on, behind one and up to another, if a partition
/// of theirs is lost.
pub(in super::super) async fn must_be_whole_newest_first(
    conn: &mut Conn,
    place: Place,
    after: Option<DocumentId>,
    last: Option<DocumentId>,
) -> Result<(), Failure> {
    match place {
        Place::Partitions => refuse(conn, |partition| is_among(after, last, partition)).await,
        Place::Held => lost::copies_must_be_whole(conn).await,
    }
}

async fn refuse(
    conn: &mut Conn,
    was_read: impl Fn(Partition) -> bool + Send,
) -> Result<(), Failure> {
    let lost = lost::all(conn).await?;
    match lost.into_iter().find(|partition| was_read(*partition)) {
        Some(lost) => Err(lost::error(lost).into()),
        None => Ok(()),
    }
}

fn order(key: Key) -> (i16, Uuid) {
    (key.0, key.1.0)
}

fn is_between(after: Key, end: Key, partition: Partition) -> bool {
    let (class, (first, behind)) = (partition_key(partition).0, catalogue::ids(partition));
    order(after) < order((class, behind)) && order((class, first)) <= order(end)
}

/// Those of class `import` come last: their ids tell no time.
fn is_among(after: Option<DocumentId>, last: Option<DocumentId>, partition: Partition) -> bool {
    let is_import = |id: &DocumentId| id.class() == RetentionClass::IMPORT;
    let reached_import = last.as_ref().is_none_or(is_import);
    let Some((first, behind)) = partition.id_range() else {
        return reached_import;
    };
    let begins_before = after.is_none_or(|after| !is_import(&after) && first < after.uuid());
    begins_before && (reached_import || last.is_none_or(|last| last.uuid() < behind))
}

#[cfg(test)]
mod tests {
    use crypt_keeper_domain::model::Timestamp;

    use super::*;

    fn partition(text: &str) -> Partition {
        text.parse().unwrap()
    }

    /// An id of the middle of a partition.
    fn within(text: &str) -> DocumentId {
        let at = partition(text).starts_at();
        let later = Timestamp::from_millis(at.as_millis() + 1_000);
        DocumentId::new(partition(text).class(), later, [7; 10])
    }

    #[test]
    fn a_walk_goes_over_the_partitions_from_its_beginning_to_its_end() {
        let (first, last) = (Place::Partitions.first(), Place::Partitions.last());
        let key = |text| Place::Partitions.key(within(text));
        for text in ["0/20260301", "7/20260301", "255/19700101"] {
            assert!(is_between(first, last, partition(text)), "{text}");
            // It may have looked at any part of a partition that it ended or began in.
            assert!(is_between(first, key(text), partition(text)), "{text}");
            assert!(is_between(key(text), last, partition(text)), "{text}");
        }
        let march = partition("0/20260301");
        assert!(!is_between(first, key("0/20260201"), march));
        assert!(!is_between(key("0/20260401"), last, march));
        assert!(!is_between(key("7/20260201"), last, march));
        assert!(!is_between(
            first,
            key("0/20260401"),
            partition("7/20260301")
        ));
        assert!(is_between(key("0/20260201"), key("0/20260401"), march));
    }

    #[test]
    fn a_list_of_the_newest_goes_over_the_partitions_from_the_latest_on() {
        let march = partition("0/20260301");
        let import = partition("255/19700101");
        let imported = Uuid::from_u128(0x3a9c_2f1e_5b7d_4e8a_9c1b_2d3e_4f5a_6b7c);
        let imported = DocumentId::from_uuid(imported).unwrap();
        assert_eq!(imported.class(), RetentionClass::IMPORT);
        assert!(is_among(None, None, march) && is_among(None, None, import));
        let (later, same, earlier) = (
            Some(within("7/20260420")),
            Some(within("0/20260301")),
            Some(within("7/20260215")),
        );
        assert!(!is_among(None, later, march), "the page was full before");
        assert!(is_among(None, same, march) && is_among(None, earlier, march));
        assert!(is_among(later, earlier, march) && is_among(same, None, march));
        assert!(!is_among(earlier, None, march), "it was passed before");
        assert!(!is_among(None, earlier, import));
        assert!(is_among(earlier, Some(imported), import));
        assert!(is_among(None, Some(imported), march));
        assert!(is_among(Some(imported), None, import));
        assert!(!is_among(Some(imported), None, march));
    }
}
