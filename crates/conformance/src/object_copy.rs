//! Laws of [`ObjectCopy`].

use std::sync::Arc;

use crypt_keeper_domain::model::{ObjectKey, ObjectPrefix};
use crypt_keeper_domain::ports::{ObjectCopy, ObjectInfo};

use crate::ObjectCopyHarness;
use crate::blob_store::Bucket;

/// Makes a test of every law of `ObjectCopy`; takes an expression whose future gives
/// `Option<impl ObjectCopyHarness>`.
#[macro_export]
macro_rules! object_copy_laws {
    ($harness:expr) => {
        $crate::laws!(
            object_copy,
            $harness,
            [
                a_copy_is_the_same_byte_for_byte,
                a_copy_outlives_its_source,
                a_copy_replaces_what_was_there,
                what_is_not_there_is_not_copied,
                a_copy_onto_itself_changes_nothing,
                copies_are_whole,
            ]
        );
    };
}

/// A store, and what copies in it.
struct Copier<'a> {
    bucket: Bucket<'a>,
    copies: Arc<dyn ObjectCopy>,
}

impl<'a> Copier<'a> {
    fn new<H: ObjectCopyHarness>(harness: &'a H) -> Self {
        Self {
            bucket: Bucket::new(harness),
            copies: harness.object_copy(),
        }
    }

    async fn copy(&self, from: &ObjectKey, to: &ObjectKey) -> Option<ObjectInfo> {
        self.copies.copy(from, to).await.expect("copy")
    }

    /// An object that is there, and the key of its copy under a hold.
    async fn object(&self, body: &[u8]) -> (ObjectKey, ObjectKey) {
        let key = self.bucket.key();
        self.bucket.put(&key, body).await;
        let held = held(&key);
        (key, held)
    }
}

fn held(key: &ObjectKey) -> ObjectKey {
    ObjectKey::parse(&format!("hold/{key}")).expect("a valid key")
}

fn whole(prefix: &ObjectKey) -> ObjectPrefix {
    let (above, _) = prefix.as_str().rsplit_once('/').expect("a key of parts");
    ObjectPrefix::parse(above).expect("a valid prefix")
}

/// From no bytes at all up; the source stays, and what is said of the copy is what `head` says.
pub async fn a_copy_is_the_same_byte_for_byte<H: ObjectCopyHarness>(harness: &H) {
    let copier = Copier::new(harness);
    let bucket = &copier.bucket;
    for size in [0, 1, 4096, (11 << 20) + 1] {
        let body = bucket.make.many_bytes(size);
        let (key, held) = copier.object(&body).await;
        bucket.lacks(&held).await;
        let info = copier.copy(&key, &held).await.expect("it is there");
        assert_eq!(info.size, u64::try_from(size).unwrap());
        bucket.holds(&held, &body).await;
        bucket.holds(&key, &body).await;
        let head = bucket.store.head(&held).await.expect("head");
        assert_eq!(head, Some(info));
    }
}

/// Deleting the one leaves the other whole.
pub async fn a_copy_outlives_its_source<H: ObjectCopyHarness>(harness: &H) {
    let copier = Copier::new(harness);
    let bucket = &copier.bucket;
    for doomed_is_copy in [false, true] {
        let (key, held) = copier.object(b"two of them").await;
        copier.copy(&key, &held).await.expect("it is there");
        let (doomed, spared) = match doomed_is_copy {
            false => (&key, &held),
            true => (&held, &key),
        };
        let deleted = bucket.store.delete_prefix(&whole(doomed)).await;
        assert_eq!(deleted.expect("delete_prefix"), 1);
        bucket.lacks(doomed).await;
        bucket.holds(spared, b"two of them").await;
    }
}

/// What was at the target gives way to the copy; and a copy that is made again is the same.
pub async fn a_copy_replaces_what_was_there<H: ObjectCopyHarness>(harness: &H) {
    let copier = Copier::new(harness);
    let bucket = &copier.bucket;
    let (key, held) = copier.object(b"what is held").await;
    bucket.put(&held, b"something older and longer").await;
    for _ in 0..3 {
        let info = copier.copy(&key, &held).await.expect("it is there");
        assert_eq!(info.size, 12);
        bucket.holds(&held, b"what is held").await;
        bucket.holds(&key, b"what is held").await;
    }
    // Its place is free once it is deleted.
    let deleted = bucket.store.delete_prefix(&whole(&held)).await;
    assert_eq!(deleted.expect("delete_prefix"), 1);
    bucket.lacks(&held).await;
}

/// Without a source there is no copy, and what was at the target stays.
pub async fn what_is_not_there_is_not_copied<H: ObjectCopyHarness>(harness: &H) {
    let copier = Copier::new(harness);
    let bucket = &copier.bucket;
    let missing = bucket.key();
    assert_eq!(copier.copy(&missing, &held(&missing)).await, None);
    bucket.lacks(&held(&missing)).await;
    let (other, _) = copier.object(b"stays").await;
    assert_eq!(copier.copy(&missing, &other).await, None);
    bucket.holds(&other, b"stays").await;
    // A part of a key is no object.
    let above = ObjectKey::parse(whole(&other).as_str().trim_end_matches('/'));
    let above = above.expect("a valid key");
    assert_eq!(copier.copy(&above, &held(&above)).await, None);
}

/// An object is its own copy; and nothing of nothing is nothing.
pub async fn a_copy_onto_itself_changes_nothing<H: ObjectCopyHarness>(harness: &H) {
    let copier = Copier::new(harness);
    let bucket = &copier.bucket;
    let (key, _) = copier.object(b"itself").await;
    let before = bucket.store.head(&key).await.expect("head");
    assert_eq!(copier.copy(&key, &key).await, before);
    bucket.holds(&key, b"itself").await;
    let missing = bucket.key();
    assert_eq!(copier.copy(&missing, &missing).await, None);
    bucket.lacks(&missing).await;
}

/// Many copies onto one target at a time, of different sources: whoever gets it, gets one of them
/// whole, or nothing yet.
pub async fn copies_are_whole<H: ObjectCopyHarness>(harness: &H) {
    let copier = Copier::new(harness);
    let bucket = &copier.bucket;
    let target = held(&bucket.key());
    let mut sources = Vec::new();
    for _ in 0..4 {
        let body = bucket.make.many_bytes(1 << 20);
        let (key, _) = copier.object(&body).await;
        sources.push((key, body));
    }
    let is_one_of_them = |body: &[u8]| sources.iter().any(|(_, source)| source == body);
    let copies = futures_util::future::join_all(sources.iter().map(async |(key, _)| {
        let info = copier.copy(key, &target).await.expect("it is there");
        assert_eq!(info.size, 1 << 20);
    }));
    let gets = async {
        for _ in 0..20 {
            let answer = bucket.get(&target).await;
            let not_yet = matches!(answer.status, 403 | 404);
            let whole = answer.is_success() && is_one_of_them(&answer.body);
            assert!(whole || not_yet, "GET: {answer:?}");
        }
    };
    futures_util::future::join(copies, gets).await;
    let answer = bucket.get(&target).await;
    assert!(answer.is_success() && is_one_of_them(&answer.body));
}
