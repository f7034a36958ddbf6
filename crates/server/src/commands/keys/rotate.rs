use clap::Args;
use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::Scope;
use serde_json::json;

use super::super::administration::Administration;
use super::super::{Failure, Output};
use super::{open_vault, rotate_keys, shown};
use crate::config::Settings;

/// Make a new key pair the one that wraps the keys of new documents
///
/// The pair before it only unwraps from then on, so documents stay readable; nothing is uploaded
/// anew. A running service changes over within a second, and does it by itself when a pair is as
/// old as `keys.rotate_after` says.
///
/// Examples: crypt-keeper keys rotate
///           crypt-keeper keys rotate --scope customer:0197f6f0-0000-7000-8000-000000000000
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::commands) struct Rotate {
    /// The scope whose pair is rotated, as `crypt-keeper keys list` shows it [default: with
    /// `keys.scope` = "partition" that of the partition of now, of the default retention class;
    /// else shared]
    #[arg(long, value_parser = parse_scope)]
    scope: Option<Scope>,

    /// JSON for scripts: one object
    #[arg(long)]
    json: bool,
}

fn parse_scope(text: &str) -> Result<Scope, String> {
    text.parse()
        .map_err(|error: crypt_keeper_domain::model::InvalidScope| error.to_string())
}

impl Rotate {
    pub(super) async fn run(
        &self,
        settings: &Settings,
        admin: &Administration,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let vault = open_vault(settings, admin).await?;
        let algorithm = settings.keys.algorithm;
        let scope = self.scope.clone();
        let scope = scope.unwrap_or_else(|| settings.common_scope(admin.call.at));
        let rotation = rotate_keys(admin, &vault)
            .run(&admin.call, scope, algorithm)
            .await
            .map_err(|error| match error {
                Error::Conflict => Failure::Failed(
                    "somebody else rotated at the same time, and that pair is active: see \
                     `crypt-keeper keys list`"
                        .to_owned(),
                ),
                other => other.into(),
            })?;
        if self.json {
            return output.json(&json!({
                "active": shown(&rotation.active),
                "deactivated": rotation.deactivated.as_ref().map(shown),
            }));
        }
        output.result(format_args!(
            "Key pair {} wraps the keys of new documents from now on.",
            rotation.active.serial
        ))?;
        if let Some(old) = rotation.deactivated {
            output.result(format_args!(
                "Key pair {} only unwraps from now on; documents under it stay readable.",
                old.serial
            ))?;
        }
        Ok(())
    }
}
