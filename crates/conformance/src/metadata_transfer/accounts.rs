use crypt_keeper_domain::model::{User, UserName, UserState};
use crypt_keeper_domain::ports::PutOutcome;

use super::{Rows, YEAR};
use crate::TransferHarness;

/// Their limits hold for what is new alone.
///
/// # Panics
/// If it does not hold.
pub async fn copied_users_and_api_keys_survive<H: TransferHarness>(harness: &H) {
    let rows = Rows::new(harness);
    let make = &rows.scene.make;
    let old = make.at().minus(3 * YEAR);
    let users: Vec<User> = ["zoë", "Zoe", "客", "a b"]
        .into_iter()
        .enumerate()
        .map(|(number, name)| {
            let mut user = make.user(name);
            user.created_at = old;
            if number % 2 == 1 {
                user.state = UserState::Disabled;
            }
            user
        })
        .collect();
    let put = async |users: &[User]| rows.transfer.put_users(users).await.expect("put_users");
    assert_eq!(put(&users).await, vec![PutOutcome::Stored; 4]);
    let mut renamed = users[0].clone();
    renamed.name = UserName::parse("another").unwrap();
    let namesake = User {
        id: make.user_id(),
        ..users[1].clone()
    };
    let fresh = make.user("fresh");
    let outcomes = put(&[renamed, users[2].clone(), namesake, fresh.clone()]).await;
    assert_eq!(
        outcomes,
        [
            PutOutcome::Differs,
            PutOutcome::Unchanged,
            PutOutcome::Differs,
            PutOutcome::Stored
        ]
    );
    let mut all = users.clone();
    all.push(fresh);
    all.sort_by(|one, other| one.name.cmp(&other.name));
    assert_eq!(rows.scene.user_page(None, 1000).await.items, all);

    // More live keys than a user may be given, and dead ones.
    let of = users[0].id;
    let mut keys: Vec<_> = (0..5).map(|_| make.api_key(of)).collect();
    keys[0].expires_at = Some(old);
    keys[1].revoked_at = Some(make.at());
    let put = async |keys: &[_]| {
        rows.transfer
            .put_api_keys(keys)
            .await
            .expect("put_api_keys")
    };
    assert_eq!(put(&keys).await, vec![PutOutcome::Stored; 5]);
    let mut changed = keys[1].clone();
    changed.revoked_at = None;
    let of_nobody = make.api_key(make.user_id());
    let outcomes = put(&[changed, keys[2].clone(), of_nobody.clone()]).await;
    assert_eq!(
        outcomes,
        [
            PutOutcome::Differs,
            PutOutcome::Unchanged,
            PutOutcome::Differs
        ]
    );
    let accounts = &rows.scene.accounts;
    let mut expected = keys.clone();
    expected.sort_by_key(|key| (key.created_at, key.id));
    assert_eq!(accounts.list_api_keys(of).await.unwrap(), expected);
    for key in &keys {
        let found = accounts.find_api_key(key.id).await.unwrap();
        assert_eq!(found, Some((key.clone(), users[0].clone())));
    }
    assert_eq!(accounts.find_api_key(of_nobody.id).await.unwrap(), None);
    // A copied user is one like any other: he is given keys.
    rows.scene.api_key(users[2].id).await;
}
