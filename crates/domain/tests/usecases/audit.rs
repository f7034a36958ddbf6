use std::time::Duration;

use crypt_keeper_domain::model::{AuditAction, PageLimit, PageRequest};
use crypt_keeper_domain::usecase::{AuditQuery, ReadAudit};

use crate::house::{House, refusal, user_name};

fn read_audit(house: &House) -> ReadAudit {
    ReadAudit {
        audit: house.store.clone(),
        accounts: house.store.clone(),
    }
}

/// The kinds of the acts that a query finds, the newest first, read in pages of three.
async fn actions(house: &House, query: &AuditQuery) -> Vec<AuditAction> {
    let (read, operator) = (read_audit(house), house.operator());
    let mut page = PageRequest {
        after: None,
        limit: PageLimit::clamped(3),
    };
    let mut actions = Vec::new();
    loop {
        let (found, _) = read.run(&operator, query, &page).await.unwrap();
        actions.extend(found.items.iter().map(|entry| entry.action));
        match found.next {
            Some(next) => page.after = Some(next),
            None => return actions,
        }
    }
}

#[tokio::test]
async fn an_auditor_sees_who_got_what_the_newest_first() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let bob = house.person("bob").await;
    let tick = || house.clock.advance(Duration::from_secs(1));
    tick();
    let since = house.now();
    let id = house.uploaded(&alice).await;
    tick();
    house.uploaded(&alice).await;
    tick();
    house.share(&alice, id, "bob").await.unwrap();
    tick();
    house.download(&bob, id).await.unwrap();

    let on_document = AuditQuery {
        document: Some(id),
        ..AuditQuery::default()
    };
    assert_eq!(
        actions(&house, &on_document).await,
        [
            AuditAction::DocumentReleased,
            AuditAction::EntryGranted,
            AuditAction::DocumentCreated,
        ]
    );
    let of_bob = AuditQuery {
        user: Some(user_name("bob")),
        since: Some(since),
        ..AuditQuery::default()
    };
    assert_eq!(
        actions(&house, &of_bob).await,
        [AuditAction::DocumentReleased, AuditAction::EntryGranted]
    );
    let uploads = AuditQuery {
        action: Some(AuditAction::DocumentCreated),
        until: Some(since.plus(Duration::from_secs(1))),
        ..AuditQuery::default()
    };
    assert_eq!(
        actions(&house, &uploads).await,
        [AuditAction::DocumentCreated]
    );
    let everything = actions(&house, &AuditQuery::default()).await;
    assert_eq!(everything.len(), house.audit().await.len());

    let page = PageRequest::default();
    // Who acted, whose entry it was, whose account: all are named.
    let (read, operator) = (read_audit(&house), house.operator());
    for (action, expected) in [
        (AuditAction::DocumentReleased, vec!["bob"]),
        (AuditAction::EntryGranted, vec!["alice", "bob"]),
        (AuditAction::UserCreated, vec!["alice", "bob"]),
    ] {
        let query = AuditQuery {
            action: Some(action),
            ..AuditQuery::default()
        };
        let (_, names) = read.run(&operator, &query, &page).await.unwrap();
        let mut names: Vec<_> = names.values().map(ToString::to_string).collect();
        names.sort_unstable();
        assert_eq!(names, expected, "{action}");
    }
}

#[tokio::test]
async fn the_audit_log_is_for_operators_and_knows_who_exists() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let (read, page) = (read_audit(&house), PageRequest::default());
    let nobodys = AuditQuery {
        user: Some(user_name("nobody")),
        ..AuditQuery::default()
    };
    let answer = read.run(&house.operator(), &nobodys, &page).await;
    assert_eq!(refusal(answer), "NoSuchUser");
    let query = AuditQuery::default();
    let answer = read.run(&house.of(&alice), &query, &page).await;
    assert_eq!(refusal(answer), "Forbidden");
}
