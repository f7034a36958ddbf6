//! Laws of [`AuditLog`](crypt_keeper_domain::ports::AuditLog).

use std::time::Duration;

use crypt_keeper_domain::model::{
    Actor, AuditAction, AuditEntry, AuditId, MasterKeyId, Principal, Record, RequestId,
    RetentionClass, Rights, Timestamp,
};
use crypt_keeper_domain::ports::{AuditFilter, StoreError, UserInsert};

use crate::{Scene, StoreHarness};

/// Makes a test of every law of `AuditLog`; takes an expression whose future gives
/// `Option<impl StoreHarness>`.
#[macro_export]
macro_rules! audit_log_laws {
    ($harness:expr) => {
        $crate::laws!(
            audit_log,
            $harness,
            [
                every_column_survives,
                filters_select_and_pages_show_each_entry_once,
                an_act_whose_audit_id_is_taken_is_not_done,
                an_entry_without_an_act_is_written_once,
            ]
        );
    };
}

/// An entry comes back as it was written: every action and actor, all columns full or empty.
pub async fn every_column_survives(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let at = scene.make.at();
    let mut written = Vec::new();
    for (number, action) in (0..).zip(AuditAction::ALL) {
        let moment = at.plus(Duration::from_micros(number));
        let sparse = scene.make.record(*action).audit;
        let mut full = scene.make.record(*action).audit;
        full.id = AuditId::new(moment, scene.make.bytes());
        full.at = moment;
        full.actor = Actor::User {
            id: scene.make.user_id(),
            api_key: scene.make.api_key(scene.make.user_id()).id,
        };
        full.request_id = RequestId::parse(&"aZ9-_.x0".repeat(8)).unwrap();
        full.address = Some("2001:db8::ffff:192.0.2.33".to_owned());
        full.document = Some(scene.make.document_id(RetentionClass::new(254), at));
        full.principal = Some(Principal::User(scene.make.user_id()));
        full.rights = Rights::from_mask(63 - u8::try_from(number).unwrap());
        full.user = Some(scene.make.user_id());
        full.api_key = Some(scene.make.api_key(scene.make.user_id()).id);
        full.serial = Some(scene.make.serial());
        full.master_key = Some(MasterKeyId::from_bytes(scene.make.bytes()));
        let mut operators = scene.make.record(*action).audit;
        operators.actor = Actor::Operator;
        operators.at = Timestamp::MAX;
        operators.rights = Some(Rights::NONE);
        for entry in [sparse, full, operators] {
            write(&scene, &entry).await;
            written.push(entry);
        }
    }
    written.sort_by_key(|entry| std::cmp::Reverse(entry.id));
    let listed = scene.audit(&AuditFilter::default()).await;
    assert_eq!(listed, written);
}

