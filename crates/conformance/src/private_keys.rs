//! Laws of [`PrivateKeys`].

use std::sync::Arc;

use crypt_keeper_domain::memory::SeededEntropy;
use crypt_keeper_domain::model::Serial;
use crypt_keeper_domain::ports::{EntropyExt, PrivateKeys, SealedPrivateHalf, StoreError};

use crate::PrivateKeysHarness;
use crate::concurrency::at_once;

/// Makes a test of every law of `PrivateKeys`; takes an expression whose future gives
/// `Option<impl PrivateKeysHarness>`.
#[macro_export]
macro_rules! private_keys_laws {
    ($harness:expr) => {
        $crate::laws!(
            private_keys,
            $harness,
            [
                put_is_got,
                put_never_overwrites,
                erased_is_gone,
                replace_needs_the_seen_bytes,
            ]
        );
    };
}

/// What was put is got, byte for byte, and its serial is among the serials, in order.
pub async fn put_is_got(harness: &dyn PrivateKeysHarness) {
    let keys = harness.private_keys();
    assert_eq!(keys.serials().await.unwrap(), []);
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let greatest = Serial::new(i64::MAX.unsigned_abs()).unwrap();
    let halves = [
        (Serial::new(10).unwrap(), every_byte),
        (Serial::new(9).unwrap(), vec![0]),
        (greatest, vec![0xa5; 65_536]),
        (Serial::new(0).unwrap(), b"not \xff text".to_vec()),
    ];
    for (serial, bytes) in &halves {
        assert_eq!(keys.get(*serial).await.unwrap(), None);
        let half = SealedPrivateHalf::new(bytes.clone());
        keys.put(*serial, &half).await.unwrap();
        assert_eq!(keys.get(*serial).await.unwrap(), Some(half));
    }
    for (serial, bytes) in &halves {
        let got = keys.get(*serial).await.unwrap();
        assert_eq!(got, Some(SealedPrivateHalf::new(bytes.clone())));
    }
    let mut serials = halves.map(|(serial, _)| serial);
    serials.sort_unstable();
    assert_eq!(keys.serials().await.unwrap(), serials);
}

/// A serial that has a private half keeps it; of many puts at once one succeeds.
pub async fn put_never_overwrites(harness: &dyn PrivateKeysHarness) {
    let keys = harness.private_keys();
    let serial = Serial::new(1).unwrap();
    let half = sealed(0);
    keys.put(serial, &half).await.unwrap();
    for again in [half.clone(), sealed(1)] {
        let refused = keys.put(serial, &again).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
        assert_eq!(keys.get(serial).await.unwrap(), Some(half.clone()));
    }

    for round in 2..5 {
        let serial = Serial::new(round).unwrap();
        let answers = at_once(10, |number| {
            let keys = Arc::clone(&keys);
            let half = sealed(number);
            async move { (keys.put(serial, &half).await, half) }
        })
        .await;
        let mut stored = Vec::new();
        for (answer, half) in answers {
            match answer {
                Ok(()) => stored.push(half),
                Err(StoreError::Conflict) => {}
                Err(other) => panic!("put: {other:?}"),
            }
        }
        assert_eq!(stored.len(), 1, "{stored:?}");
        assert_eq!(keys.get(serial).await.unwrap(), stored.pop());
    }
}

/// What was erased is gone, and only that; erasing again, or what never was, is harmless.
pub async fn erased_is_gone(harness: &dyn PrivateKeysHarness) {
    let keys = harness.private_keys();
    let (one, other) = (Serial::new(1).unwrap(), Serial::new(2).unwrap());
    keys.put(one, &sealed(1)).await.unwrap();
    keys.put(other, &sealed(2)).await.unwrap();
    for _ in 0..2 {
        keys.erase(one).await.unwrap();
        assert_eq!(keys.get(one).await.unwrap(), None);
        assert_eq!(keys.serials().await.unwrap(), [other]);
    }
    keys.erase(Serial::new(3).unwrap()).await.unwrap();
    assert_eq!(keys.get(other).await.unwrap(), Some(sealed(2)));
}

/// A replacement takes place if the bytes are still those that were seen; of many at once one.
pub async fn replace_needs_the_seen_bytes(harness: &dyn PrivateKeysHarness) {
    let keys = harness.private_keys();
    let serial = Serial::new(1).unwrap();
    let replace = |seen: usize, by: usize| {
        let keys: Arc<dyn PrivateKeys> = Arc::clone(&keys);
        async move {
            let replaced = keys.replace(serial, &sealed(seen), &sealed(by)).await;
            replaced.expect("replace")
        }
    };
    assert!(!replace(1, 2).await, "there is nothing to replace");
    assert_eq!(keys.get(serial).await.unwrap(), None);
    keys.put(serial, &sealed(1)).await.unwrap();
    assert!(!replace(2, 3).await);
    assert_eq!(keys.get(serial).await.unwrap(), Some(sealed(1)));
    assert!(replace(1, 2).await);
    assert!(!replace(1, 3).await);
    assert_eq!(keys.get(serial).await.unwrap(), Some(sealed(2)));

    let answers = at_once(10, |number| replace(2, 100 + number)).await;
    let winners: Vec<usize> = (0..10).filter(|number| answers[*number]).collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    let expected = sealed(100 + winners[0]);
    assert_eq!(keys.get(serial).await.unwrap(), Some(expected));
}

/// Sealed bytes of a number; the same for the same number.
fn sealed(number: usize) -> SealedPrivateHalf {
    let entropy = SeededEntropy::new(u64::try_from(number).unwrap());
    let bytes: [u8; 64] = entropy.bytes().expect("seeded entropy does not fail");
    SealedPrivateHalf::new(bytes.to_vec())
}
