use std::time::Duration;

use async_trait::async_trait;
use crypt_keeper_domain::ports::{Condition, Probe, ProbeError};

use crate::store::LocalBlobs;

/// A disk that takes longer is hung, e.g. a network file system whose server is gone.
const PATIENCE: Duration = Duration::from_secs(2);

/// Makes a file and removes it again.
#[async_trait]
impl Probe for LocalBlobs {
    fn part(&self) -> &'static str {
        "blobs"
    }

    async fn check(&self) -> Result<Condition, ProbeError> {
        let probed = tokio::time::timeout(PATIENCE, self.in_folder(|folder| folder.probe())).await;
        match probed {
            Ok(Ok(())) => Ok(Condition::Good),
            Ok(Err(error)) => Err(ProbeError {
                message: "no object can be written to the blob folder: is its disk mounted, \
                          writable and not full?"
                    .to_owned(),
                source: Some(Box::new(error)),
            }),
            Err(late) => Err(ProbeError {
                message: format!(
                    "the blob folder's disk has not answered within {} s",
                    PATIENCE.as_secs()
                ),
                source: Some(Box::new(late)),
            }),
        }
    }
}
