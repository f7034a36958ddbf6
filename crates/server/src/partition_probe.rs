//! Whether there are partitions enough for the documents to come.

use std::sync::Arc;

use async_trait::async_trait;
use crypt_keeper_domain::model::RetentionClasses;
use crypt_keeper_domain::ports::{Clock, Condition, Partitions, Probe, ProbeError};
use crypt_keeper_domain::usecase::KeepUpPartitions;

use crate::partition_upkeep::PartitionMetrics;

/// Warns when a retention class has fewer partitions ahead than it should have, and counts them,
/// whoever makes them. Uploads make what they miss, so that is never a reason not to be ready.
#[derive(Debug)]
pub struct PartitionProbe {
    /// What there is.
    pub partitions: Arc<dyn Partitions>,
    /// Whose partitions are looked at.
    pub retention: RetentionClasses,
    /// Which of them is the current one.
    pub clock: Arc<dyn Clock>,
    /// Where they are counted.
    pub metrics: PartitionMetrics,
}

#[async_trait]
impl Probe for PartitionProbe {
    fn part(&self) -> &'static str {
        "partitions"
    }

    async fn check(&self) -> Result<Condition, ProbeError> {
        let entries = self.partitions.list_partitions().await;
        let entries = entries.map_err(|error| ProbeError {
            message: "the catalogue of partitions cannot be read".to_owned(),
            source: Some(Box::new(error)),
        })?;
        let ahead = KeepUpPartitions::ahead(&self.retention, &entries, self.clock.now());
        self.metrics.set_ahead(&ahead);
        if !KeepUpPartitions::is_behind(&ahead) {
            return Ok(Condition::Good);
        }
        let behind: Vec<String> = ahead
            .into_iter()
            .filter(|(_, count)| *count < KeepUpPartitions::ENOUGH)
            .map(|(class, count)| format!("class {class} has {count}"))
            .collect();
        Ok(Condition::Degraded(format!(
            "fewer than {} partitions are made ahead: {}; no instance runs jobs, or they fail \
             (`crypt-keeper partitions list` shows what there is)",
            KeepUpPartitions::ENOUGH,
            behind.join(", ")
        )))
    }
}
