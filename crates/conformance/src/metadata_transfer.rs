//! Laws of [`MetadataTransfer`].

use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::model::{
    Actor, Algorithm, AuditAction, AuditEntry, AuditId, Document, DocumentId, DocumentMetadata,
    DocumentState, EncryptionFormat, KeyPair, KeyState, MasterKeyId, PageLimit, PageRequest,
    Principal, RetentionClass, Rights, Scope, StoredObject, Timestamp, User, UserName, UserState,
};
use crypt_keeper_domain::ports::{
    AuditFilter, DocumentFilter, DocumentWithEntries, MetadataTransfer, PutOutcome, WalkStep,
};

use crate::{Scene, StoreHarness, TransferHarness};

/// Makes a test of every law of `MetadataTransfer`; takes an expression whose future gives
/// `Option<impl TransferHarness>`.
#[macro_export]
macro_rules! metadata_transfer_laws {
    ($harness:expr) => {
        $crate::laws!(
            metadata_transfer,
            $harness,
            [
                copied_documents_survive,
                documents_are_walked_with_their_entries,
                what_is_there_is_never_overwritten,
                a_document_is_copied_with_all_of_its_entries,
                copied_pairs_survive,
                copied_users_and_api_keys_survive,
                copied_audit_entries_survive,
            ]
        );
    };
}

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

struct Rows<'a> {
    scene: Scene<'a>,
    transfer: Arc<dyn MetadataTransfer>,
}

impl<'a> Rows<'a> {
    fn new<H: TransferHarness>(harness: &'a H) -> Self {
        Self {
            scene: Scene::new(harness as &dyn StoreHarness),
            transfer: harness.transfer(),
        }
    }

    /// A document with its owner's entry and `shares` more.
    fn with_entries(&self, document: Document, shares: usize) -> DocumentWithEntries {
        let make = &self.scene.make;
        let mut entries = vec![make.owner_entry(&document)];
        for number in 0..shares {
            let mut entry = make.entry(&document, make.user_id(), Rights::V1_SHARE);
            entry.expires_at = (number % 2 == 1).then(|| make.at().plus(YEAR));
            entries.push(entry);
        }
        DocumentWithEntries {
            document,
            entries,
            rewrapped: None,
        }
    }

    async fn put(&self, put: &[DocumentWithEntries]) -> Vec<PutOutcome> {
        for one in put {
            self.scene.partition(one.document.id.partition()).await;
        }
        let outcomes = self.transfer.put_documents(put).await;
        outcomes.expect("put_documents")
    }

    async fn put_one(&self, put: &DocumentWithEntries) -> PutOutcome {
        self.put(std::slice::from_ref(put)).await[0]
    }

    async fn pair(&self, state: KeyState) -> KeyPair {
        self.scene.pair(Scope::Shared, state).await
    }

    /// All of them, in pages.
    async fn walk(&self, limit: usize) -> Vec<DocumentWithEntries> {
        let mut page = PageRequest {
            after: None,
            limit: PageLimit::clamped(limit),
        };
        let mut all = Vec::new();
        for _ in 0..100 {
            let found = self.transfer.documents_with_entries(&page).await;
            let found = found.expect("documents_with_entries");
            assert!(found.items.len() <= limit);
            all.extend(found.items);
            match found.next {
                Some(next) => page.after = Some(next),
                None => return all,
            }
        }
        panic!("the walk has no end");
    }
}

fn assert_same(found: &[DocumentWithEntries], expected: &[DocumentWithEntries]) {
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.is_same(expected), "{found:?}\n{expected:?}");
    }
}

fn in_order(mut documents: Vec<DocumentWithEntries>) -> Vec<DocumentWithEntries> {
    documents.sort_by_key(|one| (one.document.id.class(), one.document.id));
    documents
}

fn version_4(random: [u8; 16]) -> DocumentId {
    let text: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = format!("{}4{}8{}", &text[..12], &text[13..16], &text[17..]);
    DocumentId::parse(&text).expect("an id of version 4")
}

