use std::time::Duration;

use clap::Args;
use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::Partition;
use crypt_keeper_domain::usecase::{ExpiredPartitions, Waiting};
use serde_json::{Value, json};

use super::super::administration::Administration;
use super::super::follow::follow;
use super::super::parts::open_ports;
use super::super::times::seconds;
use super::super::{Context, Failure, Output};
use super::parse_partition;
use super::plan::Plan;
use crate::error::Chain;
use crate::partition_upkeep::expire_partitions;

/// Remove a partition now, whether its documents have expired or not: for good
///
/// Its period must have ended. At once nobody is given its documents any more; when the presigned
/// URLs that were handed out have expired, its objects are deleted, then its rows, and its key pairs
/// are scheduled for destruction. Each step is recorded: a service that runs jobs goes on by itself,
/// and so does this command when it is run again. What is under legal hold stays.
///
/// Examples: crypt-keeper partitions drop 1/20260301 --dry-run
///           crypt-keeper partitions drop 1/20260301 --yes 1/20260301
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::commands) struct Drop {
    /// The class by number, and the first day of the period, as `partitions list` shows it
    #[arg(value_name = "CLASS/YYYYMMDD", value_parser = parse_partition)]
    partition: Partition,

    /// Say what would be deleted and what would stay, and do nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,

    /// The partition once more: without it nothing is done
    #[arg(long, value_name = "CLASS/YYYYMMDD", value_parser = parse_partition)]
    yes: Option<Partition>,

    /// JSON for scripts: one object
    #[arg(long)]
    json: bool,
}

impl Drop {
    pub(super) async fn run(
        &self,
        context: &Context,
        admin: &Administration,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let partition = self.partition;
        let found = admin.stores.partitions.find_partition(partition).await;
        let entry = found.map_err(Error::from)?;
        let entry = entry.ok_or(Error::NoSuchPartition(partition))?;
        if self.dry_run {
            let plan = Plan::of(entry, admin, output).await?;
            return if self.json {
                output.json(&plan.json())
            } else {
                plan.tell(output)
            };
        }
        self.require_confirmation()?;
        let parts = open_ports(context, admin).await?;
        let expire = expire_partitions(&parts.ports, &admin.stores);
        let dropping = expire.drop_now(&admin.call, partition);
        let dropped = follow(dropping, output, async |passed: Duration| {
            let found = admin.stores.partitions.find_partition(partition).await;
            let state = found.ok().flatten()?.state;
            Some(format!("{partition}: {state}, {} s", passed.as_secs()))
        });
        let dropped = dropped.await?;
        self.tell(&dropped, output)
    }

    fn require_confirmation(&self) -> Result<(), Failure> {
        let partition = self.partition;
        match self.yes {
            Some(confirmed) if confirmed == partition => Ok(()),
            Some(other) => Err(Failure::Usage(format!(
                "{other} was confirmed, but {partition} is to be dropped: nothing was done"
            ))),
            None => Err(Failure::Usage(format!(
                "all documents of partition {partition} would be deleted for good, expired or not; \
                 --dry-run says how many. If that is meant, repeat it with --yes {partition}: \
                 nothing was done"
            ))),
        }
    }

    fn tell(&self, dropped: &ExpiredPartitions, output: &mut Output) -> Result<(), Failure> {
        let partition = self.partition;
        let failed = dropped.failures.first().map(|(_, error)| Chain(error));
        let waiting = dropped.waiting.first().map(|(_, waiting)| *waiting);
        if self.json {
            let steps = dropped.steps.iter().map(|(_, state)| state.as_str());
            output.json(&json!({
                "partition": partition.to_string(),
                "steps": steps.collect::<Vec<_>>(),
                "objects_deleted": dropped.objects,
                "waits": waiting.map(waiting_json),
                "error": failed.as_ref().map(ToString::to_string),
            }))?;
        } else {
            for (_, state) in &dropped.steps {
                output.result(format_args!("Partition {partition} is {state} now."))?;
            }
            if dropped.objects > 0 {
                output.result(format_args!("Deleted objects: {}.", dropped.objects))?;
            }
            if let Some(waiting) = waiting {
                output.result(format_args!(
                    "It waits {}: then a service that runs jobs goes on, or this command.",
                    in_words(waiting)
                ))?;
            } else if dropped.steps.is_empty() && failed.is_none() {
                output.result(format_args!(
                    "Partition {partition} was removed already; nothing was changed."
                ))?;
            }
        }
        match failed {
            None => Ok(()),
            Some(why) => Err(Failure::Failed(format!(
                "partition {partition} is not removed: {why}; run it again, or let a service that \
                 runs jobs go on"
            ))),
        }
    }
}

fn in_words(waiting: Waiting) -> String {
    match waiting {
        Waiting::UrlsUntil(until) => format!(
            "until {}, when the presigned URLs that were handed out have expired",
            seconds(until)
        ),
        Waiting::Hold => "for a legal hold to be complete (`crypt-keeper hold list`)".to_owned(),
        Waiting::KeyPairUntil(until) => format!(
            "until {}, a day after its key pair left active service",
            seconds(until)
        ),
    }
}

fn waiting_json(waiting: Waiting) -> Value {
    match waiting {
        Waiting::UrlsUntil(until) => json!({ "for": "urls", "until": until.to_string() }),
        Waiting::Hold => json!({ "for": "hold", "until": null }),
        Waiting::KeyPairUntil(until) => json!({ "for": "key pair", "until": until.to_string() }),
    }
}
