use async_trait::async_trait;

use super::copy_canonical::Canonical;
use super::copy_kinds::{CopySide, Copying, Kind, RowOutcome};
use super::copy_report::{CopiedKind, NotCopied};
use crate::Error;
use crate::model::{KeyPair, KeyState, Page, Serial, Timestamp};
use crate::ports::{PrivateHalfCopy, PutOutcome, VaultError};

/// Key pairs are one a rotation and scope: one page.
pub(super) struct Pairs;

/// A pair as the target has it.
fn in_target(copying: &Copying, pair: &KeyPair) -> KeyPair {
    let mut left = pair.clone();
    if copying.is_rewrapped() && pair.state != KeyState::Destroyed {
        left.state = KeyState::Destroyed;
        left.destroy_at = None;
        left.former_state = None;
        left.destroyed_at = Some(copying.context.at);
    }
    left
}

/// A pair for comparison: when one was left behind is another moment in every run.
fn compared(copying: &Copying, mut pair: KeyPair) -> Canonical {
    if copying.is_rewrapped() {
        pair.destroyed_at = None;
    }
    Canonical::pair(&pair)
}

#[async_trait]
impl Kind for Pairs {
    type Row = KeyPair;
    type Key = (Timestamp, Serial);
    type Cursor = Serial;

    const KIND: CopiedKind = CopiedKind::KeyPairs;

    fn key(row: &KeyPair) -> Self::Key {
        (row.created_at, row.serial)
    }

    fn name(row: &KeyPair) -> String {
        row.serial.to_string()
    }

    async fn page(side: &CopySide, _: Option<Serial>) -> Result<Page<KeyPair, Serial>, Error> {
        let items = side.registry.list_pairs().await?;
        Ok(Page { items, next: None })
    }

    fn expected(copying: &Copying, row: &KeyPair) -> Canonical {
        compared(copying, in_target(copying, row))
    }

    fn found(copying: &Copying, row: &KeyPair) -> Canonical {
        compared(copying, row.clone())
    }

    async fn put(copying: &Copying, rows: Vec<KeyPair>) -> Result<Vec<RowOutcome>, Error> {
        let pairs: Vec<_> = rows.iter().map(|row| in_target(copying, row)).collect();
        let outcomes = copying.target.transfer.put_pairs(&pairs).await?;
        Ok(outcomes.into_iter().map(Ok).collect())
    }
}

/// Carries the private half of a pair over; whether there was one to carry.
pub(super) async fn carry(
    halves: &dyn PrivateHalfCopy,
    pair: &KeyPair,
) -> Result<PutOutcome, NotCopied> {
    if pair.state == KeyState::Destroyed {
        return Ok(PutOutcome::Unchanged);
    }
    match halves.copy_private_half(pair).await {
        Ok(PutOutcome::Differs) => Err(NotCopied::Differs),
        Ok(outcome) => Ok(outcome),
        // It may be erased already.
        Err(VaultError::Corrupt(_)) if pair.destruction_has_begun() => Ok(PutOutcome::Unchanged),
        Err(error) => Err(NotCopied::Failed(error.into())),
    }
}