/// Every column, in every state, of any age, under a key pair in any state.
///
/// # Panics
/// If it does not hold.
pub async fn copied_documents_survive<H: TransferHarness>(harness: &H) {
    let rows = Rows::new(harness);
    let make = &rows.scene.make;
    let owner = rows.scene.user("owner").await.id;
    let old = make.at().minus(5 * YEAR);
    let ids = [
        make.document_id(RetentionClass::DEFAULT, old),
        make.document_id(RetentionClass::new(7), old),
        make.document_id(RetentionClass::new(254), make.at()),
        version_4(make.bytes()),
    ];
    let mut puts = Vec::new();
    for (number, state) in KeyState::ALL.iter().enumerate() {
        let pair = rows.pair(*state).await;
        let mut document = make.document_with_id(ids[number % 4], owner, &pair);
        if number >= ids.len() {
            document.id = make.document_id(RetentionClass::DEFAULT, old.plus(YEAR));
        }
        document.state = DocumentState::ALL[number % 3];
        document.version = i64::MAX - 1;
        document.metadata = DocumentMetadata::new(
            "ünï/客\u{202e}\u{1F512}'\";--",
            i64::MAX,
            "",
            number % 2 == 0,
            EncryptionFormat::parse("AES|CBC").expect("a format"),
        )
        .expect("valid metadata");
        document.object = (number % 2 == 0).then(|| StoredObject {
            size: i64::MAX.unsigned_abs(),
            etag: (number % 4 == 0).then(|| "d41d8cd9-3".to_owned()),
            version_id: (number % 4 == 2).then(|| "null".to_owned()),
        });
        document.created_at = Timestamp::from_micros(old.as_micros() + 1);
        document.expires_at = (number % 2 == 1).then_some(Timestamp::MAX);
        document.hold = number % 3 == 0;
        document.key_exposed = number % 3 == 1;
        puts.push(rows.with_entries(document, number));
    }
    let outcomes = rows.put(&puts).await;
    assert_eq!(outcomes, vec![PutOutcome::Stored; puts.len()]);
    assert_same(&rows.walk(1000).await, &in_order(puts.clone()));
    // By the ports that serve requests, too.
    for put in &puts {
        let found = rows.scene.find(put.document.id, &[owner]).await;
        let found = found.expect("the document");
        assert_eq!(found.document, put.document);
        assert_eq!(found.entries, put.entries[..1]);
        let mut entries = rows.scene.store.entries(put.document.id).await.unwrap();
        let mut expected = put.entries.clone();
        entries.sort_by_key(|entry| entry.principal);
        expected.sort_by_key(|entry| entry.principal);
        assert_eq!(entries, expected);
    }
    let mut of_owner = rows.scene.list(&DocumentFilter::OwnedBy(owner)).await;
    of_owner.sort_by_key(|id| (id.class(), *id));
    let all: Vec<_> = in_order(puts).iter().map(|put| put.document.id).collect();
    assert_eq!(of_owner, all);
}

/// Each once, whatever the pages; also those that were inserted.
///
/// # Panics
/// If it does not hold.
pub async fn documents_are_walked_with_their_entries<H: TransferHarness>(harness: &H) {
    let rows = Rows::new(harness);
    let make = &rows.scene.make;
    let owner = rows.scene.user("owner").await.id;
    let pair = rows.pair(KeyState::Active).await;
    assert_same(&rows.walk(10).await, &[]);
    let mut all = Vec::new();
    for _ in 0..3 {
        let document = rows.scene.document(owner, &pair).await;
        let share = rows
            .scene
            .share(&document, make.user_id(), Rights::READ)
            .await;
        let mut whole = rows.with_entries(document, 0);
        whole.entries.push(share);
        all.push(whole);
    }
    let mut copied = Vec::new();
    for number in 0_u32..6 {
        let class = RetentionClass::new(u8::try_from(number % 2).unwrap());
        let at = make.at().minus(YEAR * (number / 2));
        let id = make.document_id(class, at);
        let document = make.document_with_id(id, owner, &pair);
        copied.push(rows.with_entries(document, number as usize));
    }
    // One whose list is empty: its owner's entry was taken back.
    copied[5].entries.clear();
    rows.put(&copied).await;
    all.extend(copied);
    let all = in_order(all);
    for limit in [1, 2, 3, 8, 9, 10, 1000] {
        assert_same(&rows.walk(limit).await, &all);
    }
}

