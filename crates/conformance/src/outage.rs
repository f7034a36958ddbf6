//! Laws of backends that can be away: a database server, an object store's server. Only harnesses
//! that can cut theirs off run them.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_domain::model::{
    AuditAction, KeyPairChange, KeyState, ObjectKey, ObjectPrefix, PageRequest, Principal, Rights,
    Scope, UserState,
};
use crypt_keeper_domain::ports::{
    AuditFilter, BlobError, DocumentChange, DocumentFilter, InsertOutcome, StoreError,
};
use futures_util::future::{BoxFuture, FutureExt, join_all};
use tokio::sync::Notify;

use crate::fixtures::ALGORITHM;
use crate::{BlobStoreHarness, PrivateKeysHarness, Scene, StoreHarness};

/// The power to cut a backend off and to bring it back.
#[async_trait]
pub trait Outage: Send + Sync {
    /// From its return on the backend cannot be reached.
    async fn begin(&self);

    /// From its return on the backend takes connections again.
    async fn end(&self);

    /// The most connections that the adapter keeps: as many requests may fail after the end of an
    /// outage, each on a connection that it left dead.
    fn pool_size(&self) -> usize;
}

/// Makes a test of every law of stores that can be away; takes an expression whose future gives
/// `Option<impl StoreHarness + Outage>`.
#[macro_export]
macro_rules! store_outage_laws {
    ($harness:expr) => {
        mod store_outage {
            use super::*;
            $crate::laws!(
                outage,
                $harness,
                [
                    a_store_that_is_down_is_unavailable,
                    acknowledged_inserts_survive_an_outage,
                    after_an_outage_a_poolful_of_requests_fails_at_most,
                ]
            );
        }
    };
}

/// Makes a test of the law of stores of private halves that can be away; takes an expression whose
/// future gives `Option<impl PrivateKeysHarness + Outage>`.
#[macro_export]
macro_rules! private_keys_outage_laws {
    ($harness:expr) => {
        mod private_keys_outage {
            use super::*;
            $crate::laws!(
                outage,
                $harness,
                [private_keys_that_are_down_are_unavailable]
            );
        }
    };
}

/// Makes a test of the law of object stores that can be away; takes an expression whose future
/// gives `Option<impl BlobStoreHarness + Outage>`.
#[macro_export]
macro_rules! blob_outage_laws {
    ($harness:expr) => {
        mod blob_outage {
            use super::*;
            $crate::laws!(
                outage,
                $harness,
                [an_object_store_that_is_down_is_unavailable]
            );
        }
    };
}

/// Nobody should wait longer to hear that a backend is away.
const PATIENCE: Duration = Duration::from_secs(30);

