use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::model::{
    Algorithm, AuditAction, Document, DocumentId, DocumentMetadata, DocumentState,
    EncryptionFormat, KeyState, RetentionClass, Scope, StoredObject, Timestamp,
};
use crypt_keeper_domain::ports::{DocumentFilter, Found, InsertOutcome, StoreError};

use crate::concurrency::at_once;
use crate::fixtures::ALGORITHM;
use crate::{Scene, StoreHarness};

/// What was inserted is found as it was, to the microsecond and the last character: odd names,
/// the greatest numbers, every retention class.
pub async fn inserted_is_found(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let alice = scene.user("alice").await;
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    for document in odd_documents(&scene, &scene.make.document(alice.id, &pair)) {
        scene.insert(&document).await;
        let expected = Found {
            entries: vec![scene.make.owner_entry(&document)],
            document,
            key_state: KeyState::Active,
        };
        let found = scene.find(expected.document.id, &[alice.id]).await;
        assert_eq!(found.as_ref(), Some(&expected));
        assert_eq!(
            scene.store.entries(expected.document.id).await.unwrap(),
            expected.entries
        );
    }
    let nobodys = scene
        .make
        .document_id(RetentionClass::DEFAULT, scene.make.at());
    assert_eq!(scene.find(nobodys, &[alice.id]).await, None);
    assert_eq!(scene.store.entries(nobodys).await.unwrap(), []);
}

fn odd_documents(scene: &Scene<'_>, plain: &Document) -> Vec<Document> {
    let texts = [
        (String::new(), String::new(), ""),
        ("é".repeat(2048), "\u{1f512}".repeat(1000), "AES|CBC"),
        (
            "e\u{301} \u{e9} \u{212b} \u{202e}fdp.exe \u{feff}".to_owned(),
            "text/plain; charset=\"utf-8\"".to_owned(),
            "\u{1f512}\u{1f512}\u{1f512}\u{1f512}\u{1f512}\u{1f512}\u{1f512}\u{1f512}\u{1f512}\u{1f512}\u{1f512}\u{1f512}\u{1f512}\u{1f512}\u{1f512}\u{1f512}\u{1f512}\u{1f512}\u{1f512}\u{1f512}",
        ),
        (
            "../../x\\y'\"%_;--\t\r\n\u{1}\u{7f} ".to_owned(),
            " ".to_owned(),
            " ",
        ),
        ("\u{10ffff}\u{ffff}".to_owned(), "\\x00".to_owned(), "x"),
    ];
    let classes = [0, 1, 15, 16, 254].map(RetentionClass::new);
    let at = scene.make.at();
    let mut documents = Vec::new();
    for ((name, kind, format), class) in texts.into_iter().zip(classes) {
        let mut document = with_id(scene, plain, scene.make.document_id(class, at));
        let format = EncryptionFormat::parse(format).unwrap();
        document.metadata =
            DocumentMetadata::new(&name, i64::MAX, &kind, true, format).expect("valid metadata");
        documents.push(document);
    }
    let mut imported = with_id(scene, plain, version_4(scene));
    imported.state = DocumentState::Available;
    imported.object = Some(StoredObject {
        size: i64::MAX.unsigned_abs(),
        etag: Some("9e107d9d372bb6826bd81d3542a419d6-5".to_owned()),
        version_id: Some("3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo".into()),
    });
    imported.created_at = Timestamp::from_micros(1);
    imported.expires_at = Some(Timestamp::MAX);
    imported.hold = true;
    documents.push(imported);
    documents
}

