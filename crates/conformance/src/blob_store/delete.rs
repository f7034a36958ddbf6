use crypt_keeper_domain::model::{ObjectKey, ObjectPrefix};
use futures_util::stream::{self, StreamExt};

use super::Bucket;
use crate::BlobStoreHarness;

/// What lies under a prefix is deleted and counted; what lies beside it, under a prefix that
/// begins alike, stays. Deleting nothing is no error.
pub async fn delete_by_prefix_spares_the_neighbours(harness: &dyn BlobStoreHarness) {
    let bucket = Bucket::new(harness);
    let key = |text: &str| ObjectKey::parse(text).expect("a valid key");
    let doomed = ["0/20260301/x/1", "0/20260301/x/2", "0/20260301/y/z/3"].map(key);
    let spared = [
        "0/202603010/x/1",
        "0/20260302/x/1",
        "0/2026030/x/1",
        "00/20260301/x/1",
        "1/20260301/x/1",
    ]
    .map(key);
    for key in doomed.iter().chain(&spared) {
        bucket.put(key, key.as_str().as_bytes()).await;
    }
    let delete = async |prefix: &str| {
        let prefix = ObjectPrefix::parse(prefix).expect("a valid prefix");
        let deleted = bucket.store.delete_prefix(&prefix).await;
        deleted.expect("delete_prefix")
    };
    assert_eq!(delete("9").await, 0);
    assert_eq!(delete("0/20260301/x/1").await, 0, "a key is no prefix");
    assert_eq!(delete("0/20260301").await, 3);
    for key in &doomed {
        bucket.lacks(key).await;
    }
    for key in &spared {
        bucket.holds(key, key.as_str().as_bytes()).await;
    }
    assert_eq!(delete("0/20260301").await, 0);

    // A document's own prefix, and its place is free for another object.
    let id = bucket.document_id();
    let (one, other) = (
        ObjectKey::new(id, bucket.make.bytes()),
        ObjectKey::new(id, bucket.make.bytes()),
    );
    let neighbour = bucket.key();
    for key in [&one, &other, &neighbour] {
        bucket.put(key, b"object").await;
    }
    let prefix = ObjectPrefix::document(id);
    let deleted = bucket.store.delete_prefix(&prefix).await;
    assert_eq!(deleted.expect("delete_prefix"), 2);
    bucket.lacks(&one).await;
    bucket.holds(&neighbour, b"object").await;
    bucket.put(&one, b"again").await;
    bucket.holds(&one, b"again").await;
}

/// S3 lists and deletes a thousand at a time.
const MORE_THAN_A_PAGE: usize = 1001;

/// However many objects lie under a prefix, all are deleted.
pub async fn delete_by_prefix_walks_every_page(harness: &dyn BlobStoreHarness) {
    let bucket = Bucket::new(harness);
    let key = |text: String| ObjectKey::parse(&text).expect("a valid key");
    let keys: Vec<ObjectKey> = (0..MORE_THAN_A_PAGE)
        .map(|number| key(format!("probe/many/{number}")))
        .collect();
    let neighbour = key("probe/many-more/0".to_owned());
    bucket.put(&neighbour, b"neighbour").await;
    stream::iter(&keys)
        .for_each_concurrent(8, async |key| bucket.put(key, b"one of many").await)
        .await;
    let prefix = ObjectPrefix::parse("probe/many").expect("a valid prefix");
    let deleted = bucket.store.delete_prefix(&prefix).await;
    let expected = u64::try_from(MORE_THAN_A_PAGE).unwrap();
    assert_eq!(deleted.expect("delete_prefix"), expected);
    for key in [&keys[0], &keys[500], &keys[1000]] {
        bucket.lacks(key).await;
    }
    let deleted = bucket.store.delete_prefix(&prefix).await;
    assert_eq!(deleted.expect("delete_prefix"), 0);
    bucket.holds(&neighbour, b"neighbour").await;
}
