//! Throttling, conflicts, lost answers, slow requests.

use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_conformance::Scene;
use crypt_keeper_domain::model::{AuditAction, Document, KeyState, Rights, Scope};
use crypt_keeper_domain::ports::{
    AuditFilter, Change, InsertOutcome, MetadataStore as _, ReleaseOutcome, StoreError,
};
use crypt_keeper_store_dynamodb::DynamoDbStore;
use crypt_keeper_test_services::dynamodb_injector::{Injection, Injector};

use crate::support::Site;

const COMMIT: &str = "TransactWriteItems";

/// A document, and a store whose calls can be met on their way.
struct Case<'a> {
    scene: Scene<'a>,
    injector: Injector,
    store: Arc<DynamoDbStore>,
}

impl<'a> Case<'a> {
    fn new(site: &'a Site) -> Self {
        let injector = Injector::start(site.upstream()).unwrap();
        let store = site.through(injector.address());
        Self {
            scene: Scene::new(site),
            injector,
            store,
        }
    }

    async fn new_document(&self) -> Document {
        let owner = self.scene.user("alice").await;
        let scope = Scope::Customer(owner.id);
        let pair = self.scene.pair(scope, KeyState::Active).await;
        let document = self.scene.make.document(owner.id, &pair);
        self.scene.partition(document.id.partition()).await;
        document
    }

    async fn insert(&self, document: &Document) -> Result<InsertOutcome, StoreError> {
        let entry = self.scene.make.owner_entry(document);
        let created = AuditAction::DocumentCreated;
        let record = self.scene.make.record_on(created, document.id);
        self.store.insert(document, &entry, &record).await
    }

