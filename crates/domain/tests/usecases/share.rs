use std::time::Duration;

use crypt_keeper_domain::model::{DocumentId, DocumentState, RetentionClass, Rights};
use crypt_keeper_domain::ports::{DocumentChange, MetadataStore};

use crate::house::{House, refusal};

#[tokio::test]
async fn a_share_opens_the_document_to_one_more_user() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let bob = house.person("bob").await;
    let id = house.uploaded(&alice).await;
    house.clock.advance(Duration::from_secs(1));
    let since = house.now();
    house.share(&alice, id, "bob").await.unwrap();
    house.download(&bob, id).await.unwrap();
    assert_eq!(
        house.log_since(since, &[&alice, &bob]).await,
        [
            "bob by bob's key: document.released, read",
            "alice by alice's key: entry.granted, entry of bob, read-metadata+read",
        ]
    );
}

#[tokio::test]
async fn sharing_again_changes_nothing_and_is_no_error() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let bob = house.person("bob").await;
    let id = house.uploaded(&alice).await;
    for _ in 0..3 {
        house.share(&alice, id, "bob").await.unwrap();
    }
    house.share(&alice, id, "alice").await.unwrap();
    let entries = house.store.entries(id).await.unwrap();
    let rights: Vec<_> = entries.iter().map(|entry| entry.rights).collect();
    assert_eq!(rights, [Rights::OWNER, Rights::V1_SHARE]);
    let log = house.log_since(house.now(), &[&alice, &bob]).await;
    let granted = log.iter().filter(|line| line.contains("entry.granted"));
    assert_eq!(granted.count(), 1, "{log:?}");
}

#[tokio::test]
async fn the_list_has_the_owner_first_and_the_others_in_order_of_sharing() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    for name in ["zoe", "bob", "carol"] {
        house.person(name).await;
    }
    let id = house.uploaded(&alice).await;
    assert_eq!(house.shares(&alice, id).await.unwrap(), ["alice"]);
    for name in ["zoe", "carol", "bob", "zoe"] {
        house.clock.advance(Duration::from_secs(1));
        house.share(&alice, id, name).await.unwrap();
    }
    let shares = house.shares(&alice, id).await.unwrap();
    assert_eq!(shares, ["alice", "zoe", "carol", "bob"]);
}

#[tokio::test]
async fn only_those_who_may_share_a_document_learn_who_exists() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let bob = house.person("bob").await;
    house.person("carol").await;
    let id = house.uploaded(&alice).await;
    for nobody in ["nobody", "", "a:b", "Bob", &"x".repeat(129)] {
        let answer = house.share(&alice, id, nobody).await;
        assert_eq!(refusal(answer), "NoSuchUser", "{nobody}");
    }
    house.share(&alice, id, "bob").await.unwrap();
    for name in ["carol", "nobody", "a:b"] {
        assert_eq!(refusal(house.share(&bob, id, name).await), "Forbidden");
    }
    assert_eq!(refusal(house.shares(&bob, id).await), "Forbidden");
}

#[tokio::test]
async fn nobody_gives_rights_that_he_does_not_have() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let bob = house.person("bob").await;
    house.person("carol").await;
    let id = house.uploaded(&alice).await;
    let share = house.share_documents();
    let may_share = Rights::READ.union(Rights::SHARE);
    let context = house.of(&alice);
    share.run(&context, id, "bob", may_share).await.unwrap();

    let context = house.of(&bob);
    let more = share.run(&context, id, "carol", Rights::DELETE).await;
    assert_eq!(refusal(more), "Forbidden");
    let same = share.run(&context, id, "carol", Rights::READ).await;
    same.unwrap();
}

#[tokio::test]
async fn a_disabled_user_is_shared_nothing_and_stays_on_the_list() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let bob = house.person("bob").await;
    let carol = house.person("carol").await;
    let id = house.uploaded(&alice).await;
    house.share(&alice, id, "bob").await.unwrap();
    house.disable(&bob).await;
    house.disable(&carol).await;
    let answer = house.share(&alice, id, "carol").await;
    assert_eq!(refusal(answer), "NoSuchUser");
    let shares = house.shares(&alice, id).await.unwrap();
    assert_eq!(shares, ["alice", "bob"]);
}

#[tokio::test]
async fn what_is_not_there_is_neither_shared_nor_listed() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    house.person("bob").await;
    let expired = house.uploaded(&alice).await;
    let end = DocumentChange::ExpiresAt(Some(house.now()));
    house.change_document(expired, end).await;
    let deleted = house.uploaded(&alice).await;
    let delete = DocumentChange::State(DocumentState::Deleted);
    house.change_document(deleted, delete).await;
    let never = DocumentId::new(RetentionClass::DEFAULT, house.now(), [9; 10]);
    for id in [expired, deleted, never] {
        let share = house.share(&alice, id, "bob").await;
        assert_eq!(refusal(share), "NoSuchDocument");
        let shares = house.shares(&alice, id).await;
        assert_eq!(refusal(shares), "NoSuchDocument");
    }
}

#[tokio::test]
async fn expired_entries_are_not_listed_and_give_no_right_to_list() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    let bob = house.person("bob").await;
    let id = house.uploaded(&alice).await;
    house.share(&alice, id, "bob").await.unwrap();
    let mut entry = house.store.entries(id).await.unwrap().remove(1);
    entry.rights = Rights::OWNER;
    entry.expires_at = Some(house.now().plus(Duration::from_secs(1)));
    let record = house.record(crypt_keeper_domain::model::AuditAction::EntryGranted);
    house.store.grant(&entry, &record).await.unwrap();
    assert_eq!(house.shares(&bob, id).await.unwrap(), ["alice", "bob"]);
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(refusal(house.shares(&bob, id).await), "Forbidden");
    assert_eq!(house.shares(&alice, id).await.unwrap(), ["alice"]);
}

#[tokio::test]
async fn an_operator_shares_and_lists_nothing() {
    let house = House::new().await;
    let alice = house.person("alice").await;
    house.person("bob").await;
    let id = house.uploaded(&alice).await;
    let operator = house.operator();
    let share = house.share_documents();
    let answer = share.run(&operator, id, "bob", Rights::V1_SHARE).await;
    assert_eq!(refusal(answer), "Forbidden");
    let list = crypt_keeper_domain::usecase::ListShares {
        store: house.store.clone(),
        accounts: house.store.clone(),
    };
    assert_eq!(refusal(list.run(&operator, id).await), "Forbidden");
}
