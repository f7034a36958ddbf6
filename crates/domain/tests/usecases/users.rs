use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::model::{PageLimit, PageRequest, RetentionClass, UserState};
use crypt_keeper_domain::ports::Accounts;
use crypt_keeper_domain::usecase::NewUser;
use crypt_keeper_secret::ExposeSecret;

use crate::house::{House, refusal, user_name};

#[tokio::test]
async fn users_are_made_listed_disabled_and_enabled() {
    let house = House::empty();
    let operator = house.operator();
    let users = house.users();
    let since = house.now();
    let alice = house.person("alice").await;
    assert_eq!(alice.user.state, UserState::Active);
    assert_eq!(alice.user.created_at, since);
    let stored = house.store.find_user(&user_name("alice")).await.unwrap();
    assert_eq!(stored.as_ref(), Some(&alice.user));

    house.clock.advance(Duration::from_secs(1));
    let name = user_name("alice");
    let operator_later = house.operator();
    let set = async |state| users.set_state(&operator_later, &name, state).await;
    assert!(set(UserState::Disabled).await.unwrap());
    assert!(!set(UserState::Disabled).await.unwrap());
    assert!(set(UserState::Active).await.unwrap());
    assert!(!set(UserState::Active).await.unwrap());
    let nobody = user_name("nobody");
    let answer = users.set_state(&operator, &nobody, UserState::Disabled);
    assert_eq!(refusal(answer.await), "NoSuchUser");
    assert_eq!(
        house.log_since(since, &[&alice]).await,
        [
            "operator: user.created, user alice",
            "operator: api_key.created, user alice, alice's key",
            "operator: user.disabled, user alice",
            "operator: user.enabled, user alice",
        ]
    );
}

#[tokio::test]
async fn the_class_of_a_users_documents_is_chosen_and_comes_with_his_credentials() {
    let house = House::empty();
    let operator = house.operator();
    let users = house.users();
    let class = |number| Some(RetentionClass::new(number));
    let new = NewUser {
        name: user_name("bob"),
        retention: class(1),
    };
    assert_eq!(
        users.create(&operator, new).await.unwrap().retention,
        class(1)
    );

    let alice = house.person("alice").await;
    let name = user_name("alice");
    let set = async |retention| users.set_retention(&operator, &name, retention).await;
    let signed_in = async || {
        let key = alice.token.expose_secret();
        let caller = house.authenticate().run("alice", key, house.now()).await;
        caller.unwrap().retention
    };
    assert_eq!(signed_in().await, None);
    assert!(set(class(64)).await.unwrap());
    assert!(!set(class(64)).await.unwrap());
    assert_eq!(signed_in().await, class(64));
    assert!(set(None).await.unwrap());
    assert_eq!(signed_in().await, None);
    let nobody = user_name("nobody");
    let answer = users.set_retention(&operator, &nobody, None).await;
    assert_eq!(refusal(answer), "NoSuchUser");
    let answer = users
        .set_retention(&house.of(&alice), &name, class(64))
        .await;
    assert_eq!(refusal(answer), "Forbidden");
    let log = house.log_since(house.now(), &[&alice]).await;
    let of_alice = "operator: user.retention_set, user alice";
    assert_eq!(log.iter().filter(|line| *line == of_alice).count(), 2);
}

#[tokio::test]
async fn a_name_is_taken_once_even_by_a_disabled_user() {
    let house = House::empty();
    let alice = house.person("alice").await;
    let operator = house.operator();
    let users = house.users();
    let again = users.create(&operator, user_name("alice")).await;
    assert_eq!(refusal(again), "UserNameTaken");
    house.disable(&alice).await;
    let again = users.create(&operator, user_name("alice")).await;
    assert_eq!(refusal(again), "UserNameTaken");
    users.create(&operator, user_name("Alice")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_one_takes_the_name() {
    let house = Arc::new(House::empty());
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (users, operator) = (house.users(), house.operator());
            tokio::spawn(async move { users.create(&operator, user_name("alice")).await })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => made += 1,
            answer => assert_eq!(refusal(answer), "UserNameTaken"),
        }
    }
    assert_eq!(made, 1);
}

#[tokio::test]
async fn the_list_is_paged_by_name() {
    let house = House::empty();
    for name in ["carol", "alice", "Zoe", "bob", "\u{e9}lodie"] {
        house.person(name).await;
    }
    let operator = house.operator();
    let mut page = PageRequest {
        after: None,
        limit: PageLimit::clamped(2),
    };
    let mut pages = Vec::new();
    loop {
        let answer = house.users().list(&operator, &page).await.unwrap();
        let names: Vec<_> = answer.items.iter().map(|user| user.name.as_str()).collect();
        pages.push(names.join(" "));
        match answer.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    assert_eq!(pages, ["Zoe alice", "bob carol", "\u{e9}lodie"]);
}

#[tokio::test]
async fn users_do_not_administer_users() {
    let house = House::empty();
    let alice = house.person("alice").await;
    let context = house.of(&alice);
    let users = house.users();
    let name = user_name("bob");
    let made = users.create(&context, name.clone()).await;
    assert_eq!(refusal(made), "Forbidden");
    let listed = users.list(&context, &PageRequest::default()).await;
    assert_eq!(refusal(listed), "Forbidden");
    let alices = user_name("alice");
    let set = users.set_state(&context, &alices, UserState::Disabled);
    assert_eq!(refusal(set.await), "Forbidden");
    assert_eq!(house.store.find_user(&name).await.unwrap(), None);
}
