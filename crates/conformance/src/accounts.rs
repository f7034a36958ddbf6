//! Laws of [`Accounts`](crypt_keeper_domain::ports::Accounts).

use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::model::{
    ApiKey, ApiKeyDigest, AuditAction, MAX_LIVE_API_KEYS, RetentionClass, Timestamp, User, UserId,
    UserName, UserState,
};
use crypt_keeper_domain::ports::{ApiKeyInsert, Change, StoreError, UserInsert};

use crate::concurrency::at_once;
use crate::{Scene, StoreHarness};

/// Makes a test of every law of `Accounts`; takes an expression whose future gives
/// `Option<impl StoreHarness>`.
#[macro_export]
macro_rules! accounts_laws {
    ($harness:expr) => {
        $crate::laws!(
            accounts,
            $harness,
            [
                created_user_is_found,
                one_of_many_users_of_a_name_wins,
                user_state_changes_once,
                user_retention_changes_once,
                api_key_is_found_with_its_user,
                a_user_has_two_live_api_keys_at_most,
                revoked_api_key_stays_revoked,
                users_are_paged_by_name,
            ]
        );
    };
}

/// A user is found by name and by id, as he was made; names are told apart byte by byte.
pub async fn created_user_is_found(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let longest = "é".repeat(64);
    let names = [
        "alice",
        "Alice",
        "alice ",
        " alice",
        "a",
        "\u{e9}",
        "e\u{301}",
        "\u{1f512}",
        "a'b\"%_\\",
        &longest,
    ];
    let mut users = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let mut user = scene.make.user_named(UserName::parse(name).unwrap());
        if number % 2 == 1 {
            user.state = UserState::Disabled;
            user.created_at = Timestamp::from_micros(1);
            user.retention = Some(RetentionClass::new(255 - number as u8));
        }
        let record = scene.make.record(AuditAction::UserCreated);
        let inserted = scene.accounts.insert_user(&user, &record).await;
        assert_eq!(inserted.unwrap(), UserInsert::Inserted, "{name:?}");
        assert!(scene.is_recorded(&record).await);
        users.push(user);
    }
    for user in &users {
        assert_eq!(found(&scene, &user.name).await.as_ref(), Some(user));
        let by_id = scene.accounts.users(&[user.id]).await;
        assert_eq!(by_id.unwrap(), std::slice::from_ref(user));
    }
    assert_eq!(
        found(&scene, &UserName::parse("ALICE").unwrap()).await,
        None
    );

    // Asked for several at once, twice, and some that are not there.
    let mut ids: Vec<UserId> = users.iter().map(|user| user.id).collect();
    ids.push(scene.make.user_id());
    ids.push(users[0].id);
    let mut by_id = scene.accounts.users(&ids).await.unwrap();
    by_id.sort_by_key(|user| user.id);
    users.sort_by_key(|user| user.id);
    assert_eq!(by_id, users);
    assert_eq!(scene.accounts.users(&[]).await.unwrap(), []);

    let mut same_id = scene.make.user("bob");
    same_id.id = users[0].id;
    let record = scene.make.record(AuditAction::UserCreated);
    let conflict = scene.accounts.insert_user(&same_id, &record).await;
    assert!(
        matches!(conflict, Err(StoreError::Conflict)),
        "{conflict:?}"
    );
    assert_eq!(found(&scene, &same_id.name).await, None);
    assert!(!scene.is_recorded(&record).await);
}

