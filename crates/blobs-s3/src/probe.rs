use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_domain::ports::{Probe, ProbeError};

use crate::store::S3Blobs;

const PATIENCE: Duration = Duration::from_secs(2);

/// Ready if the bucket is there and the credentials may see it.
#[async_trait]
impl Probe for S3Blobs {
    fn part(&self) -> &'static str {
        "blobs"
    }

    async fn check(&self) -> Result<(), ProbeError> {
        let store = self.clone();
        let look = self.on_runtime(async move { store.head_bucket().await });
        match tokio::time::timeout(PATIENCE, look).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(ProbeError {
                message: error.to_string(),
                source: Some(Box::new(error)),
            }),
            Err(late) => Err(ProbeError {
                message: format!(
                    "the object store has not answered within {} s",
                    PATIENCE.as_secs()
                ),
                source: Some(Box::new(late)),
            }),
        }
    }
}