/// The same is unchanged, anything else differs, and stays.
///
/// # Panics
/// If it does not hold.
pub async fn what_is_there_is_never_overwritten<H: TransferHarness>(harness: &H) {
    let rows = Rows::new(harness);
    let make = &rows.scene.make;
    let owner = rows.scene.user("owner").await.id;
    let pair = rows.pair(KeyState::Active).await;
    let inserted = rows.scene.document(owner, &pair).await;
    let inserted = rows.with_entries(inserted, 0);
    let document = make.document(owner, &pair);
    let copied = rows.with_entries(document, 2);
    assert_eq!(rows.put_one(&copied).await, PutOutcome::Stored);
    let mut reversed = copied.clone();
    reversed.entries.reverse();
    // A record is written with a document that is stored, and with no other.
    let audit = make.record_on(AuditAction::DocumentRewrapped, copied.document.id);
    reversed.rewrapped = Some(audit.audit.clone());
    for same in [&inserted, &copied, &reversed] {
        assert_eq!(rows.put_one(same).await, PutOutcome::Unchanged);
    }
    assert!(!rows.scene.is_recorded(&audit).await);

    let mut others = Vec::new();
    let changes: [fn(&mut DocumentWithEntries); 6] = [
        |one| one.document.version += 1,
        |one| one.document.key_exposed = true,
        |one| one.document.wrapped_key.bytes[0] ^= 1,
        |one| one.entries.truncate(1),
        |one| one.entries[1].rights = Rights::OWNER,
        |one| one.entries[0].expires_at = Some(Timestamp::MAX),
    ];
    for change in changes {
        let mut other = copied.clone();
        change(&mut other);
        others.push(other);
    }
    let fresh = rows.with_entries(make.document(owner, &pair), 1);
    others.insert(2, fresh.clone());
    let mut expected = vec![PutOutcome::Differs; others.len()];
    expected[2] = PutOutcome::Stored;
    for (other, expected) in others.iter().zip(expected) {
        assert_eq!(rows.put_one(other).await, expected, "{other:?}");
    }
    // A document whose key pair is not there would not be whole.
    let unknown = make.pair(Scope::Shared, KeyState::Active);
    let orphan = rows.with_entries(make.document(owner, &unknown), 0);
    let mixed = [orphan, copied.clone(), fresh.clone()];
    let outcomes = rows.put(&mixed).await;
    assert_eq!(
        outcomes,
        [
            PutOutcome::Differs,
            PutOutcome::Unchanged,
            PutOutcome::Unchanged
        ]
    );
    let all = in_order(vec![inserted, copied, fresh]);
    assert_same(&rows.walk(1000).await, &all);
}

/// However many, with its record.
///
/// # Panics
/// If it does not hold.
pub async fn a_document_is_copied_with_all_of_its_entries<H: TransferHarness>(harness: &H) {
    let rows = Rows::new(harness);
    let make = &rows.scene.make;
    let owner = rows.scene.user("owner").await.id;
    let left = make.serial();
    let pair = rows.pair(KeyState::Active).await;
    let mut puts = Vec::new();
    for shares in [0, 89, 90, 99, 250] {
        let mut put = rows.with_entries(make.document(owner, &pair), shares);
        let mut audit = make
            .record_on(AuditAction::DocumentRewrapped, put.document.id)
            .audit;
        audit.serial = Some(left);
        put.rewrapped = Some(audit);
        puts.push(put);
    }
    let outcomes = rows.put(&puts).await;
    assert_eq!(outcomes, vec![PutOutcome::Stored; puts.len()]);
    for put in &puts {
        let audit = put.rewrapped.clone().expect("a record");
        assert!(rows.scene.is_recorded(&audit.into()).await);
    }
    let puts = in_order(puts);
    assert_same(&rows.walk(2).await, &puts);
    // A taken record: the document is not there without it.
    let mut refused = rows.with_entries(make.document(owner, &pair), 3);
    refused.rewrapped = puts[0].rewrapped.clone();
    let refused = std::slice::from_ref(&refused);
    let outcome = rows.transfer.put_documents(refused).await;
    assert!(outcome.is_err(), "{outcome:?}");
    assert_same(&rows.walk(1000).await, &puts);
    // What left a pair by the way is found when that pair is.
    let marked = rows
        .scene
        .store
        .mark_exposed(left, &WalkStep::default())
        .await;
    assert_eq!(marked.expect("mark_exposed").count, 5);
}

