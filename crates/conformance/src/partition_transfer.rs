//! Laws of [`MetadataTransfer`](crypt_keeper_domain::ports::MetadataTransfer) that concern the
//! catalogue of partitions.

use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::model::{
    KeyState, Lifetime, Partition, PartitionEntry, PartitionState, RetentionClass, Timestamp,
};
use crypt_keeper_domain::ports::{Partitions, PutOutcome};

use crate::TransferHarness;
use crate::metadata_transfer::{Rows, YEAR, assert_same};

/// Makes a test of every law of `MetadataTransfer` that concerns partitions; takes an expression whose
/// future gives `Option<impl TransferHarness>` with partitions.
#[macro_export]
macro_rules! partition_transfer_laws {
    ($harness:expr) => {
        $crate::laws!(
            partition_transfer,
            $harness,
            [
                copied_partitions_survive,
                a_copied_partition_only_ever_goes_on,
                a_copied_partition_takes_its_documents,
            ]
        );
    };
}

const DAY: Duration = Duration::from_secs(24 * 3600);

fn days(number: u32) -> Lifetime {
    Lifetime::limited(number * DAY).expect("a lifetime")
}

struct Catalogue<'a> {
    rows: Rows<'a>,
    partitions: Arc<dyn Partitions>,
}

impl<'a> Catalogue<'a> {
    fn new<H: TransferHarness>(harness: &'a H) -> Self {
        Self {
            rows: Rows::new(harness),
            partitions: harness.partitions().expect("a store with partitions"),
        }
    }

    async fn put_partitions(&self, entries: &[PartitionEntry]) -> Vec<PutOutcome> {
        let put = self.rows.transfer.put_partitions(entries).await;
        put.expect("put_partitions")
    }

    async fn catalogued(&self, partition: Partition) -> Option<PartitionEntry> {
        let found = self.partitions.find_partition(partition).await;
        found.expect("find_partition")
    }

    /// An entry as it may be in another store.
    fn entry(&self, partition: Partition, state: PartitionState) -> PartitionEntry {
        let at = self.rows.scene.make.at();
        PartitionEntry {
            partition,
            state,
            lifetime: days(30),
            made_at: at.minus(YEAR),
            closed_at: (state > PartitionState::Open).then(|| at.minus(DAY)),
        }
    }
}

/// In every state, with their lifetimes; of any class and age.
///
/// # Panics
/// If it does not hold.
pub async fn copied_partitions_survive<H: TransferHarness>(harness: &H) {
    let it = Catalogue::new(harness);
    let mut entries = Vec::new();
    let mut partition = Partition::at(
        RetentionClass::new(7),
        it.rows.scene.make.at().minus(9 * YEAR),
    );
    for (number, state) in (1..).zip(PartitionState::ALL.iter().copied()) {
        let mut entry = it.entry(partition, state);
        entry.lifetime = days(number);
        entries.push(entry);
        partition = partition.next().expect("a next period");
    }
    for class in [200, 255] {
        let partition = Partition::at(RetentionClass::new(class), Timestamp::from_millis(0));
        let mut entry = it.entry(partition, PartitionState::Open);
        entry.lifetime = Lifetime::UNLIMITED;
        entries.push(entry);
    }
    let stored = it.put_partitions(&entries).await;
    assert_eq!(stored, vec![PutOutcome::Stored; entries.len()]);
    let again = it.put_partitions(&entries).await;
    assert_eq!(again, vec![PutOutcome::Unchanged; entries.len()]);
    let listed = it
        .partitions
        .list_partitions()
        .await
        .expect("list_partitions");
    for entry in &entries {
        assert_eq!(it.catalogued(entry.partition).await, Some(*entry));
        assert!(listed.contains(entry), "{entry:?}");
    }
    // Nobody makes one of them again, and it goes on to its end from where it was.
    let closed = entries[1];
    let at = it.rows.scene.make.at();
    let made = it
        .partitions
        .ensure_partition(closed.partition, days(90), at);
    assert_eq!(made.await.expect("ensure_partition"), closed);
    let emptied = entries[3].partition;
    let dropped = it.partitions.drop_partition(emptied).await;
    dropped.expect("drop_partition");
}

