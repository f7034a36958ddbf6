//! What becomes of objects in the folder, on good days and bad.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use crate::support::{Store, object_key};
use crypt_keeper_blobs_local::PutError;
use crypt_keeper_domain::model::ObjectPrefix;
use crypt_keeper_domain::ports::{BlobError, BlobStore, Clock, Probe};
use futures_util::TryStreamExt;

const KEY: &str = "0/20260301/0197f6f0-0000-7000-8000-000000000000/00ff";

async fn read(store: &Store, key: &str) -> Vec<u8> {
    let reader = store.blobs.open_read(&store.get_permit(key).await).await;
    let stream = reader.unwrap().unwrap().into_stream(None);
    let chunks: Vec<_> = stream.try_collect().await.unwrap();
    chunks.concat()
}

/// Removing what was dropped takes a moment of another thread.
async fn nothing_comes_in(store: &Store) {
    for _ in 0..500 {
        if store.incoming().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("left behind: {:?}", store.incoming());
}

#[tokio::test]
async fn an_object_is_never_overwritten() {
    let store = Store::new();
    let mut slower = store.begin(KEY).await.unwrap();
    slower.write(b"second").await.unwrap();
    store.put(KEY, b"first").await.unwrap();
    assert!(matches!(slower.finish().await, Err(PutError::Exists)));
    assert!(matches!(store.begin(KEY).await, Err(PutError::Exists)));
    assert_eq!(read(&store, KEY).await, b"first");
    nothing_comes_in(&store).await;
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let store = Store::new();
    let mut writer = store.begin(KEY).await.unwrap();
    writer.write(&vec![1; 3 << 20]).await.unwrap();
    assert_eq!(store.incoming().len(), 1);
    drop(writer);
    nothing_comes_in(&store).await;
    assert_eq!(store.blobs.head(&object_key(KEY)).await.unwrap(), None);
    store.put(KEY, b"again").await.unwrap();
}

#[tokio::test]
async fn a_body_is_held_to_its_bound_and_its_announcement() {
    let store = Store::new();
    let permit = store.put_permit(KEY, 10).await;
    let too_long = store.blobs.begin_write(&permit, Some(11)).await;
    assert!(matches!(too_long, Err(PutError::TooLong { limit: 10 })));

    let mut writer = store.blobs.begin_write(&permit, None).await.unwrap();
    writer.write(&[1; 10]).await.unwrap();
    let too_long = writer.write(&[1]).await;
    assert!(matches!(too_long, Err(PutError::TooLong { limit: 10 })));
    drop(writer);

    let mut writer = store.blobs.begin_write(&permit, Some(5)).await.unwrap();
    writer.write(&[1; 4]).await.unwrap();
    let short = writer.finish().await;
    let expected = "4 bytes came where 5 were announced";
    assert_eq!(short.unwrap_err().to_string(), expected);

    let mut writer = store.blobs.begin_write(&permit, Some(5)).await.unwrap();
    let long = writer.write(&[1; 6]).await;
    assert!(matches!(long, Err(PutError::WrongLength { .. })));
    drop(writer);

    nothing_comes_in(&store).await;
    assert_eq!(store.blobs.head(&object_key(KEY)).await.unwrap(), None);
    let mut writer = store.blobs.begin_write(&permit, Some(10)).await.unwrap();
    writer.write(&[1; 10]).await.unwrap();
    assert_eq!(writer.finish().await.unwrap().size, 10);
}

#[tokio::test]
async fn what_crashed_uploads_left_is_removed_a_day_later() {
    let mut store = Store::new();
    let now = UNIX_EPOCH + Duration::from_millis(store.clock.now().as_millis());
    let leave = |name: &str, age: Duration| {
        let path = store.root().join("incoming").join(name);
        let file = File::create(&path).unwrap();
        file.set_modified(now - age).unwrap();
        path
    };
    let day = Duration::from_secs(24 * 60 * 60);
    let old = leave("upload-old.part", day);
    let young = leave("upload-young.part", day - Duration::from_secs(1));
    store.reopen();
    assert!(!old.exists());
    assert!(young.exists());

    // Later it is an upload that sees to it, if nobody has for some hours.
    store.clock.advance(Duration::from_secs(6 * 60 * 60));
    store.put(KEY, b"x").await.unwrap();
    nothing_comes_in(&store).await;
}

#[tokio::test]
async fn nobody_but_the_owner_can_look_into_the_folder() {
    let store = Store::new();
    store.put(KEY, b"x").await.unwrap();
    let writer = store.begin("0/20260301/other").await.unwrap();
    let mode = |path: std::path::PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(store.incoming().remove(0)), 0o600);
    drop(writer);
    assert_eq!(mode(store.object(KEY)), 0o600);
    let mut folder = store.object(KEY);
    while folder != store.root() {
        folder.pop();
        assert_eq!(mode(folder.clone()), 0o700, "{}", folder.display());
    }
    assert_eq!(mode(store.root().join("incoming")), 0o700);
}