/// Neither document nor entry nor audit entry is left by an insert that failed, for any reason.
pub async fn failed_insert_leaves_nothing(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let alice = scene.user("alice").await;
    let bob = scene.user("bob").await;
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let stopped = scene.pair(Scope::Hold, KeyState::Deactivated).await;
    let stored = scene.document(alice.id, &pair).await;

    let again = scene.make.document_with_id(stored.id, bob.id, &pair);
    let entry = scene.make.owner_entry(&again);
    let record = scene
        .make
        .record_on(AuditAction::DocumentCreated, stored.id);
    let conflict = scene.store.insert(&again, &entry, &record).await;
    assert!(
        matches!(conflict, Err(StoreError::Conflict)),
        "{conflict:?}"
    );
    let found = scene.find(stored.id, &[alice.id, bob.id]).await.unwrap();
    assert_eq!(found.document, stored);
    assert_eq!(found.entries, [scene.make.owner_entry(&stored)]);
    assert!(!scene.is_recorded(&record).await);

    let under_stopped = scene.make.document(bob.id, &stopped);
    let outcome = scene.try_insert(&under_stopped).await;
    assert_eq!(outcome, InsertOutcome::KeyPairNotActive);
    nothing_is_left(&scene, &under_stopped).await;

    let early = scene.make.at().minus(Duration::from_secs(3600));
    let early = scene.make.document_id(RetentionClass::DEFAULT, early);
    let early = scene.make.document_with_id(early, bob.id, &pair);
    assert_eq!(scene.try_insert(&early).await, InsertOutcome::OutsideWindow);
    nothing_is_left(&scene, &early).await;

    // The audit entry is usually written last: if it cannot be, the rest must not stay.
    let unrecorded = scene.make.document(bob.id, &pair);
    let entry = scene.make.owner_entry(&unrecorded);
    let mut record = scene
        .make
        .record_on(AuditAction::DocumentCreated, unrecorded.id);
    let other = scene.make.record(AuditAction::UserCreated);
    let user = scene.make.user("carol");
    scene.accounts.insert_user(&user, &other).await.unwrap();
    record.audit.id = other.audit.id;
    let outcome = scene.store.insert(&unrecorded, &entry, &record).await;
    assert!(outcome.is_err(), "an audit id was used twice: {outcome:?}");
    nothing_is_left(&scene, &unrecorded).await;
    scene.insert(&unrecorded).await;
}

async fn nothing_is_left(scene: &Scene<'_>, document: &Document) {
    let id = document.id;
    assert_eq!(scene.find(id, &[document.owner]).await, None);
    assert_eq!(scene.store.entries(id).await.unwrap(), []);
    assert_eq!(scene.count(AuditAction::DocumentCreated, id).await, 0);
    let owned = DocumentFilter::OwnedBy(document.owner);
    assert_eq!(scene.list(&owned).await, []);
}

/// Of 20 inserts of one id at the same time one succeeds, whole; the others are conflicts.
pub async fn one_of_many_inserts_wins(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let alice = scene.user("alice").await;
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    for _ in 0..3 {
        let id = scene
            .make
            .document_id(RetentionClass::DEFAULT, scene.make.at());
        scene.partition(id.partition()).await;
        let mut rivals = Vec::new();
        for number in 0..20 {
            let mut document = scene.make.document_with_id(id, alice.id, &pair);
            document.metadata = scene.make.metadata(&format!("rival {number}"));
            rivals.push(document);
        }
        let answers = at_once(rivals.len(), |number| {
            let store = Arc::clone(&scene.store);
            let document = rivals[number].clone();
            let entry = scene.make.owner_entry(&document);
            let record = scene.make.record_on(AuditAction::DocumentCreated, id);
            async move { (store.insert(&document, &entry, &record).await, record) }
        })
        .await;

        let mut winners = Vec::new();
        for (rival, (answer, record)) in rivals.iter().zip(answers) {
            match answer {
                Ok(InsertOutcome::Inserted) => winners.push((rival, record)),
                Err(StoreError::Conflict) => {}
                other => panic!("neither stored nor a conflict: {other:?}"),
            }
        }
        let [(winner, record)] = &winners[..] else {
            panic!("{} of 20 inserts succeeded", winners.len());
        };
        let found = scene.find(id, &[alice.id]).await.unwrap();
        assert_eq!(found.document, **winner);
        assert_eq!(found.entries.len(), 1);
        assert_eq!(scene.count(AuditAction::DocumentCreated, id).await, 1);
        assert!(scene.is_recorded(record).await);
    }
}