/// Of 20 users of one name made at the same time one is made; the others find the name taken.
pub async fn one_of_many_users_of_a_name_wins(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let name = scene.make.user("alice").name;
    let rivals: Vec<User> = (0..20)
        .map(|_| scene.make.user_named(name.clone()))
        .collect();
    let answers = at_once(rivals.len(), |number| {
        let accounts = Arc::clone(&scene.accounts);
        let user = rivals[number].clone();
        let mut record = scene.make.record(AuditAction::UserCreated);
        record.audit.user = Some(user.id);
        async move {
            let inserted = accounts.insert_user(&user, &record).await;
            (inserted.expect("insert_user"), record)
        }
    })
    .await;
    let mut winners = Vec::new();
    for (user, (answer, record)) in rivals.into_iter().zip(answers) {
        let recorded = scene.is_recorded(&record).await;
        assert_eq!(recorded, answer == UserInsert::Inserted);
        if answer == UserInsert::Inserted {
            winners.push(user);
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(found(&scene, &name).await, winners.pop());
}

/// A change of state to the state that is there is `Unchanged` and writes no record.
pub async fn user_state_changes_once(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let alice = scene.user("alice").await;
    let bob = scene.user("bob").await;
    let set = async |id, state| {
        let record = scene.make.record(AuditAction::UserDisabled);
        let changed = scene.accounts.set_user_state(id, state, &record).await;
        let changed = changed.expect("set_user_state");
        let recorded = scene.is_recorded(&record).await;
        assert_eq!(recorded, changed == Change::Changed);
        changed
    };
    for (state, expected) in [
        (UserState::Active, Change::Unchanged),
        (UserState::Disabled, Change::Changed),
        (UserState::Disabled, Change::Unchanged),
        (UserState::Active, Change::Changed),
        (UserState::Disabled, Change::Changed),
    ] {
        assert_eq!(set(alice.id, state).await, expected);
        let now = found(&scene, &alice.name).await.unwrap();
        assert_eq!(now.state, state);
    }
    assert_eq!(found(&scene, &bob.name).await, Some(bob));
    let nobody = scene.make.user_id();
    assert_eq!(set(nobody, UserState::Disabled).await, Change::Missing);

    let answers = at_once(10, |_| {
        let accounts = Arc::clone(&scene.accounts);
        let record = scene.make.record(AuditAction::UserEnabled);
        let id = alice.id;
        async move {
            let changed = accounts.set_user_state(id, UserState::Active, &record);
            changed.await.expect("set_user_state")
        }
    })
    .await;
    let changed = answers.iter().filter(|one| **one == Change::Changed);
    assert_eq!(changed.count(), 1, "{answers:?}");
}

/// The retention class of a user is set, changed and taken away; what is there already is
/// `Unchanged` and writes no record.
pub async fn user_retention_changes_once(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let (alice, bob) = (scene.user("alice").await, scene.user("bob").await);
    let key = scene.make.api_key(alice.id);
    let record = scene.make.record(AuditAction::ApiKeyCreated);
    let inserted = scene.accounts.insert_api_key(&key, &record).await;
    assert_eq!(inserted.unwrap(), ApiKeyInsert::Inserted);
    let set = async |id, retention| {
        let record = scene.make.record(AuditAction::UserRetentionSet);
        let changed = scene
            .accounts
            .set_user_retention(id, retention, &record)
            .await;
        let changed = changed.expect("set_user_retention");
        let recorded = scene.is_recorded(&record).await;
        assert_eq!(recorded, changed == Change::Changed);
        changed
    };
    let class = |number| Some(RetentionClass::new(number));
    for (retention, expected) in [
        (None, Change::Unchanged),
        (class(0), Change::Changed),
        (class(0), Change::Unchanged),
        (class(255), Change::Changed),
        (None, Change::Changed),
        (None, Change::Unchanged),
        (class(64), Change::Changed),
    ] {
        assert_eq!(set(alice.id, retention).await, expected, "{retention:?}");
        let expected = User {
            retention,
            ..alice.clone()
        };
        let now = found(&scene, &alice.name).await;
        assert_eq!(now.as_ref(), Some(&expected));
        // Requests see it with the API key.
        let with_key = scene.accounts.find_api_key(key.id).await.unwrap();
        assert_eq!(with_key.map(|(_, user)| user), Some(expected));
    }
    assert_eq!(found(&scene, &bob.name).await, Some(bob));
    let nobody = scene.make.user_id();
    assert_eq!(set(nobody, class(1)).await, Change::Missing);
    assert_eq!(set(nobody, None).await, Change::Missing);
}

/// An API key is found with its user, as it was made.
pub async fn api_key_is_found_with_its_user(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let alice = scene.user("alice").await;
    let bob = scene.user("bob").await;
    let at = scene.make.at();
    let mut first = scene.make.api_key(alice.id);
    first.expires_at = Some(at.plus(Duration::from_micros(1_000_003)));
    let mut second = scene.make.api_key(alice.id);
    second.expires_at = Some(Timestamp::MAX);
    second.created_at = at.minus(Duration::from_secs(1));
    second.digest = ApiKeyDigest::from_bytes([0xff; 32]);
    let bobs = scene.make.api_key(bob.id);
    for key in [&first, &second, &bobs] {
        let record = scene.make.record(AuditAction::ApiKeyCreated);
        let inserted = scene.accounts.insert_api_key(key, &record).await;
        assert_eq!(inserted.unwrap(), ApiKeyInsert::Inserted);
        assert!(scene.is_recorded(&record).await);
    }

    let with_user = |key: &ApiKey, user: &User| Some((key.clone(), user.clone()));
    for (key, user) in [(&first, &alice), (&second, &alice), (&bobs, &bob)] {
        let found = scene.accounts.find_api_key(key.id).await.unwrap();
        assert_eq!(found, with_user(key, user));
    }
    let nobodys = scene.make.api_key(alice.id);
    let found = scene.accounts.find_api_key(nobodys.id).await.unwrap();
    assert_eq!(found, None);

    assert_eq!(
        scene.accounts.list_api_keys(alice.id).await.unwrap(),
        [second, first.clone()]
    );
    let nobody = scene.make.user_id();
    assert_eq!(scene.accounts.list_api_keys(nobody).await.unwrap(), []);
    keys_are_listed_oldest_first(&scene).await;

    let record = scene.make.record(AuditAction::ApiKeyCreated);
    let lost = scene.make.api_key(nobody);
    let outcome = scene.accounts.insert_api_key(&lost, &record).await;
    assert_eq!(outcome.unwrap(), ApiKeyInsert::NoSuchUser);
    let mut same_id = scene.make.api_key(bob.id);
    same_id.id = first.id;
    let outcome = scene.accounts.insert_api_key(&same_id, &record).await;
    assert!(matches!(outcome, Err(StoreError::Conflict)), "{outcome:?}");
    assert!(!scene.is_recorded(&record).await);
    let found = scene.accounts.find_api_key(first.id).await.unwrap();
    assert_eq!(found, with_user(&first, &alice));
}

async fn keys_are_listed_oldest_first(scene: &Scene<'_>) {
    let carol = scene.user("carol").await.id;
    let mut made = Vec::new();
    for seconds in [7, 2, 9, 4, 0, 5] {
        let mut key = scene.make.api_key(carol);
        key.created_at = scene.make.at().plus(Duration::from_secs(seconds));
        scene.insert_api_key(&key).await;
        // It makes room for the next.
        let record = scene.make.record(AuditAction::ApiKeyRevoked);
        let revoked = scene
            .accounts
            .revoke_api_key(key.id, scene.make.at(), &record)
            .await;
        assert_eq!(revoked.unwrap(), Change::Changed);
        key.revoked_at = Some(scene.make.at());
        made.push(key);
    }
    made.sort_by_key(|key| key.created_at);
    let listed = scene.accounts.list_api_keys(carol).await;
    assert_eq!(listed.unwrap(), made);
}

/// A third live key is refused, also when many are made at once; a key that has expired or was
/// revoked makes room.
pub async fn a_user_has_two_live_api_keys_at_most(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let alice = scene.user("alice").await;
    let bob = scene.user("bob").await;
    let at = scene.make.at();
    let end = at.plus(Duration::from_micros(1));
    let insert = async |key: &ApiKey| {
        let record = scene.make.record(AuditAction::ApiKeyCreated);
        let inserted = scene.accounts.insert_api_key(key, &record).await;
        let inserted = inserted.expect("insert_api_key");
        let recorded = scene.is_recorded(&record).await;
        assert_eq!(recorded, inserted == ApiKeyInsert::Inserted);
        inserted
    };

    let first = scene.make.api_key(alice.id);
    let mut second = scene.make.api_key(alice.id);
    second.expires_at = Some(end);
    assert_eq!(insert(&first).await, ApiKeyInsert::Inserted);
    assert_eq!(insert(&second).await, ApiKeyInsert::Inserted);
    let mut third = scene.make.api_key(alice.id);
    assert_eq!(insert(&third).await, ApiKeyInsert::TooMany);
    let found = scene.accounts.find_api_key(third.id).await.unwrap();
    assert_eq!(found, None);
    let bobs = scene.make.api_key(bob.id);
    assert_eq!(insert(&bobs).await, ApiKeyInsert::Inserted);

    third.created_at = end;
    assert_eq!(insert(&third).await, ApiKeyInsert::Inserted);
    let mut fourth = scene.make.api_key(alice.id);
    fourth.created_at = end;
    assert_eq!(insert(&fourth).await, ApiKeyInsert::TooMany);
    let record = scene.make.record(AuditAction::ApiKeyRevoked);
    let revoked = scene.accounts.revoke_api_key(first.id, end, &record).await;
    assert_eq!(revoked.unwrap(), Change::Changed);
    assert_eq!(insert(&fourth).await, ApiKeyInsert::Inserted);

    for round in 0..5 {
        let user = scene.user("carol").await.id;
        let mut room = MAX_LIVE_API_KEYS;
        if round % 2 == 1 {
            scene.api_key(user).await;
            room -= 1;
        }
        let answers = at_once(10, |_| {
            let accounts = Arc::clone(&scene.accounts);
            let key = scene.make.api_key(user);
            let record = scene.make.record(AuditAction::ApiKeyCreated);
            async move {
                let inserted = accounts.insert_api_key(&key, &record).await;
                inserted.expect("insert_api_key")
            }
        })
        .await;
        let inserted = |one: &&ApiKeyInsert| **one == ApiKeyInsert::Inserted;
        assert_eq!(answers.iter().filter(inserted).count(), room);
        let keys = scene.accounts.list_api_keys(user).await.unwrap();
        assert_eq!(keys.len(), MAX_LIVE_API_KEYS);
    }
}

/// The first revocation counts; another one changes nothing and writes no record.
pub async fn revoked_api_key_stays_revoked(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let alice = scene.user("alice").await;
    let mut key = scene.api_key(alice.id).await;
    let other = scene.api_key(alice.id).await;
    let revoke = async |id, at| {
        let record = scene.make.record(AuditAction::ApiKeyRevoked);
        let revoked = scene.accounts.revoke_api_key(id, at, &record).await;
        let revoked = revoked.expect("revoke_api_key");
        let recorded = scene.is_recorded(&record).await;
        assert_eq!(recorded, revoked == Change::Changed);
        revoked
    };
    let at = scene.make.at().plus(Duration::from_micros(3));
    let later = at.plus(Duration::from_secs(1));
    assert_eq!(revoke(key.id, at).await, Change::Changed);
    assert_eq!(revoke(key.id, later).await, Change::Unchanged);
    key.revoked_at = Some(at);
    let found = scene.accounts.find_api_key(key.id).await.unwrap();
    assert_eq!(found, Some((key.clone(), alice.clone())));
    let mut expected = [key, other];
    expected.sort_by_key(|key| key.id);
    let mut listed = scene.accounts.list_api_keys(alice.id).await.unwrap();
    listed.sort_by_key(|key| key.id);
    assert_eq!(listed, expected);
    let nobodys = scene.make.api_key(alice.id);
    assert_eq!(revoke(nobodys.id, at).await, Change::Missing);
}

/// The pages show each user once, in order of the bytes of the names, whoever is made meanwhile.
pub async fn users_are_paged_by_name(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let mut made = Vec::new();
    for name in [
        "alice",
        "Alice",
        "ALICE",
        "Zoe",
        "zoe",
        "\u{e9}lodie",
        "elodie",
        "a b",
        "a-b",
        "a_b",
        "ab",
        "_",
        "0",
        "\u{1f512}",
        "\u{ffff}",
    ] {
        made.push(scene.user(name).await);
    }
    made.sort_by(|one, other| {
        one.name
            .as_str()
            .as_bytes()
            .cmp(other.name.as_str().as_bytes())
    });
    scene.settle().await;

    let mut seen: Vec<User> = Vec::new();
    let mut after = None;
    for number in 0.. {
        assert!(number < 100, "the pages have no end");
        let page = scene.user_page(after, 4).await;
        assert!(page.items.len() <= 4);
        seen.extend(page.items);
        if page.next.is_none() {
            break;
        }
        after = page.next;
        for name in ["!", "m", "\u{10ffff}"] {
            scene.user(name).await;
        }
    }
    let names: Vec<&[u8]> = seen
        .iter()
        .map(|user| user.name.as_str().as_bytes())
        .collect();
    assert!(names.is_sorted_by(|one, next| one < next), "{seen:?}");
    seen.retain(|user| made.contains(user));
    assert_eq!(seen, made);
}

async fn found(scene: &Scene<'_>, name: &UserName) -> Option<User> {
    scene.accounts.find_user(name).await.expect("find_user")
}
