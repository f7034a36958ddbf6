use crypt_keeper_domain::model::{
    AuditAction, DocumentId, DocumentMetadata, DocumentState, EncryptionFormat, KeyState,
    RetentionClass, Rights, Scope, StoredObject, Timestamp,
};
use crypt_keeper_domain::ports::{DocumentFilter, DocumentWithEntries, PutOutcome, WalkStep};

use super::{Rows, YEAR, assert_same, in_order};
use crate::TransferHarness;

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