/// Every act and every question answers `Unavailable`, before anyone's patience ends, and nothing
/// has been done.
pub async fn a_store_that_is_down_is_unavailable<H: StoreHarness + Outage>(harness: &H) {
    let scene = Scene::new(harness);
    let alice = scene.user("alice").await;
    let key = scene.api_key(alice.id).await;
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let document = scene.document(alice.id, &pair).await;
    let user = Principal::User(alice.id);

    let late = scene.make.document(alice.id, &pair);
    let late_user = scene.make.user("bob");
    let late_key = scene.make.api_key(alice.id);
    let late_pair = scene.make.pair(Scope::Hold, KeyState::Active);
    let own = scene.make.owner_entry(&late);
    let share = scene
        .make
        .entry(&document, scene.make.user_id(), Rights::READ);
    let record = || scene.make.record_on(AuditAction::DocumentChanged, late.id);
    let (release, released) = scene.release(&document, &key);
    let records: [_; 11] = std::array::from_fn(|_| record());
    let [r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10] = &records;
    let change = KeyPairChange {
        seen_version: pair.version,
        after: pair
            .become_state(KeyState::Suspended, scene.make.at())
            .expect("an allowed step"),
    };
    let changes = [change];
    let pair_records = [r10.clone()];
    let expire = DocumentChange::ExpiresAt(None);
    let (every, first) = (DocumentFilter::Every, PageRequest::default());
    let (all, newest) = (AuditFilter::default(), PageRequest::default());
    let names = PageRequest::default();
    let at = scene.make.at();

    harness.begin().await;
    let (id, store, accounts) = (document.id, &scene.store, &scene.accounts);
    down(vec![
        asked("insert", store.insert(&late, &own, r0)),
        asked("find", store.find(id, &[user])),
        asked("entries", store.entries(id)),
        asked("list", store.list(&every, &first)),
        asked("grant", store.grant(&share, r1)),
        asked("revoke", store.revoke(id, user, r2)),
        asked("record_release", store.record_release(&release, &released)),
        asked("change", store.change(id, 1, &expire, r3)),
        asked("insert_user", accounts.insert_user(&late_user, r4)),
        asked("find_user", accounts.find_user(&alice.name)),
        asked("users", accounts.users(&[alice.id])),
        asked("list_users", accounts.list_users(&names)),
        asked(
            "set_user_state",
            accounts.set_user_state(alice.id, UserState::Disabled, r5),
        ),
        asked("insert_api_key", accounts.insert_api_key(&late_key, r6)),
        asked("find_api_key", accounts.find_api_key(key.id)),
        asked("list_api_keys", accounts.list_api_keys(alice.id)),
        asked("revoke_api_key", accounts.revoke_api_key(key.id, at, r7)),
        asked("list_audit", scene.audit.list_audit(&all, &newest)),
        asked("insert_pair", scene.registry.insert_pair(&late_pair, r8)),
        asked("find_pair", scene.registry.find_pair(pair.serial)),
        asked(
            "active_pair",
            scene.registry.active_pair(&Scope::Shared, ALGORITHM),
        ),
        asked("list_pairs", scene.registry.list_pairs()),
        asked(
            "change_pairs",
            scene.registry.change_pairs(&changes, &pair_records),
        ),
    ])
    .await;
    harness.end().await;

    recovered(&scene, harness.pool_size(), r9.clone()).await;
    assert_eq!(scene.find(late.id, &[]).await, None);
    let found = scene.find(id, &[alice.id]).await.expect("it is there");
    assert_eq!(found.document, document);
    assert_eq!(found.entries, [scene.make.owner_entry(&document)]);
    let found = scene.accounts.find_user(&late_user.name).await;
    assert_eq!(found.expect("find_user"), None);
    let keys = scene.accounts.list_api_keys(alice.id).await;
    assert_eq!(keys.expect("list_api_keys"), [key]);
    let pairs = scene.registry.list_pairs().await;
    assert_eq!(pairs.expect("list_pairs"), [pair]);
}

/// Inserts go on while the store goes away: each is acknowledged or unavailable, and those that
/// were acknowledged are there when it is back.
pub async fn acknowledged_inserts_survive_an_outage<H: StoreHarness + Outage>(harness: &H) {
    let scene = Scene::new(harness);
    let alice = scene.user("alice").await;
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let now = scene.make.document(alice.id, &pair).id;
    scene.partition(now.partition()).await;
    let under_way = Arc::new(Notify::new());
    let uploaders: Vec<_> = (0..4)
        .map(|_| {
            let store = Arc::clone(&scene.store);
            let under_way = Arc::clone(&under_way);
            let documents: Vec<_> = (0..400)
                .map(|_| {
                    let document = scene.make.document(alice.id, &pair);
                    let entry = scene.make.owner_entry(&document);
                    let record = scene
                        .make
                        .record_on(AuditAction::DocumentCreated, document.id);
                    (document, entry, record)
                })
                .collect();
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for (document, entry, record) in documents {
                    match store.insert(&document, &entry, &record).await {
                        Ok(InsertOutcome::Inserted) => {
                            acknowledged.push(document);
                            under_way.notify_one();
                        }
                        Err(StoreError::Unavailable(_)) => break,
                        other => panic!("neither acknowledged nor unavailable: {other:?}"),
                    }
                }
                acknowledged
            })
        })
        .collect();
    // However slow the machine: the outage begins among inserts, not before the first.
    let first = tokio::time::timeout(Duration::from_secs(30), under_way.notified()).await;
    assert!(first.is_ok(), "no insert was acknowledged within 30 s");
    harness.begin().await;
    let mut acknowledged = Vec::new();
    for uploader in uploaders {
        acknowledged.extend(uploader.await.expect("an uploader panicked"));
    }
    harness.end().await;
    let record = scene.make.record(AuditAction::UserCreated);
    recovered(&scene, harness.pool_size(), record).await;
    for document in acknowledged {
        let found = scene.find(document.id, &[]).await;
        assert_eq!(found.map(|found| found.document), Some(document));
    }
}

/// Once the backend is back, nobody needs to restart anything: of the requests that follow, as
/// many as there are connections may fail, and no more.
pub async fn after_an_outage_a_poolful_of_requests_fails_at_most<H: StoreHarness + Outage>(
    harness: &H,
) {
    let scene = Scene::new(harness);
    let alice = scene.user("alice").await;
    let pool = harness.pool_size();
    for _ in 0..2 {
        // Every connection is open, and dies with the outage.
        let warm = join_all((0..2 * pool).map(|_| scene.accounts.find_user(&alice.name))).await;
        assert!(warm.iter().all(Result::is_ok), "{warm:?}");
        harness.begin().await;
        let asked = scene.accounts.find_user(&alice.name).await;
        assert!(asked.is_err(), "{asked:?}");
        harness.end().await;
        let record = scene.make.record(AuditAction::UserCreated);
        recovered(&scene, pool, record).await;
    }
}

