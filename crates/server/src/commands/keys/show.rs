use clap::Args;

use super::super::administration::Administration;
use super::super::table::Table;
use super::super::times::{seconds, seconds_or_dash};
use super::super::{Failure, Output};
use super::{OnePair, count_documents, find, shown};

/// Show one key pair, and how many live documents need it
///
/// Example: crypt-keeper keys show 4611686018427387904
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::commands) struct Show {
    #[command(flatten)]
    pair: OnePair,
}

impl Show {
    pub(super) async fn run(
        &self,
        admin: &Administration,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let pair = find(admin, self.pair.serial).await?;
        let documents = count_documents(admin).run(&admin.call, pair.serial).await?;
        if self.pair.json {
            let mut object = shown(&pair);
            object["former_state"] = pair.former_state.map(|state| state.as_str()).into();
            object["live_documents"] = documents.into();
            return output.json(&object);
        }
        let former = pair.former_state.map(|state| state.to_string());
        let mut table = Table::without_headings();
        for (name, value) in [
            ("serial", pair.serial.to_string()),
            ("state", pair.state.to_string()),
            ("scope", pair.scope.to_string()),
            ("algorithm", pair.algorithm.to_string()),
            ("live documents", documents.to_string()),
            ("created", seconds(pair.created_at)),
            ("activated", seconds_or_dash(pair.activated_at)),
            ("deactivated", seconds_or_dash(pair.deactivated_at)),
            ("to be destroyed", seconds_or_dash(pair.destroy_at)),
            ("before that", former.unwrap_or_default()),
            ("destroyed", seconds_or_dash(pair.destroyed_at)),
        ] {
            table.push([name.to_owned(), value]);
        }
        output.result(table)
    }
}