    async fn is_there_once(&self, document: &Document) {
        let found = self.scene.find(document.id, &[document.owner]).await;
        let found = found.expect("the document");
        assert_eq!(found.document, *document);
        assert_eq!(found.entries, [self.scene.make.owner_entry(document)]);
        let created = AuditAction::DocumentCreated;
        assert_eq!(self.scene.count(created, document.id).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_passes_is_tried_again_and_takes_place_once() {
    let Some(site) = Site::new().await else {
        return;
    };
    let case = Case::new(&site);
    for injection in [
        Injection::error(400, "ProvisionedThroughputExceededException"),
        Injection::error(400, "ThrottlingException"),
        Injection::error(400, "RequestLimitExceeded"),
        Injection::error(400, "TransactionInProgressException"),
        Injection::error(500, "InternalServerError"),
        Injection::Answer(503, String::new()),
        Injection::cancelled(&["None", "None", "None", "TransactionConflict"]),
        Injection::cancelled(&["ThrottlingError", "None", "None", "None"]),
        Injection::cancelled(&["None", "ProvisionedThroughputExceeded", "None", "None"]),
        // It took place, and nobody was told: the client request token makes the second a repetition.
        Injection::LoseAnswer,
    ] {
        let document = case.new_document().await;
        for _ in 0..2 {
            case.injector.next(COMMIT, injection.clone());
        }
        let inserted = case.insert(&document).await;
        assert_eq!(
            inserted.expect("insert"),
            InsertOutcome::Inserted,
            "{injection:?}"
        );
        assert!(case.injector.is_spent());
        assert_eq!(case.injector.seen(COMMIT), 3, "{injection:?}");
        case.is_there_once(&document).await;
    }

    let document = case.new_document().await;
    case.insert(&document).await.unwrap();
    for operation in ["BatchGetItem", "GetItem"] {
        case.injector
            .next(operation, Injection::error(400, "ThrottlingException"));
        let found = case.store.find(document.id, &[]).await.unwrap().unwrap();
        assert_eq!(found.document, document);
        assert!(case.injector.is_spent(), "{operation}");
    }
    site.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_pass_is_unavailable_after_eight_attempts_and_nothing_is_done() {
    let Some(site) = Site::new().await else {
        return;
    };
    let case = Case::new(&site);
    for injection in [
        Injection::error(400, "ThrottlingException"),
        Injection::error(500, "InternalServerError"),
        Injection::Answer(503, String::new()),
        Injection::cancelled(&["None", "None", "None", "TransactionConflict"]),
    ] {
        let document = case.new_document().await;
        case.injector.seen(COMMIT);
        case.injector.always(COMMIT, injection.clone());
        let refused = case.insert(&document).await;
        assert!(
            matches!(refused, Err(StoreError::Unavailable(_))),
            "{injection:?}: {refused:?}"
        );
        assert_eq!(case.injector.seen(COMMIT), 8);
        case.injector.calm();
        assert_eq!(case.scene.find(document.id, &[]).await, None);
        let inserted = case.insert(&document).await;
        assert_eq!(inserted.unwrap(), InsertOutcome::Inserted);
    }

    // What cannot be read is not "not there".
    let document = case.new_document().await;
    case.insert(&document).await.unwrap();
    for injection in [
        Injection::error(400, "ThrottlingException"),
        Injection::error(500, "InternalServerError"),
    ] {
        case.injector.seen("BatchGetItem");
        case.injector.always("BatchGetItem", injection.clone());
        let found = case.store.find(document.id, &[]).await;
        assert!(
            matches!(found, Err(StoreError::Unavailable(_))),
            "{injection:?}: {found:?}"
        );
        assert_eq!(case.injector.seen("BatchGetItem"), 8);
        case.injector.calm();
    }

    // What will not pass is not tried again, and is no outage.
    let document = case.new_document().await;
    case.injector.seen(COMMIT);
    case.injector
        .next(COMMIT, Injection::error(400, "AccessDeniedException"));
    let refused = case.insert(&document).await;
    assert!(
        matches!(refused, Err(StoreError::Backend(_))),
        "{refused:?}"
    );
    assert_eq!(case.injector.seen(COMMIT), 1);
    site.remove().await;
}

/// A share that was taken back while its release was decided is not released.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_met_a_conflict_looks_again() {
    let Some(site) = Site::new().await else {
        return;
    };
    let case = Case::new(&site);
    let document = case.new_document().await;
    case.insert(&document).await.unwrap();
    let bob = case.scene.user("bob").await;
    let key = case.scene.api_key(bob.id).await;
    case.scene.share(&document, bob.id, Rights::V1_SHARE).await;

    let (release, record) = case.scene.release(&document, &key);
    case.injector.next(
        COMMIT,
        Injection::cancelled(&["TransactionConflict", "None"]),
    );
    let outcome = case.store.record_release(&release, &record).await;
    assert_eq!(outcome.unwrap(), ReleaseOutcome::Recorded);
    assert!(case.injector.is_spent());

    let revoked = AuditAction::EntryRevoked;
    let revoke = case.scene.make.record_on(revoked, document.id);
    let of = release.principals[0];
    let changed = case.scene.store.revoke(document.id, of, &revoke).await;
    assert_eq!(changed.unwrap(), Change::Changed);
    let (release, record) = case.scene.release(&document, &key);
    let outcome = case.store.record_release(&release, &record).await;
    assert_eq!(outcome.unwrap(), ReleaseOutcome::Refused);
    assert!(!case.scene.is_recorded(&record).await);
    site.remove().await;
}

/// There are no row locks: so a wrap that is older than a minute is refused, and what was decided by
/// a key pair's state is not written later than that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_wrap_is_refused() {
    let Some(site) = Site::new().await else {
        return;
    };
    let case = Case::new(&site);
    let document = case.new_document().await;
    site.clock.advance(Duration::from_secs(59));
    case.insert(&document).await.unwrap();

    let document = case.new_document().await;
    site.clock.advance(Duration::from_secs(2));
    let refused = case.insert(&document).await;
    let Err(StoreError::Unavailable(why)) = refused else {
        panic!("{refused:?}");
    };
    assert!(why.to_string().contains("60 s"), "{why}");
    assert_eq!(case.scene.find(document.id, &[]).await, None);
    let created = AuditFilter {
        document: Some(document.id),
        ..AuditFilter::default()
    };
    assert_eq!(case.scene.audit(&created).await, []);
    site.remove().await;
}

/// One item is read by one call at a time, however many ask.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_ask_for_one_key_pair_share_a_read() {
    let Some(site) = Site::new().await else {
        return;
    };
    let case = Case::new(&site);
    let document = case.new_document().await;
    case.insert(&document).await.unwrap();
    case.injector.seen("GetItem");
    let asked = (0..64).map(|_| case.store.find(document.id, &[]));
    for found in futures_util::future::join_all(asked).await {
        assert_eq!(found.unwrap().unwrap().document, document);
    }
    let reads = case.injector.seen("GetItem");
    assert!(reads < 64, "{reads} reads of one key pair");
    site.remove().await;
}
