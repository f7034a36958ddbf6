//! `crypt-keeper retention`: how long documents live.

use clap::{Args, Subcommand};
use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::{
    PartitionEntry, PartitionState, RetentionClass, RetentionClasses, RetentionPolicy,
};
use serde_json::json;

use super::administration::Administration;
use super::table::Table;
use super::{Failure, Output};

/// What to look at.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show the retention classes: what they are named, how long documents live, how long their
    /// partitions are
    ///
    /// Those are shown, too, that are not configured any more but still have partitions: their
    /// documents keep the end that they were given.
    ///
    /// Example: crypt-keeper retention show
    #[command(verbatim_doc_comment)]
    Show(Show),
}

/// All of them.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// JSON for scripts: one object a line
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) async fn run(
    command: &Command,
    retention: &RetentionClasses,
    admin: &Administration,
    output: &mut Output,
) -> Result<(), Failure> {
    let Command::Show(show) = command;
    let entries = admin.stores.partitions.list_partitions().await;
    let entries = entries.map_err(Error::from)?;
    let configured = retention.policies().iter().map(|policy| policy.class);
    let mut classes: Vec<RetentionClass> = entries
        .iter()
        .map(|entry| entry.partition.class())
        .chain(configured)
        .collect();
    classes.sort();
    classes.dedup();
    let mut table = Table::new([
        "NUMBER",
        "NAME",
        "LIFETIME",
        "PERIOD",
        "DEFAULT",
        "PARTITIONS",
    ]);
    for class in classes {
        let there = entries.iter().filter(|entry| is_there(entry, class));
        let (policy, partitions) = (retention.policy(class), there.count());
        if policy.is_none() && partitions == 0 {
            continue;
        }
        let is_default = class == retention.default_class();
        if show.json {
            output.json(&json!({
                "number": class.number(),
                "name": policy.map(|policy| policy.name.as_str()),
                "lifetime": policy.map(|policy| policy.lifetime.to_string()),
                "period": class.period().map(|period| period.as_str()),
                "default": is_default,
                "partitions": partitions,
            }))?;
        } else {
            table.push([
                class.to_string(),
                of_policy(policy, |policy| policy.name.to_string()),
                of_policy(policy, |policy| policy.lifetime.to_string()),
                class
                    .period()
                    .map_or_else(String::new, |period| period.to_string()),
                if is_default { "yes" } else { "no" }.to_owned(),
                partitions.to_string(),
            ]);
        }
    }
    if show.json {
        Ok(())
    } else {
        output.result(table)
    }
}

fn is_there(entry: &PartitionEntry, class: RetentionClass) -> bool {
    entry.partition.class() == class && entry.state < PartitionState::Dropped
}

fn of_policy(
    policy: Option<&RetentionPolicy>,
    cell: impl FnOnce(&RetentionPolicy) -> String,
) -> String {
    policy.map_or_else(String::new, cell)
}
