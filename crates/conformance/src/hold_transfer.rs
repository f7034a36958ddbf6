//! Laws of [`HoldTransfer`](crypt_keeper_domain::ports::HoldTransfer).

use std::time::Duration;

use crypt_keeper_domain::model::{
    Hold, HoldReason, PageLimit, PageRequest, RetentionClass, Timestamp,
};
use crypt_keeper_domain::ports::PutOutcome;

use crate::{HoldTransferHarness, Scene, StoreHarness};

/// Makes a test of every law of `HoldTransfer`; takes an expression whose future gives
/// `Option<impl HoldTransferHarness>`.
#[macro_export]
macro_rules! hold_transfer_laws {
    ($harness:expr) => {
        $crate::laws!(
            hold_transfer,
            $harness,
            [copied_holds_survive, a_hold_that_is_not_complete_is_not_put,]
        );
    };
}

/// A complete hold of an old document of some class.
fn hold(scene: &Scene<'_>, number: u8) -> Hold {
    let make = &scene.make;
    let old = make.at().minus(Duration::from_secs(3 * 365 * 24 * 3600));
    Hold {
        document: make.document_id(RetentionClass::new(number % 2), old),
        reason: HoldReason::parse("Az. 3 O 12/26 – ünï").expect("a reason"),
        placed_at: Timestamp::from_micros(old.as_micros() + 1),
        completed_at: Some(make.at()),
    }
}

async fn put<H: HoldTransferHarness>(harness: &H, holds: &[Hold]) -> Vec<PutOutcome> {
    let outcomes = harness.hold_transfer().put_holds(holds).await;
    outcomes.expect("put_holds")
}

async fn listed<H: HoldTransferHarness>(harness: &H) -> Vec<Hold> {
    let page = PageRequest {
        after: None,
        limit: PageLimit::MAX,
    };
    let listed = harness.holds().list_holds(&page).await;
    listed.expect("list_holds").items
}

/// Every column, and none that is there is overwritten.
///
/// # Panics
/// If it does not hold.
pub async fn copied_holds_survive<H: HoldTransferHarness>(harness: &H) {
    let scene = Scene::new(harness as &dyn StoreHarness);
    let mut holds: Vec<_> = (0..4).map(|number| hold(&scene, number)).collect();
    assert_eq!(put(harness, &holds).await, vec![PutOutcome::Stored; 4]);
    let mut changed = holds[0].clone();
    changed.completed_at = Some(changed.placed_at);
    assert_eq!(
        put(harness, &[changed, holds[1].clone()]).await,
        [PutOutcome::Differs, PutOutcome::Unchanged]
    );
    holds.sort_by_key(|hold| (hold.document.class(), hold.document));
    assert_eq!(listed(harness).await, holds);
}

/// It would wait for ever.
///
/// # Panics
/// If it does not hold.
pub async fn a_hold_that_is_not_complete_is_not_put<H: HoldTransferHarness>(harness: &H) {
    let scene = Scene::new(harness as &dyn StoreHarness);
    let mut incomplete = hold(&scene, 1);
    incomplete.completed_at = None;
    assert_eq!(put(harness, &[incomplete]).await, [PutOutcome::Differs]);
    assert_eq!(listed(harness).await, []);
}