/// One that is open goes as far as the one put; no other is changed.
///
/// # Panics
/// If it does not hold.
pub async fn a_copied_partition_only_ever_goes_on<H: TransferHarness>(harness: &H) {
    use PartitionState::{Closed, Dropped, Emptied, Emptying, Open};
    let it = Catalogue::new(harness);
    let made_at = it.rows.scene.make.at();
    let mut partition = Partition::at(RetentionClass::new(7), made_at);
    let steps = [
        // What is there, what is put, what is there then.
        ((Open, 1), (Open, 30), (Open, 30), PutOutcome::Stored),
        ((Open, 30), (Open, 1), (Open, 30), PutOutcome::Differs),
        ((Open, 1), (Closed, 30), (Closed, 30), PutOutcome::Stored),
        (
            (Open, 1),
            (Emptying, 30),
            (Emptying, 30),
            PutOutcome::Stored,
        ),
        ((Open, 1), (Emptied, 30), (Emptied, 30), PutOutcome::Stored),
        // There may be something in it.
        ((Open, 1), (Dropped, 30), (Open, 1), PutOutcome::Differs),
        // Nobody may be let in to it, however long it lives.
        ((Open, 60), (Closed, 30), (Closed, 60), PutOutcome::Differs),
        ((Closed, 30), (Open, 30), (Closed, 30), PutOutcome::Differs),
        (
            (Closed, 30),
            (Emptied, 30),
            (Closed, 30),
            PutOutcome::Differs,
        ),
        (
            (Emptied, 30),
            (Closed, 30),
            (Emptied, 30),
            PutOutcome::Differs,
        ),
    ];
    for (there, put, after, outcome) in steps {
        let with = |(state, lifetime): (PartitionState, u32)| PartitionEntry {
            lifetime: days(lifetime),
            ..it.entry(partition, state)
        };
        let ensured = it
            .partitions
            .ensure_partition(partition, days(there.1), made_at);
        ensured.await.expect("ensure_partition");
        if there.0 != Open {
            it.put_partitions(&[with(there)]).await;
        }
        let word = format!("{there:?} {put:?}");
        assert_eq!(it.put_partitions(&[with(put)]).await, [outcome], "{word}");
        let found = it.catalogued(partition).await.expect("the partition");
        assert!(found.says_the_same_as(&with(after)), "{word}: {found:?}");
        assert_eq!(found.made_at, made_at, "{word}");
        partition = partition.next().expect("a next period");
    }
}

/// Also if it is closed, until its rows are gone.
///
/// # Panics
/// If it does not hold.
pub async fn a_copied_partition_takes_its_documents<H: TransferHarness>(harness: &H) {
    let it = Catalogue::new(harness);
    let make = &it.rows.scene.make;
    let owner = it.rows.scene.user("owner").await.id;
    let pair = it.rows.pair(KeyState::Active).await;
    let mut all = Vec::new();
    let states = PartitionState::ALL.iter().copied();
    for (state, years) in states
        .take_while(|state| *state < PartitionState::Dropped)
        .zip(1..)
    {
        let id = make.document_id(RetentionClass::new(7), make.at().minus(YEAR * (9 - years)));
        let entry = it.entry(id.partition(), state);
        assert_eq!(it.put_partitions(&[entry]).await, [PutOutcome::Stored]);
        let document = make.document_with_id(id, owner, &pair);
        let document = it.rows.with_entries(document, 1);
        let put = std::slice::from_ref(&document);
        let outcomes = it.rows.transfer.put_documents(put).await;
        assert_eq!(
            outcomes.expect("put_documents"),
            [PutOutcome::Stored],
            "{state}"
        );
        let outcomes = it.rows.transfer.put_documents(put).await;
        assert_eq!(
            outcomes.expect("put_documents"),
            [PutOutcome::Unchanged],
            "{state}"
        );
        assert_eq!(it.catalogued(id.partition()).await, Some(entry));
        all.push(document);
    }
    assert_same(&it.rows.walk(3).await, &all);
    // It is removed with its partition as if it had been made there.
    let emptied = all.pop().expect("a document").document.id.partition();
    let dropped = it.partitions.drop_partition(emptied).await;
    dropped.expect("drop_partition");
    assert_same(&it.rows.walk(3).await, &all);
}
