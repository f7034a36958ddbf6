//! `crypt-keeper doctor`: looks at every part the service stands on, and says what to do.

mod backups;
mod bucket;
mod clocks;
mod databases;
mod finding;
mod keys;
mod listening;
mod objects;
mod round_trip;
mod vault;
mod vault_version;

use std::path::Path;

use clap::Args;
use serde_json::json;

use super::administration::Administration;
use super::table::Table;
use super::{Context, Failure, Output, public_url};
use crate::config::{MasterKey, Role};
use crate::error::{Chain, StartError};
use crate::wiring::{Missing, Stores};
use finding::{Finding, Level};

/// Look at every part the service stands on, and say what is wrong and how to mend it
///
/// Databases, tables, key store, master key, key pairs, clocks, TLS, HashiCorp Vault with its token,
/// mount and policies, the bucket's own rules, and an object that goes to the store and back by presigned URL as clients move
/// theirs. Nothing is changed; the one object is deleted again, and a wrapped secret id is not opened.
/// It may run beside the service, and before its first start.
///
/// Exit code: 0 if nothing is an error, 1 if something is.
///
/// Example: crypt-keeper doctor --json | jq '.findings[] | select(.level != "ok")'
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Doctor {
    /// JSON for scripts: one object
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) async fn run(
    doctor: &Doctor,
    context: &Context,
    output: &mut Output,
) -> Result<(), Failure> {
    let findings = examine(context).await;
    let worst = findings.iter().map(|finding| finding.level).max();
    let worst = worst.unwrap_or(Level::Ok);
    if doctor.json {
        output.json(&json!({ "level": worst, "findings": findings }))?;
    } else {
        tell(&findings, output)?;
    }
    if worst == Level::Error {
        Err(Failure::Findings)
    } else {
        Ok(())
    }
}

async fn examine(context: &Context) -> Vec<Finding> {
    let settings = context.settings();
    let url = public_url(settings);
    let mut findings = listening::examine(&settings.http, &url);
    let stores = Stores::open(settings, Missing::Refuse, &context.runtime).await;
    // Before its first start the embedded default lacks a master key too, which makes itself then.
    let is_new = settings.is_embedded() && matches!(stores, Err(StartError::NoDatabase(_)));
    let is_full = settings.role == Role::Full;
    let vault = match is_full {
        true => vault::examine(settings, &mut findings).await,
        false => None,
    };
    // Where there was no login, none is to be had; and a wrapped secret id is the service's.
    let answers = vault.as_ref().is_none_or(|report| report.mount.is_some());
    let ring_is_sealed = matches!(settings.keys.master_key, Some(MasterKey::SealedFile { .. }));
    let master_keys = if is_new || !is_full || (ring_is_sealed && !answers) {
        None
    } else {
        if settings.is_embedded() {
            findings.push(embedded(&settings.data_dir));
        }
        keys::master_key(settings, &mut findings).await
    };
    if is_full && !is_new {
        findings.push(backups::judge(settings));
    }
    let stores = match stores {
        Ok(stores) => stores,
        Err(error) => {
            findings.push(Finding::error(
                "database",
                Chain(&error).to_string(),
                "run `crypt-keeper setup`; if it was run, is the database up, and its URL or \
                 folder right (`crypt-keeper config check`)?",
            ));
            if let Some(report) = &vault {
                vault::policies(settings, None, report, &mut findings).await;
            }
            return findings;
        }
    };
    match Administration::over(stores, context) {
        Ok(admin) => {
            let fit = databases::examine(settings, &admin, &mut findings).await;
            if settings.role == Role::Ingest && fit {
                keys::active(settings, &admin, &mut findings).await;
            }
            if let Some(report) = &vault {
                let admin = fit.then_some(&admin);
                vault::policies(settings, admin, report, &mut findings).await;
            }
            if let Some(master_keys) = &master_keys {
                let master_keys = master_keys.as_ref();
                if fit && answers {
                    keys::pairs(settings, &admin, master_keys, &mut findings).await;
                } else if fit {
                    keys::active(settings, &admin, &mut findings).await;
                }
                let admin = fit.then_some(&admin);
                objects::examine(context, &url, master_keys, admin, &mut findings).await;
            }
            admin.stores.shutdown().await;
        }
        Err(error) => findings.push(Finding::error(
            "entropy",
            Chain(&error).to_string(),
            "the operating system gives no random numbers: no key can be made on this machine",
        )),
    }
    findings
}

fn embedded(data_dir: &Path) -> Finding {
    Finding::warning(
        "embedded default",
        format!(
            "master key, key store, database and objects lie together in {}: fit for trying out, \
             but whoever copies the folder has all",
            data_dir.display()
        ),
        "for documents that matter, make a master key elsewhere (`crypt-keeper master-key new \
         FILE`), and see docs/deployment.md",
    )
}

fn tell(findings: &[Finding], output: &mut Output) -> Result<(), Failure> {
    let mut table = Table::without_headings();
    for finding in findings {
        table.push([
            finding.level.to_string(),
            finding.check.to_owned(),
            finding.message.clone(),
        ]);
        if let Some(fix) = &finding.fix {
            table.push([" ".to_owned(), " ".to_owned(), format!("fix: {fix}")]);
        }
    }
    output.result(table)?;
    let count = |level| findings.iter().filter(|one| one.level == level).count();
    output.note(format_args!(
        "{} looked at: {} with a warning, {} with an error.",
        findings.len(),
        count(Level::Warning),
        count(Level::Error)
    ));
    Ok(())
}
