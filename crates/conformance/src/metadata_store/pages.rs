use std::collections::BTreeSet;
use std::time::Duration;

use crypt_keeper_domain::model::{
    AuditAction, Document, DocumentId, DocumentState, KeyPair, KeyState, Principal, RetentionClass,
    Rights, Scope, User,
};
use crypt_keeper_domain::ports::{Change, DocumentChange, DocumentFilter};

use crate::{Scene, StoreHarness};

/// What was there before the first page was read appears on the pages exactly once, in the order
/// that the filter is listed in, whatever is inserted meanwhile; and nothing that the filter does not
/// select.
pub async fn pages_show_each_document_once(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let people = People {
        alice: scene.user("alice").await,
        bob: scene.user("bob").await,
        carol: scene.user("carol").await,
        pair: scene.pair(Scope::Shared, KeyState::Active).await,
    };
    let mut wanted = BTreeSet::new();
    for number in 0..23 {
        wanted.insert(people.insert(&scene, number).await.id);
    }
    let unwanted = people.insert_others(&scene).await;
    scene.settle().await;

    let principals = |users: &[&User]| {
        let principal = |user: &&User| Principal::User(user.id);
        DocumentFilter::VisibleTo(users.iter().map(principal).collect())
    };
    // Later than everything that is there, earlier than what will be inserted meanwhile.
    let moment = scene.make.at().plus(Duration::from_micros(1));
    for filter in [
        DocumentFilter::OwnedBy(people.alice.id),
        principals(&[&people.bob]),
        principals(&[&people.bob, &people.carol, &people.bob]),
        DocumentFilter::WrappedBy(people.pair.serial),
        DocumentFilter::PendingBefore(moment),
    ] {
        let seen = walk(&scene, &people, &filter).await;
        assert!(seen.is_superset(&wanted), "{filter:?} skips some");
        assert!(seen.is_disjoint(&unwanted), "{filter:?} shows too much");
        if filter == DocumentFilter::PendingBefore(moment) {
            assert_eq!(seen, wanted);
        }
    }
    let all = walk(&scene, &people, &DocumentFilter::Every).await;
    assert!(all.is_superset(&wanted) && all.is_superset(&unwanted));

    let pending = DocumentFilter::PendingBefore(moment);
    let whole = scene.page(&pending, None, wanted.len()).await;
    assert_eq!(whole.items.len(), wanted.len());
    assert_eq!(whole.next, None, "there is nothing after the last");
    let nobody = DocumentFilter::VisibleTo(Vec::new());
    assert_eq!(scene.list(&nobody).await, []);
}

/// Reads page after page, and inserts documents before and behind the reader all the while.
async fn walk(scene: &Scene<'_>, people: &People, filter: &DocumentFilter) -> BTreeSet<DocumentId> {
    let order = filter.order();
    let mut seen: Vec<DocumentId> = Vec::new();
    let mut after = None;
    let limit = 5;
    for number in 0.. {
        assert!(number < 100, "the pages have no end");
        let page = scene.page(filter, after, limit).await;
        assert!(page.items.len() <= limit);
        seen.extend(page.items.iter().map(|document| document.id));
        if page.next.is_none() {
            break;
        }
        assert_eq!(page.next, seen.last().copied(), "the next page goes on");
        after = page.next;
        let mut meanwhile = people.new_document(scene, number);
        meanwhile.created_at = scene.make.at().plus(Duration::from_secs(1));
        scene.insert(&meanwhile).await;
        scene.share(&meanwhile, people.bob.id, Rights::READ).await;
    }
    assert!(
        seen.is_sorted_by(|one, next| order.compare(*one, *next).is_lt()),
        "{filter:?}: out of order, or twice: {seen:?}"
    );
    seen.into_iter().collect()
}

struct People {
    alice: User,
    bob: User,
    carol: User,
    pair: KeyPair,
}

impl People {
    /// A document of Alice's; ids of several classes, their moments scattered over the window, and
    /// some without a moment.
    fn new_document(&self, scene: &Scene<'_>, number: u64) -> Document {
        let make = &scene.make;
        let moment = make.at().minus(Duration::from_secs(number * 37 % 200));
        let id = match number % 4 {
            0 => make.document_id(RetentionClass::DEFAULT, moment),
            1 => make.document_id(RetentionClass::new(1), moment),
            2 => make.document_id(RetentionClass::new(200), moment),
            _ => make.imported_id(),
        };
        make.document_with_id(id, self.alice.id, &self.pair)
    }

    /// One that every filter selects: shared with Bob and with Carol, Carol's entry expired.
    async fn insert(&self, scene: &Scene<'_>, number: u64) -> Document {
        let document = self.new_document(scene, number);
        scene.insert(&document).await;
        scene.share(&document, self.bob.id, Rights::READ).await;
        let mut expired = scene.make.entry(&document, self.carol.id, Rights::READ);
        expired.expires_at = Some(scene.make.at());
        assert_eq!(scene.grant(&expired).await, Change::Changed);
        document
    }

    /// Some that only [`DocumentFilter::Every`] selects.
    async fn insert_others(&self, scene: &Scene<'_>) -> BTreeSet<DocumentId> {
        let dave = scene.user("dave").await;
        let pair = scene.pair(Scope::Hold, KeyState::Active).await;
        let mut ids = BTreeSet::new();
        for _ in 0..3 {
            let document = scene.document(dave.id, &pair).await;
            let available = DocumentChange::State(DocumentState::Available);
            let record = scene
                .make
                .record_on(AuditAction::DocumentChanged, document.id);
            let changed = scene
                .store
                .change(document.id, 1, &available, &record)
                .await;
            assert_eq!(changed.unwrap(), Change::Changed);
            ids.insert(document.id);
        }
        ids
    }
}
