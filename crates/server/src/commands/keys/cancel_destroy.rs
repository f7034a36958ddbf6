use std::sync::Arc;

use clap::Args;
use crypt_keeper_domain::usecase::CancelDestruction;
use serde_json::json;

use super::super::administration::Administration;
use super::super::{Failure, Output};
use super::{OnePair, shown};

/// Call off the scheduled destruction of a key pair: it returns to what it was before
///
/// Example: crypt-keeper keys cancel-destroy 4611686018427387904
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in crate::commands) struct CancelDestroy {
    #[command(flatten)]
    pair: OnePair,
}

impl CancelDestroy {
    pub(super) async fn run(
        &self,
        admin: &Administration,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let serial = self.pair.serial;
        let cancel = CancelDestruction {
            registry: Arc::clone(&admin.stores.registry),
            entropy: Arc::clone(&admin.entropy),
        };
        let step = cancel.run(&admin.call, serial).await?;
        if self.pair.json {
            return output.json(&json!({ "pair": shown(&step.pair), "changed": step.changed }));
        }
        if step.changed {
            output.result(format_args!(
                "Key pair {serial} will not be destroyed: it is {} again.",
                step.pair.state
            ))
        } else {
            output.result(format_args!(
                "No destruction of key pair {serial} is scheduled; nothing was changed."
            ))
        }
    }
}