/// A document is stored only if its key pair is active, of its scope and of its algorithm.
pub async fn insert_needs_an_active_pair_of_the_same_scope(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let alice = scene.user("alice").await;
    for state in KeyState::ALL {
        let scope = Scope::Customer(scene.make.user_id());
        let pair = scene.pair(scope, *state).await;
        let document = scene.make.document(alice.id, &pair);
        let expected = if *state == KeyState::Active {
            InsertOutcome::Inserted
        } else {
            InsertOutcome::KeyPairNotActive
        };
        assert_eq!(scene.try_insert(&document).await, expected, "{state}");
    }

    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    let mut document = scene.make.document(alice.id, &pair);
    document.wrapped_key.scope = Scope::Hold;
    let outcome = scene.try_insert(&document).await;
    assert_eq!(outcome, InsertOutcome::KeyPairNotActive, "another scope");

    for other in Algorithm::ALL.iter().filter(|other| **other != ALGORITHM) {
        let mut document = scene.make.document(alice.id, &pair);
        document.wrapped_key.algorithm = *other;
        let outcome = scene.try_insert(&document).await;
        assert_eq!(outcome, InsertOutcome::KeyPairNotActive, "{other}");
    }

    let unknown = scene.make.pair(Scope::Shared, KeyState::Active);
    let document = scene.make.document(alice.id, &unknown);
    let outcome = scene.try_insert(&document).await;
    assert_eq!(outcome, InsertOutcome::KeyPairNotActive, "unknown serial");

    let document = scene.make.document(alice.id, &pair);
    scene.set_pair_state(&pair, KeyState::Deactivated).await;
    let outcome = scene.try_insert(&document).await;
    assert_eq!(outcome, InsertOutcome::KeyPairNotActive, "rotated out");
}

/// Ids whose moment is far from the store's clock are not stored; those of class `import`, which
/// have no moment, are.
pub async fn insert_refuses_ids_outside_the_window(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let alice = scene.user("alice").await;
    let pair = scene.pair(Scope::Shared, KeyState::Active).await;
    // A clock that runs while the law does cannot be met on the millisecond.
    let margin = Duration::from_secs(10);
    let now = scene.now();
    let moments = [
        (now.minus(DocumentId::MAX_BEHIND + margin), false),
        (now.minus(DocumentId::MAX_BEHIND - margin), true),
        (now, true),
        (now.plus(DocumentId::MAX_AHEAD - margin), true),
        (now.plus(DocumentId::MAX_AHEAD + margin), false),
        (Timestamp::EPOCH, false),
        (Timestamp::MAX, false),
    ];
    for (moment, inside) in moments {
        for class in [RetentionClass::DEFAULT, RetentionClass::new(9)] {
            let id = scene.make.document_id(class, moment);
            let document = scene.make.document_with_id(id, alice.id, &pair);
            let expected = if inside {
                InsertOutcome::Inserted
            } else {
                InsertOutcome::OutsideWindow
            };
            assert_eq!(scene.try_insert(&document).await, expected, "{moment}");
        }
    }
    let imported = scene
        .make
        .document_with_id(version_4(&scene), alice.id, &pair);
    assert_eq!(scene.try_insert(&imported).await, InsertOutcome::Inserted);
}

fn with_id(scene: &Scene<'_>, plain: &Document, id: DocumentId) -> Document {
    use crypt_keeper_domain::model::ObjectKey;
    Document {
        id,
        object_key: ObjectKey::new(id, scene.make.bytes()),
        ..plain.clone()
    }
}

fn version_4(scene: &Scene<'_>) -> DocumentId {
    let random = u128::from_be_bytes(scene.make.bytes());
    let bits = random & !(0xf << 76) & !(0b11 << 62) | (0x4 << 76) | (0b10 << 62);
    let hex = format!("{bits:032x}");
    DocumentId::parse(&hex).expect("a UUID of version 4")
}
