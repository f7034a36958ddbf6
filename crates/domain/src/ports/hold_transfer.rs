use std::fmt::Debug;

use async_trait::async_trait;

use super::{PutOutcome, StoreError};
use crate::model::Hold;

/// Moves legal holds between metadata stores as they are, as
/// [`MetadataTransfer`](super::MetadataTransfer) does all else. The copies that holds keep are
/// documents of their place, which the adapter hands out as a store of its own, with a transfer of
/// its own.
///
/// Laws, each a test of `crypt_keeper_conformance::hold_transfer`:
/// - `copied_holds_survive`, and none that is there is overwritten.
/// - `a_hold_that_is_not_complete_is_not_put`.
#[async_trait]
pub trait HoldTransfer: Debug + Send + Sync + 'static {
    /// Puts legal holds. One that is not complete differs, unless it is there just like that: what
    /// it has begun is in the source alone. On an error some or none are there, and repeating them
    /// is harmless.
    async fn put_holds(&self, holds: &[Hold]) -> Result<Vec<PutOutcome>, StoreError>;
}