/// In every state; one active pair of a scope and algorithm is enough.
///
/// # Panics
/// If it does not hold.
pub async fn copied_pairs_survive<H: TransferHarness>(harness: &H) {
    let rows = Rows::new(harness);
    let make = &rows.scene.make;
    let owner = make.user_id();
    let mut pairs = Vec::new();
    for (number, state) in KeyState::ALL.iter().enumerate() {
        let mut pair = make.pair(Scope::Customer(owner), *state);
        let at = |days: u32| {
            Some(
                make.at()
                    .minus(YEAR)
                    .plus(Duration::from_secs(u64::from(days) * 86_400)),
            )
        };
        pair.created_at = make.at().minus(2 * YEAR);
        pair.activated_at = at(1).filter(|_| number % 2 == 0);
        pair.deactivated_at = at(2).filter(|_| number % 3 == 0);
        pair.destroy_at = at(3).filter(|_| *state == KeyState::DestroyScheduled);
        pair.former_state = (*state == KeyState::DestroyScheduled).then_some(KeyState::Compromised);
        pair.destroyed_at = at(4).filter(|_| *state == KeyState::Destroyed);
        pair.version = i64::MAX - 1;
        pairs.push(pair);
    }
    let mut other = make.pair(Scope::Customer(owner), KeyState::Active);
    other.algorithm = Algorithm::HpkeXWing;
    pairs.push(other);
    pairs.push(make.pair(Scope::Hold, KeyState::Active));
    let put = async |pairs: &[KeyPair]| rows.transfer.put_pairs(pairs).await.expect("put_pairs");
    assert_eq!(put(&pairs).await, vec![PutOutcome::Stored; pairs.len()]);
    assert_eq!(put(&pairs).await, vec![PutOutcome::Unchanged; pairs.len()]);
    let mut expected = pairs.clone();
    expected.sort_by_key(|pair| (pair.created_at, pair.serial));
    assert_eq!(rows.scene.registry.list_pairs().await.unwrap(), expected);
    let active = rows
        .scene
        .registry
        .active_pair(&Scope::Hold, crate::fixtures::ALGORITHM);
    assert_eq!(active.await.unwrap(), pairs.last().cloned());

    let mut changed = pairs[0].clone();
    changed.version -= 1;
    let second = make.pair(Scope::Hold, KeyState::Active);
    assert_eq!(
        put(&[changed, second]).await,
        [PutOutcome::Differs, PutOutcome::Differs]
    );
    assert_eq!(rows.scene.registry.list_pairs().await.unwrap(), expected);
}

/// Their limits hold for what is new alone.
///
/// # Panics
/// If it does not hold.
pub async fn copied_users_and_api_keys_survive<H: TransferHarness>(harness: &H) {
    let rows = Rows::new(harness);
    let make = &rows.scene.make;
    let old = make.at().minus(3 * YEAR);
    let users: Vec<User> = ["zoë", "Zoe", "客", "a b"]
        .into_iter()
        .enumerate()
        .map(|(number, name)| {
            let mut user = make.user(name);
            user.created_at = old;
            if number % 2 == 1 {
                user.state = UserState::Disabled;
            }
            user
        })
        .collect();
    let put = async |users: &[User]| rows.transfer.put_users(users).await.expect("put_users");
    assert_eq!(put(&users).await, vec![PutOutcome::Stored; 4]);
    let mut renamed = users[0].clone();
    renamed.name = UserName::parse("another").unwrap();
    let namesake = User {
        id: make.user_id(),
        ..users[1].clone()
    };
    let fresh = make.user("fresh");
    let outcomes = put(&[renamed, users[2].clone(), namesake, fresh.clone()]).await;
    assert_eq!(
        outcomes,
        [
            PutOutcome::Differs,
            PutOutcome::Unchanged,
            PutOutcome::Differs,
            PutOutcome::Stored
        ]
    );
    let mut all = users.clone();
    all.push(fresh);
    all.sort_by(|one, other| one.name.cmp(&other.name));
    assert_eq!(rows.scene.user_page(None, 1000).await.items, all);

    // More live keys than a user may be given, and dead ones.
    let of = users[0].id;
    let mut keys: Vec<_> = (0..5).map(|_| make.api_key(of)).collect();
    keys[0].expires_at = Some(old);
    keys[1].revoked_at = Some(make.at());
    let put = async |keys: &[_]| {
        rows.transfer
            .put_api_keys(keys)
            .await
            .expect("put_api_keys")
    };
    assert_eq!(put(&keys).await, vec![PutOutcome::Stored; 5]);
    let mut changed = keys[1].clone();
    changed.revoked_at = None;
    let of_nobody = make.api_key(make.user_id());
    let outcomes = put(&[changed, keys[2].clone(), of_nobody.clone()]).await;
    assert_eq!(
        outcomes,
        [
            PutOutcome::Differs,
            PutOutcome::Unchanged,
            PutOutcome::Differs
        ]
    );
    let accounts = &rows.scene.accounts;
    let mut expected = keys.clone();
    expected.sort_by_key(|key| (key.created_at, key.id));
    assert_eq!(accounts.list_api_keys(of).await.unwrap(), expected);
    for key in &keys {
        let found = accounts.find_api_key(key.id).await.unwrap();
        assert_eq!(found, Some((key.clone(), users[0].clone())));
    }
    assert_eq!(accounts.find_api_key(of_nobody.id).await.unwrap(), None);
    // A copied user is one like any other: he is given keys.
    rows.scene.api_key(users[2].id).await;
}

