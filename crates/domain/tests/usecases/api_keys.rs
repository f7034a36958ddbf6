use std::time::Duration;

use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::ApiKeyId;
use crypt_keeper_secret::ExposeSecret;

use crate::house::{House, Person, refusal, user_name};

#[tokio::test]
async fn a_user_rotates_keys_with_two_of_them() {
    let house = House::empty();
    let operator = house.operator();
    let keys = house.api_keys();
    let alice = house.person("alice").await;
    let name = user_name("alice");
    house.clock.advance(Duration::from_secs(1));
    let since = house.now();
    let operator_later = house.operator();
    let second = keys.create(&operator_later, &name, None).await.unwrap();
    let third = keys.create(&operator_later, &name, None).await;
    match third {
        Err(Error::TooManyApiKeys { limit }) => assert_eq!(limit, 2),
        other => panic!("a third live key: {other:?}"),
    }

    let revoke = async |id| keys.revoke(&operator_later, id).await;
    assert!(revoke(alice.token.id()).await.unwrap());
    assert!(!revoke(alice.token.id()).await.unwrap(), "revoked already");
    let third = keys.create(&operator_later, &name, None).await.unwrap();

    let listed = keys.list(&operator, &name).await.unwrap();
    let revoked: Vec<_> = listed.iter().map(|key| key.revoked_at).collect();
    assert_eq!(revoked, [Some(since), None, None]);
    assert_eq!(listed[0].id, alice.token.id());
    assert!(listed.contains(&second.stored) && listed.contains(&third.stored));
    assert_eq!(
        house.log_since(since, &[&alice]).await,
        [
            "operator: api_key.created, user alice, a key",
            "operator: api_key.created, user alice, a key",
            "operator: api_key.revoked, user alice, alice's key",
        ]
    );
}

#[tokio::test]
async fn an_expired_key_makes_room() {
    let house = House::empty();
    let keys = house.api_keys();
    let alice = house.person("alice").await;
    let name = alice.user.name.clone();
    let end = house.now().plus(Duration::from_secs(60));
    let second = keys.create(&house.operator(), &name, Some(end)).await;
    assert_eq!(second.unwrap().stored.expires_at, Some(end));
    let third = keys.create(&house.operator(), &name, None).await;
    assert_eq!(refusal(third), "TooManyApiKeys");
    house.clock.set(end);
    let third = keys.create(&house.operator(), &name, None).await;
    third.unwrap();
}

#[tokio::test]
async fn a_key_that_would_be_dead_at_once_is_not_made() {
    let house = House::empty();
    house.person("alice").await;
    let name = user_name("alice");
    let now = house.now();
    let create = async |end| {
        let keys = house.api_keys();
        keys.create(&house.operator(), &name, Some(end)).await
    };
    for end in [now, now.minus(Duration::from_secs(1))] {
        match create(end).await {
            Err(Error::Invalid(fields)) => assert_eq!(fields[0].field, "expires_at"),
            other => panic!("a key of the past: {other:?}"),
        }
    }
    create(now.plus(Duration::from_micros(1))).await.unwrap();
}

#[tokio::test]
async fn what_is_not_there_is_said_so() {
    let house = House::empty();
    let operator = house.operator();
    let keys = house.api_keys();
    let nobody = user_name("nobody");
    let created = keys.create(&operator, &nobody, None).await;
    assert_eq!(refusal(created), "NoSuchUser");
    let listed = keys.list(&operator, &nobody).await;
    assert_eq!(refusal(listed), "NoSuchUser");
    let id = ApiKeyId::parse("000000000000").unwrap();
    assert_eq!(refusal(keys.revoke(&operator, id).await), "NoSuchApiKey");
}

#[tokio::test]
async fn users_do_not_administer_api_keys() {
    let house = House::empty();
    let alice = house.person("alice").await;
    let context = house.of(&alice);
    let keys = house.api_keys();
    let name = &alice.user.name;
    let created = keys.create(&context, name, None).await;
    assert_eq!(refusal(created), "Forbidden");
    assert_eq!(refusal(keys.list(&context, name).await), "Forbidden");
    let revoked = keys.revoke(&context, alice.token.id()).await;
    assert_eq!(refusal(revoked), "Forbidden");
}

#[tokio::test]
async fn the_secret_is_shown_once_and_never_in_debug_output() {
    let house = House::empty();
    let Person { user, token } = house.person("alice").await;
    let secret = &token.expose_secret()[16..];
    let listed = house.api_keys().list(&house.operator(), &user.name).await;
    let listed = listed.unwrap();
    assert_eq!(listed[0].digest, token.digest());
    let shown = format!("{token:?} {listed:?} {:?}", house.audit().await);
    assert!(!shown.contains(secret), "{shown}");
}
