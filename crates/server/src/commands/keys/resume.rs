use std::sync::Arc;

use clap::Args;
use crypt_keeper_domain::usecase::{ResumeKeys, Resumed};
use serde_json::json;

use super::super::administration::Administration;
use super::super::{Failure, Output};
use super::{OnePair, shown};

/// Put a suspended key pair to use again: its documents can be read from then on
///
/// Example: crypt-keeper keys resume 4611686018427387904
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::commands) struct Resume {
    #[command(flatten)]
    pair: OnePair,

    /// Let it wrap the keys of new documents again, too; refused if another pair does
    #[arg(long)]
    active: bool,
}

impl Resume {
    pub(super) async fn run(
        &self,
        admin: &Administration,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let serial = self.pair.serial;
        let resume = ResumeKeys {
            registry: Arc::clone(&admin.stores.registry),
            entropy: Arc::clone(&admin.entropy),
        };
        let resumed = if self.active {
            Resumed::Active
        } else {
            Resumed::Deactivated
        };
        let step = resume.run(&admin.call, serial, resumed).await?;
        if self.pair.json {
            return output.json(&json!({ "pair": shown(&step.pair), "changed": step.changed }));
        }
        if !step.changed {
            return output.result(format_args!(
                "Key pair {serial} is {} already; nothing was changed.",
                step.pair.state
            ));
        }
        match resumed {
            Resumed::Active => output.result(format_args!(
                "Key pair {serial} wraps the keys of new documents again, and its documents can be \
                 read."
            )),
            Resumed::Deactivated => output.result(format_args!(
                "Key pair {serial} unwraps again: its documents can be read."
            )),
        }
    }
}