/// Asks until the pool is through with its dead connections.
async fn recovered(scene: &Scene<'_>, pool: usize, record: crypt_keeper_domain::model::Record) {
    let name = scene.make.user("nobody").name;
    let mut failed = 0;
    for _ in 0..pool + 20 {
        match scene.accounts.find_user(&name).await {
            Ok(found) => assert_eq!(found, None),
            Err(StoreError::Unavailable(_)) => failed += 1,
            Err(other) => panic!("not unavailable: {other:?}"),
        }
    }
    assert!(failed <= pool, "{failed} requests failed after the outage");
    let inserted = scene
        .accounts
        .insert_user(&scene.make.user("late"), &record)
        .await;
    inserted.expect("writes are taken again");
}

/// As the store of metadata, so the store of private halves.
pub async fn private_keys_that_are_down_are_unavailable<H: PrivateKeysHarness + Outage>(
    harness: &H,
) {
    use crypt_keeper_domain::model::Serial;
    use crypt_keeper_domain::ports::SealedPrivateHalf;
    let keys = harness.private_keys();
    let (one, other) = (Serial::new(1).unwrap(), Serial::new(2).unwrap());
    let half = SealedPrivateHalf::new(vec![1; 100]);
    let changed = SealedPrivateHalf::new(vec![2; 100]);
    keys.put(one, &half).await.expect("put");
    harness.begin().await;
    down(vec![
        asked("put", keys.put(other, &half)),
        asked("get", keys.get(one)),
        asked("serials", keys.serials()),
        asked("replace", keys.replace(one, &half, &changed)),
        asked("erase", keys.erase(one)),
    ])
    .await;
    harness.end().await;
    let mut failed = 0;
    while let Err(error) = keys.serials().await {
        failed += 1;
        assert!(failed <= harness.pool_size(), "{error:?}");
    }
    assert_eq!(keys.serials().await.expect("serials"), [one]);
    assert_eq!(keys.get(one).await.expect("get"), Some(half));
}

/// An object store that is away is `Unavailable`; signing may go on without it.
pub async fn an_object_store_that_is_down_is_unavailable<H: BlobStoreHarness + Outage>(
    harness: &H,
) {
    let store = harness.blob_store();
    let key = ObjectKey::parse("probe/outage/object").expect("a valid key");
    let prefix = ObjectPrefix::parse("probe/outage").expect("a valid prefix");
    assert_eq!(store.head(&key).await.expect("head"), None);
    harness.begin().await;
    let (head, delete) = tokio::time::timeout(PATIENCE, async {
        (store.head(&key).await, store.delete_prefix(&prefix).await)
    })
    .await
    .expect("nobody waits longer");
    let head = head.expect_err("head, while it is down");
    let delete = delete.expect_err("delete_prefix, while it is down");
    for error in [head, delete] {
        assert!(matches!(error, BlobError::Unavailable(_)), "{error:?}");
    }
    harness.end().await;
    let mut failed = 0;
    while let Err(error) = store.head(&key).await {
        failed += 1;
        assert!(failed <= harness.pool_size(), "{error:?}");
    }
    assert_eq!(
        store.delete_prefix(&prefix).await.expect("delete_prefix"),
        0
    );
}

/// A request by name, and what was wrong with its answer.
type Asked<'a> = (&'static str, BoxFuture<'a, Option<String>>);

fn asked<'a, T: std::fmt::Debug>(
    name: &'static str,
    request: impl Future<Output = Result<T, StoreError>> + Send + 'a,
) -> Asked<'a> {
    let wrong = request.map(|answer| match answer {
        Err(StoreError::Unavailable(_)) => None,
        other => Some(format!("{other:?}")),
    });
    (name, wrong.boxed())
}

/// Sends all requests at a time.
async fn down(requests: Vec<Asked<'_>>) {
    let (names, requests): (Vec<_>, Vec<_>) = requests.into_iter().unzip();
    let answers = tokio::time::timeout(PATIENCE, join_all(requests)).await;
    let answers = answers.expect("nobody waits longer");
    for (name, wrong) in names.into_iter().zip(answers) {
        assert_eq!(wrong, None, "{name}, while the store is down");
    }
}
