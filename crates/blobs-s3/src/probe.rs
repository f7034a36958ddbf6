use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_domain::ports::{Condition, Probe, ProbeError};

use crate::error::{Fault, S3Error};
use crate::store::S3Blobs;

const PATIENCE: Duration = Duration::from_secs(2);

impl S3Blobs {
    /// Looks whether the bucket is there and the credentials may see it, for two seconds at most.
    ///
    /// # Errors
    /// [`S3Error`]; [`Fault::may_pass`] tells a store that is away from one that refuses.
    pub async fn look(&self) -> Result<(), S3Error> {
        let store = self.clone();
        let look = self.on_runtime(async move { store.head_bucket().await });
        tokio::time::timeout(PATIENCE, look).await.map_err(|_| {
            let waited = format!("waited {} s", PATIENCE.as_secs());
            self.call("HeadBucket").fault(Fault::TimedOut, Some(waited))
        })?
    }
}

/// Ready if the bucket is there and the credentials may see it.
#[async_trait]
impl Probe for S3Blobs {
    fn part(&self) -> &'static str {
        "blobs"
    }

    async fn check(&self) -> Result<Condition, ProbeError> {
        match self.look().await {
            Ok(()) => Ok(Condition::Good),
            Err(error) => Err(ProbeError {
                message: error.to_string(),
                source: Some(Box::new(error)),
            }),
        }
    }
}
