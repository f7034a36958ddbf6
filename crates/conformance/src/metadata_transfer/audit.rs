use crypt_keeper_domain::model::{
    Actor, AuditAction, AuditEntry, AuditId, KeyState, MasterKeyId, Principal, Rights,
};
use crypt_keeper_domain::ports::{AuditFilter, DocumentFilter, PutOutcome, WalkStep};

use super::{Rows, YEAR};
use crate::TransferHarness;

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