/// A filter selects what meets all of its conditions; the pages show each entry once, the newest
/// first, whatever is written meanwhile.
pub async fn filters_select_and_pages_show_each_entry_once(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let at = scene.make.at();
    let second = Duration::from_secs(1);
    let (alice, bob) = (scene.make.user_id(), scene.make.user_id());
    let document = scene.make.document_id(RetentionClass::DEFAULT, at);
    let actions = [AuditAction::EntryGranted, AuditAction::DocumentReleased];

    // Every combination of action, document, and the way in which Alice is concerned, if she is.
    let mut all = Vec::new();
    for number in 0..20_u32 {
        let moment = at.plus(second * number);
        let mut entry = scene.make.record(actions[number as usize % 2]).audit;
        entry.id = AuditId::new(moment, scene.make.bytes());
        entry.at = moment;
        entry.document = (number / 2 % 2 == 0).then_some(document);
        let bobs_key = scene.make.api_key(bob).id;
        let actor = |id| Actor::User {
            id,
            api_key: bobs_key,
        };
        match number / 4 {
            0 => entry.actor = actor(alice),
            1 => entry.user = Some(alice),
            2 => entry.principal = Some(Principal::User(alice)),
            3 => entry.actor = actor(bob),
            _ => entry.user = Some(bob),
        }
        write(&scene, &entry).await;
        all.push(entry);
    }
    all.reverse();
    scene.settle().await;

    let by_alice = |entry: &AuditEntry| {
        matches!(entry.actor, Actor::User { id, .. } if id == alice)
            || entry.user == Some(alice)
            || entry.principal == Some(Principal::User(alice))
    };
    let whole = AuditFilter {
        document: Some(document),
        user: Some(alice),
        action: Some(AuditAction::EntryGranted),
        since: Some(at.plus(second * 4)),
        until: Some(at.plus(second * 8)),
    };
    // Every subset of the five conditions.
    for mask in 0..32_u8 {
        let has = |bit: u8| mask & (1 << bit) != 0;
        let filter = AuditFilter {
            document: whole.document.filter(|_| has(0)),
            user: whole.user.filter(|_| has(1)),
            action: whole.action.filter(|_| has(2)),
            since: whole.since.filter(|_| has(3)),
            until: whole.until.filter(|_| has(4)),
        };
        let mut expected = all.clone();
        expected.retain(|entry| {
            (!has(0) || entry.document == Some(document))
                && (!has(1) || by_alice(entry))
                && (!has(2) || entry.action == AuditAction::EntryGranted)
                && filter.since.is_none_or(|since| entry.at >= since)
                && filter.until.is_none_or(|until| entry.at < until)
        });
        assert!(!expected.is_empty());
        assert_eq!(walk(&scene, &filter).await, expected, "{filter:?}");
    }
    let nobody = AuditFilter {
        user: Some(scene.make.user_id()),
        ..AuditFilter::default()
    };
    assert_eq!(walk(&scene, &nobody).await, []);
}

/// An audit id names one act: another act of the same id fails, and what is there stays.
pub async fn an_act_whose_audit_id_is_taken_is_not_done(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let first = scene.make.record(AuditAction::UserCreated).audit;
    write(&scene, &first).await;
    let bob = scene.make.user("bob");
    let mut second = scene.make.record(AuditAction::UserCreated);
    second.audit.id = first.id;
    second.audit.user = Some(bob.id);
    let outcome = scene.accounts.insert_user(&bob, &second).await;
    assert!(outcome.is_err(), "{outcome:?}");
    assert_eq!(scene.accounts.find_user(&bob.name).await.unwrap(), None);
    let listed = scene.audit(&AuditFilter::default()).await;
    assert_eq!(listed, [first]);
}

/// What is done outside of the store is written down by itself, and an id is not used again.
pub async fn an_entry_without_an_act_is_written_once(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let mut record = scene.make.record(AuditAction::MasterKeyAdded);
    record.audit.actor = Actor::Operator;
    record.audit.master_key = Some(MasterKeyId::from_bytes(scene.make.bytes()));
    scene
        .audit
        .append_audit(&record)
        .await
        .expect("append_audit");
    let again = scene.audit.append_audit(&record).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
    let listed = scene.audit(&AuditFilter::default()).await;
    assert_eq!(listed, [record.audit]);
}

/// Pages of three, and a new entry, which no filter selects, after each.
async fn walk(scene: &Scene<'_>, filter: &AuditFilter) -> Vec<AuditEntry> {
    let mut seen = Vec::new();
    let mut after = None;
    for number in 0.. {
        assert!(number < 100, "the pages have no end");
        let page = scene.audit_page(filter, after, 3).await;
        assert!(page.items.len() <= 3);
        seen.extend(page.items);
        if page.next.is_none() {
            break;
        }
        after = page.next;
        let mut meanwhile = scene.make.record(AuditAction::KeyPairCreated).audit;
        meanwhile.id = AuditId::new(Timestamp::MAX, scene.make.bytes());
        write(scene, &meanwhile).await;
    }
    seen.retain(|entry| entry.action != AuditAction::KeyPairCreated);
    seen
}

/// Writes an entry by the smallest of acts, the making of a user.
async fn write(scene: &Scene<'_>, entry: &AuditEntry) {
    let user = scene.make.user("someone");
    let record = Record::from(entry.clone());
    let inserted = scene.accounts.insert_user(&user, &record).await;
    assert_eq!(inserted.expect("insert_user"), UserInsert::Inserted);
}
