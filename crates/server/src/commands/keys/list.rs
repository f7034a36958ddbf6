use clap::Args;
use crypt_keeper_domain::Error;

use super::super::administration::Administration;
use super::super::table::Table;
use super::super::times::{seconds, seconds_or_dash};
use super::super::{Failure, Output};
use super::shown;

/// List all key pairs, the oldest first: serials and states, never a key
///
/// Example: crypt-keeper keys list
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::commands) struct List {
    /// JSON for scripts: one object a line
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) async fn run(
        &self,
        admin: &Administration,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let pairs = admin.stores.registry.list_pairs().await;
        let mut table = Table::new([
            "SERIAL",
            "STATE",
            "SCOPE",
            "ALGORITHM",
            "CREATED",
            "DEACTIVATED",
        ]);
        for pair in pairs.map_err(Error::from)? {
            if self.json {
                output.json(&shown(&pair))?;
            } else {
                table.push([
                    pair.serial.to_string(),
                    pair.state.to_string(),
                    pair.scope.to_string(),
                    pair.algorithm.to_string(),
                    seconds(pair.created_at),
                    seconds_or_dash(pair.deactivated_at),
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