/// Every column, of any age; rewraps that they tell of count.
///
/// # Panics
/// If it does not hold.
pub async fn copied_audit_entries_survive<H: TransferHarness>(harness: &H) {
    let rows = Rows::new(harness);
    let make = &rows.scene.make;
    let owner = rows.scene.user("owner").await.id;
    let key = make.api_key(owner);
    let (left, pair) = (make.serial(), rows.pair(KeyState::Active).await);
    let documents: Vec<_> = (0..3)
        .map(|_| rows.with_entries(make.document(owner, &pair), 0))
        .collect();
    rows.put(&documents).await;
    let before = rows.scene.audit(&AuditFilter::default()).await;
    let old = make.at().minus(4 * YEAR);
    let whole = AuditEntry {
        id: AuditId::new(old, make.bytes()),
        at: old,
        action: AuditAction::EntryGranted,
        actor: Actor::User {
            id: owner,
            api_key: key.id,
        },
        address: Some("2001:db8::1".to_owned()),
        document: Some(documents[0].document.id),
        principal: Some(Principal::User(make.user_id())),
        rights: Some(Rights::OWNER),
        user: Some(owner),
        api_key: Some(key.id),
        serial: Some(left),
        master_key: Some(MasterKeyId::from_bytes(make.bytes())),
        ..make.record(AuditAction::UserCreated).audit
    };
    let mut entries = vec![whole.clone(), make.record(AuditAction::UserDisabled).audit];
    // One of a document that is there, one of a document that is not.
    for id in [documents[1].document.id, make.document(owner, &pair).id] {
        let mut rewrapped = make.record_on(AuditAction::DocumentRewrapped, id).audit;
        rewrapped.serial = Some(left);
        entries.push(rewrapped);
    }
    let put = async |entries: &[AuditEntry]| {
        let put = rows.transfer.put_audit(entries).await;
        put.expect("put_audit")
    };
    assert_eq!(put(&entries).await, vec![PutOutcome::Stored; 4]);
    assert_eq!(put(&entries).await, vec![PutOutcome::Unchanged; 4]);
    let mut changed = whole.clone();
    changed.address = None;
    assert_eq!(put(&[changed]).await, [PutOutcome::Differs]);
    let mut expected = before;
    expected.extend(entries);
    expected.sort_by_key(|entry| std::cmp::Reverse(entry.id));
    assert_eq!(rows.scene.audit(&AuditFilter::default()).await, expected);
    let marked = rows
        .scene
        .store
        .mark_exposed(left, &WalkStep::default())
        .await;
    assert_eq!(marked.expect("mark_exposed").count, 1);
    let exposed = rows.scene.list(&DocumentFilter::KeyExposed).await;
    assert_eq!(exposed, [documents[1].document.id]);
}
