use std::time::Duration;

use crypt_keeper_domain::memory::Fault;
use crypt_keeper_domain::model::{
    AuditAction, DocumentId, HoldReason, PartitionState, Principal, Scope,
};
use crypt_keeper_domain::ports::{Change, Holds, MetadataStore};
use crypt_keeper_domain::usecase::{PlacedHold, Waiting};

use super::calendar::{Calendar, DAY, HOUR};
use crate::house::{metadata, refusal};

fn reason() -> HoldReason {
    HoldReason::parse("case 4711").unwrap()
}

async fn place(it: &Calendar, id: DocumentId) -> Result<PlacedHold, crypt_keeper_domain::Error> {
    it.place_hold()
        .run(&it.house.operator(), id, reason())
        .await
}

async fn drop_everything(it: &Calendar) {
    it.pass(DAY * 32);
    for _ in 0..3 {
        it.expire().run(&it.house.operator()).await.unwrap();
        it.pass(DAY);
    }
}

#[tokio::test]
async fn a_held_document_is_read_after_its_partition_is_gone() {
    let it = Calendar::new();
    let alice = it.house.person("alice").await;
    let bob = it.house.person("bob").await;
    let (id, other) = (it.upload(&alice).await, it.upload(&alice).await);
    it.house.share(&alice, id, "bob").await.unwrap();
    let placed = place(&it, id).await.unwrap();
    assert!(placed.changed && placed.object.is_some());
    let again = place(&it, id).await.unwrap();
    assert!(!again.changed);

    drop_everything(&it).await;
    assert_eq!(
        it.entry(id.partition()).await.state,
        PartitionState::Expired
    );
    assert_eq!(refusal(it.download(&alice, other).await), "NoSuchDocument");
    for who in [&alice, &bob] {
        let grant = it.download(who, id).await.expect("held");
        assert!(
            grant
                .document
                .object_key
                .as_str()
                .starts_with("hold/7/20260301/")
        );
        assert_eq!(grant.document.wrapped_key.scope, Scope::Hold);
        let got = it.house.blobs.request("GET", grant.url.as_str(), b"");
        assert_eq!(got.body, b"ciphertext");
    }
    // The pair of scope `hold` is needed as long as the hold lasts.
    let serial = it
        .download(&alice, id)
        .await
        .unwrap()
        .document
        .wrapped_key
        .serial;
    let count = it
        .expire()
        .schedule
        .count
        .run(&it.house.operator(), serial)
        .await;
    assert_eq!(count.unwrap(), 1);

    let removed = it
        .remove_hold()
        .run(&it.house.operator(), id)
        .await
        .unwrap();
    assert!(!removed.lives_on);
    assert_eq!(removed.objects, 1);
    assert_eq!(refusal(it.download(&alice, id).await), "NoSuchDocument");
    assert!(!it.has_row(id).await);
    let answer = it.remove_hold().run(&it.house.operator(), id).await;
    assert_eq!(refusal(answer), "NoSuchHold");
}

#[tokio::test]
async fn a_hold_that_is_taken_off_in_time_lets_the_document_live_on() {
    let it = Calendar::new();
    let alice = it.house.person("alice").await;
    let id = it.upload(&alice).await;
    place(&it, id).await.unwrap();
    it.pass(DAY * 31);
    it.download(&alice, id)
        .await
        .expect("what is held does not expire");
    let removed = it
        .remove_hold()
        .run(&it.house.operator(), id)
        .await
        .unwrap();
    assert!(removed.lives_on);
    assert_eq!(it.objects_of(id), 1);
    assert_eq!(refusal(it.download(&alice, id).await), "NoSuchDocument");
}

