use clap::Args;
use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::{PartitionEntry, PartitionState};
use serde_json::json;

use super::super::administration::Administration;
use super::super::table::Table;
use super::super::times::seconds_or_dash;
use super::super::{Failure, Output};
use super::{all_pairs, pairs_of};
use crate::config::Settings;

/// List partitions, by class and period, and when each is removed
///
/// Documents are an estimate where the store does not count them. A partition whose documents have
/// no end is never removed, nor one of class 255. The end of an open one moves on if a document is
/// put into it that lives longer.
///
/// Example: crypt-keeper partitions list
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::commands) struct List {
    /// Those that were removed, too
    #[arg(long)]
    all: bool,

    /// JSON for scripts: one object a line
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) async fn run(
        &self,
        settings: &Settings,
        admin: &Administration,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let partitions = &admin.stores.partitions;
        let entries = partitions.list_partitions().await.map_err(Error::from)?;
        let pairs = all_pairs(admin).await?;
        let mut table = Table::new([
            "PARTITION",
            "CLASS",
            "STATE",
            "LIFETIME",
            "DOCUMENTS",
            "EXPIRES",
            "KEY-PAIRS",
        ]);
        for entry in entries {
            let is_over = entry.state == PartitionState::Expired;
            if is_over && !self.all {
                continue;
            }
            let partition = entry.partition;
            let documents = if entry.state < PartitionState::Dropped {
                let estimate = partitions.estimate_documents(partition).await;
                estimate.map_err(Error::from)?
            } else {
                Some(0)
            };
            let policy = settings.retention.policy(partition.class());
            if self.json {
                let pairs = pairs_of(partition, &pairs).map(|pair| {
                    json!({ "serial": pair.serial.to_string(), "state": pair.state.as_str() })
                });
                let pairs: Vec<_> = pairs.collect();
                output.json(&json!({
                    "partition": partition.to_string(),
                    "class": partition.class().number(),
                    "name": policy.map(|policy| policy.name.as_str()),
                    "starts_at": partition.starts_at().to_string(),
                    "ends_at": partition.ends_at().map(|at| at.to_string()),
                    "state": entry.state.as_str(),
                    "lifetime": entry.lifetime.to_string(),
                    "made_at": entry.made_at.to_string(),
                    "closed_at": entry.closed_at.map(|at| at.to_string()),
                    "expires_at": entry.expires_at().map(|at| at.to_string()),
                    "documents": documents,
                    "key_pairs": pairs,
                }))?;
            } else {
                table.push([
                    partition.to_string(),
                    policy.map_or_else(String::new, |policy| policy.name.to_string()),
                    entry.state.to_string(),
                    entry.lifetime.to_string(),
                    documents.map_or_else(String::new, |count| count.to_string()),
                    expires(&entry),
                    pairs_of(partition, &pairs).count().to_string(),
                ]);
            }
        }
        if self.json {
            Ok(())
        } else {
            output.result(table)
        }
    }
}

fn expires(entry: &PartitionEntry) -> String {
    match entry.expires_at() {
        None => "never".to_owned(),
        at => seconds_or_dash(at),
    }
}
