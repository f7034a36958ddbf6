use std::time::Duration;

use crypt_keeper_aws::{Clocks, compare_clocks};

use crate::error::S3Error;
use crate::store::S3Blobs;

/// How far the store's clock is from ours. Stores refuse requests from 15 minutes on; presigned
/// URLs live longer or shorter by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockSkew {
    /// Whether the store's clock is ahead of ours.
    pub store_is_ahead: bool,
    /// By how much, to about a second: the store tells whole seconds, and the answer was under
    /// way for a while.
    pub by: Duration,
}

impl ClockSkew {
    fn of(Clocks { ours, theirs }: Clocks) -> Self {
        Self {
            store_is_ahead: theirs > ours,
            by: theirs.since(ours).max(ours.since(theirs)),
        }
    }
}

impl S3Blobs {
    /// Compares the clocks; `None` if the store does not tell its time.
    ///
    /// # Errors
    /// [`S3Error`] if the bucket cannot be reached.
    pub async fn clock_skew(&self) -> Result<Option<ClockSkew>, S3Error> {
        let store = self.clone();
        self.on_runtime(async move { store.compare_clocks().await })
            .await
    }

    async fn compare_clocks(&self) -> Result<Option<ClockSkew>, S3Error> {
        let request = self.calls.head_bucket().bucket(&*self.bucket);
        let compared = compare_clocks(&*self.clock, |date| {
            request.customize().interceptor(date).send()
        })
        .await
        .map_err(|error| self.call("HeadBucket").failed(&error))?;
        Ok(compared.map(ClockSkew::of))
    }
}
