use std::time::Duration;

use crypt_keeper_domain::model::{Algorithm, KeyPair, KeyState, Scope};
use crypt_keeper_domain::ports::PutOutcome;

use super::{Rows, YEAR};
use crate::TransferHarness;

/// In every state; one active pair of a scope and algorithm is enough.
///
/// # Panics
/// If it does not hold.
pub async fn copied_pairs_survive<H: TransferHarness>(harness: &H) {
    let rows = Rows::new(harness);
    let make = &rows.scene.make;
    let owner = make.user_id();
    let mut pairs = Vec::new();
    for (number, state) in KeyState::ALL.iter().enumerate() {
        let mut pair = make.pair(Scope::Customer(owner), *state);
        let at = |days: u32| {
            Some(
                make.at()
                    .minus(YEAR)
                    .plus(Duration::from_secs(u64::from(days) * 86_400)),
            )
        };
        pair.created_at = make.at().minus(2 * YEAR);
        pair.activated_at = at(1).filter(|_| number % 2 == 0);
        pair.deactivated_at = at(2).filter(|_| number % 3 == 0);
        pair.destroy_at = at(3).filter(|_| *state == KeyState::DestroyScheduled);
        pair.former_state = (*state == KeyState::DestroyScheduled).then_some(KeyState::Compromised);
        pair.destroyed_at = at(4).filter(|_| *state == KeyState::Destroyed);
        pair.version = i64::MAX - 1;
        pairs.push(pair);
    }
    let mut other = make.pair(Scope::Customer(owner), KeyState::Active);
    other.algorithm = Algorithm::HpkeXWing;
    pairs.push(other);
    pairs.push(make.pair(Scope::Hold, KeyState::Active));
    let put = async |pairs: &[KeyPair]| rows.transfer.put_pairs(pairs).await.expect("put_pairs");
    assert_eq!(put(&pairs).await, vec![PutOutcome::Stored; pairs.len()]);
    assert_eq!(put(&pairs).await, vec![PutOutcome::Unchanged; pairs.len()]);
    let mut expected = pairs.clone();
    expected.sort_by_key(|pair| (pair.created_at, pair.serial));
    assert_eq!(rows.scene.registry.list_pairs().await.unwrap(), expected);
    let active = rows
        .scene
        .registry
        .active_pair(&Scope::Hold, crate::fixtures::ALGORITHM);
    assert_eq!(active.await.unwrap(), pairs.last().cloned());

    let mut changed = pairs[0].clone();
    changed.version -= 1;
    let second = make.pair(Scope::Hold, KeyState::Active);
    assert_eq!(
        put(&[changed, second]).await,
        [PutOutcome::Differs, PutOutcome::Differs]
    );
    assert_eq!(rows.scene.registry.list_pairs().await.unwrap(), expected);
}
