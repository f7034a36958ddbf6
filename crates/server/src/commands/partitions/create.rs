use clap::Args;
use crypt_keeper_domain::model::{Partition, PartitionState, Scope};
use serde_json::json;

use super::super::administration::Administration;
use super::super::parts::open_ports;
use super::super::times::seconds;
use super::super::{Context, Failure, Output};
use super::parse_partition;
use crate::partition_upkeep::keep_up_partitions;

/// Make a partition ahead of its time, and its key pair
///
/// A service that runs jobs makes the next three of each class by itself: this is for when none
/// does, or for a load that is about to come.
///
/// Example: crypt-keeper partitions create 0/20261201
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::commands) struct Create {
    /// The class by number, and the first day of the period
    #[arg(value_name = "CLASS/YYYYMMDD", value_parser = parse_partition)]
    partition: Partition,

    /// JSON for scripts: one object
    #[arg(long)]
    json: bool,
}

impl Create {
    pub(super) async fn run(
        &self,
        context: &Context,
        admin: &Administration,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let (settings, partition, call) = (context.settings(), self.partition, &admin.call);
        if settings.retention.policy(partition.class()).is_none() {
            return Err(Failure::Usage(format!(
                "retention class {} is not configured: `crypt-keeper retention show` lists those \
                 that are",
                partition.class()
            )));
        }
        if let Some(end) = partition.ends_at().filter(|end| *end <= call.at) {
            return Err(Failure::Usage(format!(
                "partition {partition} ended at {}: nothing is put into it any more",
                seconds(end)
            )));
        }
        let parts = open_ports(context, admin).await?;
        let keep_up = keep_up_partitions(&parts.ports, &admin.stores, settings);
        let found = admin.stores.partitions.find_partition(partition).await;
        let was_there = found.map_err(crypt_keeper_domain::Error::from)?.is_some();
        let entry = keep_up.make(call, partition).await?;
        let pair = match &keep_up.first_pair {
            Some(first_pair) if entry.state == PartitionState::Open => {
                first_pair.run(call, Scope::Partition(partition)).await?
            }
            _ => None,
        };
        if self.json {
            return output.json(&json!({
                "partition": partition.to_string(),
                "state": entry.state.as_str(),
                "made": !was_there,
                "key_pair": pair.map(|pair| pair.serial.to_string()),
            }));
        }
        let made = if was_there {
            "is there already"
        } else {
            "is made"
        };
        output.result(format_args!(
            "Partition {partition} {made}; it is {}.",
            entry.state
        ))?;
        if let Some(pair) = pair {
            output.result(format_args!(
                "Key pair {} wraps the keys of its documents.",
                pair.serial
            ))?;
        }
        Ok(())
    }
}
