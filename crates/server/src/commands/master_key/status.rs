//! `crypt-keeper master-key status`: which master keys there are, and what needs them.

use clap::Args;
use crypt_keeper_crypto::MasterKeyId;
use serde_json::json;

use super::service::{self, Service};
use super::{Ring, listed};
use crate::commands::table::Table;
use crate::commands::{Failure, Output};
use crate::config::Settings;
use crate::wiring::{Census, MasterKeySource};

/// Show the master keys of the ring, what is sealed under each, and what the service has read
///
/// Ids only, never a key. The service of this machine is asked by `http.listen`; others name their
/// master keys in /metrics. Exit code 1 if private halves need a key that the ring lacks.
///
/// Example: crypt-keeper master-key status
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in super::super) struct Status {
    /// JSON for scripts: one object
    #[arg(long)]
    json: bool,
}

/// A master key and where it is met.
struct Row {
    id: MasterKeyId,
    /// `seals`, `opens`, or `missing` from the ring.
    role: &'static str,
    private_halves: u64,
    in_service: &'static str,
}

/// Does it.
pub(super) async fn run(
    status: &Status,
    settings: &Settings,
    ring: &Ring,
    output: &mut Output,
) -> Result<(), Failure> {
    let census = ring.census().await?;
    let service = service::ask(settings).await;
    let rows = rows(ring, &census, &service);
    if status.json {
        say_json(ring, &census, &service, &rows, output)?;
    } else {
        say(ring, &census, &service, &rows, output)?;
    }
    if rows.iter().any(|row| row.role == "missing") {
        return Err(Failure::Findings);
    }
    Ok(())
}

fn rows(ring: &Ring, census: &Census, service: &Service) -> Vec<Row> {
    let in_ring = ring.ids();
    let missing = census
        .sealed_under
        .keys()
        .filter(|id| !in_ring.contains(id));
    let all = in_ring.iter().chain(missing).enumerate();
    let rows = all.map(|(number, id)| Row {
        id: *id,
        role: match number {
            0 => "seals",
            number if number < in_ring.len() => "opens",
            _ => "missing",
        },
        private_halves: census.needing(*id),
        in_service: match service {
            Service::Loaded(_) if service.seals_under(*id) => "seals",
            Service::Loaded(_) if service.has(*id) => "opens",
            Service::Loaded(_) => "no",
            Service::NotRunning | Service::Silent => "-",
        },
    });
    rows.collect()
}

fn say(
    ring: &Ring,
    census: &Census,
    service: &Service,
    rows: &[Row],
    output: &mut Output,
) -> Result<(), Failure> {
    let mut table = Table::new(["MASTER KEY", "RING", "SERVICE", "PRIVATE HALVES"]);
    for row in rows {
        table.push([
            row.id.to_string(),
            row.role.to_owned(),
            row.in_service.to_owned(),
            row.private_halves.to_string(),
        ]);
    }
    output.result(table)?;
    let first = ring.first();
    match service {
        Service::NotRunning => output.note("No service answers on this machine."),
        Service::Silent => {
            output.note("The service of this machine does not say which master keys it has.");
        }
        Service::Loaded(_) if !service.seals_under(first) => output.note(format_args!(
            "The service of this machine does not seal under {first} yet: it looks at the file \
             every 5 s; on SIGHUP, at once."
        )),
        Service::Loaded(_) => {}
    }
    let missing: Vec<_> = rows.iter().filter(|row| row.role == "missing").collect();
    if !missing.is_empty() {
        let ids: Vec<_> = missing.iter().map(|row| row.id).collect();
        output.note(format_args!(
            "The ring lacks {}: put the line back; until then documents under those private halves \
             cannot be read.",
            listed(&ids)
        ));
    }
    let old: u64 = rows.iter().skip(1).map(|row| row.private_halves).sum();
    if old > 0 && missing.is_empty() {
        output.note("Private halves wait to be sealed anew: `crypt-keeper master-key rotate`.");
    }
    for (serial, under) in &census.unregistered {
        output.note(format_args!(
            "Unregistered: the private half {serial}, sealed under {under}, is of no key pair."
        ));
    }
    for serial in &census.unreadable {
        output.note(format_args!(
            "The row of serial {serial} is no sealed private half."
        ));
    }
    Ok(())
}

fn say_json(
    ring: &Ring,
    census: &Census,
    service: &Service,
    rows: &[Row],
    output: &mut Output,
) -> Result<(), Failure> {
    let keys: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({ "id": row.id.to_string(), "ring": row.role, "service": row.in_service,
                "private_halves": row.private_halves })
        })
        .collect();
    let unregistered: Vec<_> = census
        .unregistered
        .iter()
        .map(|(serial, _)| serial.to_string())
        .collect();
    let unreadable: Vec<_> = census.unreadable.iter().map(ToString::to_string).collect();
    output.json(&json!({
        "source": match ring.keys.source() {
            Some(MasterKeySource::Command(..)) => "command",
            Some(MasterKeySource::SealedFile(..)) => "sealed file",
            _ => "file",
        },
        "service": match service {
            Service::NotRunning => "not running",
            Service::Silent => "silent",
            Service::Loaded(_) if service.seals_under(ring.first()) => "current",
            Service::Loaded(_) => "behind",
        },
        "master_keys": keys,
        "unregistered": unregistered,
        "unreadable": unreadable,
    }))
}