#[tokio::test]
async fn a_folder_that_is_gone_is_unavailable_and_not_made_anew() {
    let store = Store::new();
    store.put(KEY, b"x").await.unwrap();
    store.blobs.check().await.unwrap();
    let away = store.root().with_extension("unmounted");
    fs::rename(store.root(), &away).unwrap();

    let key = object_key(KEY);
    let prefix = ObjectPrefix::parse("0").unwrap();
    let head = store.blobs.head(&key).await;
    assert!(matches!(head, Err(BlobError::Unavailable(_))), "{head:?}");
    let read = store.blobs.open_read(&store.get_permit(KEY).await).await;
    assert!(matches!(read, Err(BlobError::Unavailable(_))), "{read:?}");
    let begun = store.begin("0/other").await;
    assert!(
        matches!(begun, Err(PutError::Store(BlobError::Unavailable(_)))),
        "{begun:?}"
    );
    let deleted = store.blobs.delete_prefix(&prefix).await;
    assert!(
        matches!(deleted, Err(BlobError::Unavailable(_))),
        "{deleted:?}"
    );
    let probed = store.blobs.check().await.unwrap_err();
    assert!(
        probed.to_string().contains("is its disk mounted"),
        "{probed}"
    );
    assert!(!store.root().exists());

    fs::rename(&away, store.root()).unwrap();
    store.blobs.check().await.unwrap();
    assert_eq!(self::read(&store, KEY).await, b"x");
}

#[tokio::test]
async fn a_folder_that_goes_in_mid_upload_takes_nothing_half() {
    let store = Store::new();
    let mut writer = store.begin(KEY).await.unwrap();
    writer.write(b"x").await.unwrap();
    let away = store.root().with_extension("unmounted");
    fs::rename(store.root(), &away).unwrap();
    let finished = writer.finish().await;
    assert!(
        matches!(finished, Err(PutError::Store(BlobError::Unavailable(_)))),
        "{finished:?}"
    );
    assert!(!store.root().exists());
}

#[tokio::test]
async fn a_file_in_the_way_is_a_failure_and_not_a_miss_of_the_disk() {
    let store = Store::new();
    store.put("a", b"x").await.unwrap();
    assert_eq!(store.blobs.head(&object_key("a/b")).await.unwrap(), None);
    let put = store.put("a/b", b"y").await;
    assert!(
        matches!(put, Err(PutError::Store(BlobError::Backend(_)))),
        "{put:?}"
    );
    store.put("c/d", b"z").await.unwrap();
    assert_eq!(store.blobs.head(&object_key("c")).await.unwrap(), None);
    assert!(matches!(store.put("c", b"z").await, Err(PutError::Exists)));
    nothing_comes_in(&store).await;
}

#[tokio::test]
async fn deleting_follows_no_link() {
    let store = Store::new();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("kept"), b"x").unwrap();
    store.put("0/a/b", b"x").await.unwrap();
    symlink(outside.path(), store.object("0/a/link")).unwrap();
    let prefix = ObjectPrefix::parse("0/a").unwrap();
    assert_eq!(store.blobs.delete_prefix(&prefix).await.unwrap(), 2);
    assert!(outside.path().join("kept").exists());
    assert!(!store.object("0/a").exists());
    assert!(store.object("0").exists());
}

/// Folders come and go under the uploads; none of them fails for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn uploads_and_deletions_do_not_trip_over_each_other() {
    let store = Arc::new(Store::new());
    let prefix = ObjectPrefix::parse("0/busy").unwrap();
    let uploads = (0..4).map(|worker| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for number in 0..50 {
                let key = format!("0/busy/{worker}/{number}");
                store.put(&key, b"x").await.unwrap();
            }
        })
    });
    let uploads = futures_util::future::join_all(uploads);
    let mut deleted = 0;
    tokio::pin!(uploads);
    let done = loop {
        tokio::select! {
            done = &mut uploads => break done,
            () = tokio::time::sleep(Duration::from_millis(1)) => {
                deleted += store.blobs.delete_prefix(&prefix).await.unwrap();
            }
        }
    };
    for upload in done {
        upload.unwrap();
    }
    deleted += store.blobs.delete_prefix(&prefix).await.unwrap();
    assert_eq!(deleted, 200);
}

#[tokio::test]
async fn a_successor_of_the_same_name_has_another_tag() {
    let store = Store::new();
    let tag = async || {
        let info = store.blobs.head(&object_key(KEY)).await.unwrap().unwrap();
        info.etag.unwrap()
    };
    store.put(KEY, b"one").await.unwrap();
    let first = tag().await;
    assert_eq!(tag().await, first);
    let prefix = ObjectPrefix::parse("0").unwrap();
    store.blobs.delete_prefix(&prefix).await.unwrap();
    // The clock of file systems ticks every few milliseconds.
    tokio::time::sleep(Duration::from_millis(20)).await;
    store.put(KEY, b"two").await.unwrap();
    assert_ne!(tag().await, first);
}

#[tokio::test]
async fn an_object_that_was_cut_on_the_disk_is_an_error_and_not_a_short_answer() {
    let store = Store::new();
    store.put(KEY, &vec![1; 1 << 20]).await.unwrap();
    let reader = store.blobs.open_read(&store.get_permit(KEY).await).await;
    let reader = reader.unwrap().unwrap();
    let file = File::options().write(true).open(store.object(KEY)).unwrap();
    file.set_len(1000).unwrap();
    let read: Result<Vec<_>, _> = reader.into_stream(None).try_collect().await;
    assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
}