#[tokio::test]
async fn nothing_is_held_once_its_objects_are_being_deleted() {
    let it = Calendar::new();
    let alice = it.house.person("alice").await;
    let id = it.upload(&alice).await;
    it.pass(DAY * 32);
    it.expire().run(&it.house.operator()).await.unwrap();
    it.pass(HOUR);
    it.house.blobs.faults().fail(Fault::Unavailable);
    it.expire().run(&it.house.operator()).await.unwrap();
    it.house.blobs.faults().heal();
    assert_eq!(
        it.entry(id.partition()).await.state,
        PartitionState::Emptying
    );
    assert_eq!(refusal(place(&it, id).await), "HoldTooLate");
}

#[tokio::test]
async fn a_closed_partition_can_still_be_held_from_and_waits_for_it() {
    let it = Calendar::new();
    let alice = it.house.person("alice").await;
    let bob = it.house.person("bob").await;
    let id = it.upload(&alice).await;
    it.house.share(&alice, id, "bob").await.unwrap();
    it.pass(DAY * 32);
    it.expire().run(&it.house.operator()).await.unwrap();
    it.pass(HOUR);
    assert_eq!(refusal(it.download(&alice, id).await), "NoSuchDocument");
    it.house.blobs.faults().fail(Fault::Unavailable);
    assert_eq!(refusal(place(&it, id).await), "Unavailable");
    it.house.blobs.faults().heal();
    it.download(&alice, id)
        .await
        .expect("it is held from the beginning of the hold on");
    let waiting = it.expire().run(&it.house.operator()).await.unwrap();
    assert_eq!(waiting.waiting, [(id.partition(), Waiting::Hold)]);
    // What is taken back while the copies are being made is not in them.
    let principal = Principal::User(bob.user.id);
    let record = it.house.record(AuditAction::EntryRevoked);
    let revoked = it.gate.revoke(id, principal, &record).await.unwrap();
    assert_eq!(revoked, Change::Changed);
    place(&it, id).await.unwrap();
    drop_everything(&it).await;
    it.download(&alice, id).await.expect("held");
    assert_eq!(refusal(it.download(&bob, id).await), "Forbidden");
}

#[tokio::test]
async fn an_object_that_may_still_come_is_waited_for() {
    let it = Calendar::new();
    let alice = it.house.person("alice").await;
    let context = it.house.of(&alice);
    let grant = it
        .request_upload()
        .run(&context, metadata("x"))
        .await
        .unwrap();
    assert_eq!(refusal(place(&it, grant.id).await), "HoldIncomplete");
    let hold = it.house.store.find_hold(grant.id).await.unwrap().unwrap();
    assert_eq!(hold.completed_at, None);
    let put = it
        .house
        .blobs
        .request("PUT", grant.url.as_str(), b"ciphertext");
    assert_eq!(put.status, 200);
    let placed = place(&it, grant.id).await.unwrap();
    assert!(placed.object.is_some());

    let never = it
        .request_upload()
        .run(&context, metadata("x"))
        .await
        .unwrap();
    it.pass(Duration::from_secs(601));
    let placed = place(&it, never.id).await.unwrap();
    assert_eq!(placed.object, None);
}

#[tokio::test]
async fn a_hold_that_stops_anywhere_is_gone_on_with() {
    for calls in 0..30 {
        let it = Calendar::new();
        let alice = it.house.person("alice").await;
        let id = it.upload(&alice).await;
        it.house
            .store
            .faults()
            .fail_after(calls, Fault::Unavailable);
        let _ = place(&it, id).await;
        it.house.store.faults().heal();
        place(&it, id).await.unwrap();
        let held = it.house.store.held().find(id, &[]).await.unwrap();
        assert!(held.is_some(), "after {calls} calls");
        drop_everything(&it).await;
        it.download(&alice, id).await.expect("held");
    }
}

#[tokio::test]
async fn only_operators_hold() {
    let it = Calendar::new();
    let alice = it.house.person("alice").await;
    let id = it.upload(&alice).await;
    let context = it.house.of(&alice);
    let answer = it.place_hold().run(&context, id, reason()).await;
    assert_eq!(refusal(answer), "Forbidden");
    let answer = it.remove_hold().run(&context, id).await;
    assert_eq!(refusal(answer), "Forbidden");
}
