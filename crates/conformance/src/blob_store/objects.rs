use super::{Bucket, LONG};
use crate::BlobStoreHarness;

/// What is put by a presigned URL is got by another, byte for byte, from no bytes at all up.
pub async fn presigned_put_then_get(harness: &dyn BlobStoreHarness) {
    let bucket = Bucket::new(harness);
    for size in [0, 1, 5, 4096, 65_537, (5 << 20) + 1] {
        let (key, neighbour) = (bucket.key(), bucket.key());
        bucket.lacks(&key).await;
        let body = bucket.make.many_bytes(size);
        bucket.put(&key, &body).await;
        bucket.holds(&key, &body).await;
        bucket.lacks(&neighbour).await;
    }

    // Signed before the object was there.
    let key = bucket.key();
    let get = bucket.get_url(&key, LONG).await;
    bucket.put(&key, b"later").await;
    let answer = bucket.send("GET", &get, &[]).await;
    assert_eq!((answer.status, &answer.body[..]), (200, &b"later"[..]));
}

/// Many who put one object at a time: whoever gets it, gets one of theirs whole. Whether the
/// first or the last of them stays is the store's to say.
pub async fn objects_are_whole(harness: &dyn BlobStoreHarness) {
    let bucket = Bucket::new(harness);
    let key = bucket.key();
    let bodies: Vec<Vec<u8>> = (0..4).map(|_| bucket.make.many_bytes(1 << 20)).collect();
    let (put, get) = (
        bucket.put_url(&key, LONG).await,
        bucket.get_url(&key, LONG).await,
    );
    let puts = futures_util::future::join_all(bodies.iter().map(async |body| {
        let answer = bucket.send("PUT", &put, body).await;
        // Taken, or too late: conflict, or precondition failed.
        let fair = answer.is_success() || matches!(answer.status, 409 | 412);
        assert!(fair, "PUT: {answer:?}");
        answer.is_success()
    }));
    let gets = async {
        for _ in 0..20 {
            let answer = bucket.send("GET", &get, &[]).await;
            let whole = answer.is_success() && bodies.contains(&answer.body);
            let not_yet = matches!(answer.status, 403 | 404);
            assert!(whole || not_yet, "GET: {answer:?}");
        }
    };
    let (taken, ()) = futures_util::future::join(puts, gets).await;
    assert!(taken.contains(&true), "nobody's was taken");
    let answer = bucket.get(&key).await;
    assert!(answer.is_success() && bodies.contains(&answer.body));
}

/// A browser that opens a presigned URL saves what it finds; it never shows or runs it.
pub async fn fetched_objects_are_inert(harness: &dyn BlobStoreHarness) {
    let bucket = Bucket::new(harness);
    let key = bucket.key();
    bucket.put(&key, b"<script>alert(1)</script>").await;
    let answer = bucket.get(&key).await;
    let kind = answer.header("content-type");
    assert_eq!(kind, Some("application/octet-stream"), "{answer:?}");
    let disposition = answer.header("content-disposition");
    assert!(
        disposition.is_some_and(|value| value.starts_with("attachment")),
        "{answer:?}"
    );
}

/// `head` knows the length and a bare entity tag; a miss is `None`.
pub async fn head_tells_of_the_object(harness: &dyn BlobStoreHarness) {
    let bucket = Bucket::new(harness);
    let nothing = bucket.store.head(&bucket.key()).await.expect("head");
    assert_eq!(nothing, None);
    let mut etags = Vec::new();
    for size in [0, 1, 70_001] {
        let key = bucket.key();
        bucket.put(&key, &bucket.make.many_bytes(size)).await;
        let info = bucket.store.head(&key).await.expect("head");
        let info = info.expect("it was put");
        assert_eq!(info.size, u64::try_from(size).unwrap());
        if let Some(etag) = info.etag {
            assert!(!etag.is_empty() && !etag.contains('"'), "{etag}");
            assert!(!etags.contains(&etag), "other contents, other tag");
            etags.push(etag);
        }
    }
}
