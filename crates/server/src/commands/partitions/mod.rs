//! `crypt-keeper partitions`: what is removed at once when all of it has expired.

mod create;
mod drop;
mod list;
mod plan;

use clap::Subcommand;
use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::{KeyPair, Partition, Scope};

use super::administration::Administration;
use super::{Context, Failure, Output};

/// What to do with partitions.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    List(list::List),
    Create(create::Create),
    Drop(drop::Drop),
}

/// Does it.
pub(super) async fn run(
    command: &Command,
    context: &Context,
    admin: &Administration,
    output: &mut Output,
) -> Result<(), Failure> {
    match command {
        Command::List(list) => list.run(context.settings(), admin, output).await,
        Command::Create(create) => create.run(context, admin, output).await,
        Command::Drop(drop) => drop.run(context, admin, output).await,
    }
}

fn parse_partition(text: &str) -> Result<Partition, String> {
    text.parse()
        .map_err(|error: crypt_keeper_domain::model::InvalidPartition| error.to_string())
}

/// The key pairs that wrap for a partition and for nothing else.
fn pairs_of(partition: Partition, pairs: &[KeyPair]) -> impl Iterator<Item = &KeyPair> {
    pairs
        .iter()
        .filter(move |pair| pair.scope == Scope::Partition(partition))
}

async fn all_pairs(admin: &Administration) -> Result<Vec<KeyPair>, Failure> {
    let pairs = admin.stores.registry.list_pairs().await;
    Ok(pairs.map_err(Error::from)?)
}
