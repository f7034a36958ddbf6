//! `crypt-keeper master-key rotate`: a new master key, and every private half sealed under it.

use std::time::{Duration, Instant};

use clap::Args;
use crypt_keeper_domain::model::AuditAction;
use serde_json::json;

use super::prune::{UrlsOut, urls_out};
use super::service::{self, Service};
use super::{Ring, chain, write_down};
use crate::commands::administration::Administration;
use crate::commands::times::seconds;
use crate::commands::{Failure, Output};
use crate::config::Settings;
use crate::wiring::{Census, ResealStep, Resealed};

/// How often a person is told how far it is.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Make a new master key the one that seals, and seal every private half under it
///
/// The new key goes first into the ring's file, the old ones stay and still open; then each private
/// half is sealed anew, row by row, under traffic. A running service reads the ring again by itself.
/// Interrupted, it is run again and goes on where it was: no second key is made before `master-key
/// prune` has taken out the old ones.
///
/// If the ring comes from a command, change the secret yourself: put a new line first (`master-key
/// new FILE` makes one), keep the others, send the services SIGHUP, then run this, which seals.
///
/// Example: crypt-keeper master-key rotate
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(in super::super) struct Rotate {
    /// Only put the new key into the ring: for services on several machines, each with a copy of the
    /// file. Give every machine the new one, then run this again without --add-only
    #[arg(long, conflicts_with = "no_wait")]
    add_only: bool,
    /// Do not ask the service of this machine whether it has read the ring
    #[arg(long)]
    no_wait: bool,
    /// JSON for scripts: one object for each step
    #[arg(long)]
    json: bool,
}

/// Does it.
pub(super) async fn run(
    rotate: &Rotate,
    settings: &Settings,
    admin: &Administration,
    ring: &Ring,
    output: &mut Output,
) -> Result<(), Failure> {
    let begun = begin(rotate, admin, ring, output).await?;
    if rotate.add_only {
        output.note(
            "Give every machine this ring, then run `crypt-keeper master-key rotate` once more: it \
             seals.",
        );
        return Ok(());
    }
    if begun == Begun::NothingToDo {
        tell(
            rotate,
            output,
            "unchanged",
            "All is sealed already under",
            ring,
        )?;
        return say_next(rotate, settings, ring, output).await;
    }
    if !rotate.no_wait {
        let service = service::wait_for(settings, ring.first()).await?;
        if service == Service::NotRunning {
            output.note(format_args!(
                "No service answers at {}: one that runs elsewhere must be able to read this ring.",
                settings.http.listen
            ));
        }
    }
    seal(rotate, admin, ring, output).await?;
    say_next(rotate, settings, ring, output).await
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    /// There is a new key, or an earlier change to go on with.
    Change,
    /// The last change is done, and its old keys are in the ring still.
    NothingToDo,
}

/// Puts a new key into the ring, unless a change is under way.
async fn begin(
    rotate: &Rotate,
    admin: &Administration,
    ring: &Ring,
    output: &mut Output,
) -> Result<Begun, Failure> {
    let file = ring.file().await?;
    let census = ring.census().await?;
    ring.refuse_missing(&census)?;
    if is_unfinished(&census, ring) {
        tell(rotate, output, "resumed", "Going on to seal under", ring)?;
        return Ok(Begun::Change);
    }
    let Some(mut file) = file else {
        output.note(
            "The ring comes from a command: for a change put a new line first there, send the \
             services SIGHUP, and run this again.",
        );
        return Ok(Begun::NothingToDo);
    };
    if ring.ids().len() > 1 {
        return Ok(Begun::NothingToDo);
    }
    ring.add_key(admin, &mut file).await?;
    tell(rotate, output, "added", "New in the ring, and first:", ring)?;
    Ok(Begun::Change)
}

fn is_unfinished(census: &Census, ring: &Ring) -> bool {
    let first = ring.first();
    census.sealed_under.keys().any(|id| *id != first)
}

fn tell(
    rotate: &Rotate,
    output: &mut Output,
    event: &str,
    words: &str,
    ring: &Ring,
) -> Result<(), Failure> {
    let first = ring.first().to_string();
    if rotate.json {
        output.json(&json!({ "event": event, "master_key": first }))
    } else {
        output.result(format_args!("{words} master key {first}."))
    }
}

async fn seal(
    rotate: &Rotate,
    admin: &Administration,
    ring: &Ring,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut told = Instant::now();
    let mut unsaid = Ok(());
    let on_step = |step: ResealStep| {
        let ResealStep {
            serial,
            resealed,
            number,
            of,
        } = step;
        if rotate.json {
            let serial = serial.to_string();
            let line = json!({ "event": "sealed", "serial": serial, "anew": resealed,
                "number": number, "of": of });
            // Whoever stopped reading did not ask for half a change.
            if unsaid.is_ok() {
                unsaid = output.json(&line);
            }
        } else if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            output.note(format_args!("{number} of {of} private halves"));
        }
    };
    let Some(vault) = &ring.vault else {
        // The ring only signs URLs: that the service has read it is all.
        return finish(rotate, ring, Resealed::default(), output);
    };
    write_down(admin, AuditAction::ResealingBegun, ring.first()).await?;
    let done = vault.reseal(on_step).await;
    let done = done.map_err(|error| {
        Failure::Failed(format!(
            "{}; what was sealed anew stays so, and all still opens: mend it, then run this again",
            chain(&error)
        ))
    })?;
    write_down(admin, AuditAction::ResealingDone, ring.first()).await?;
    unsaid?;
    finish(rotate, ring, done, output)
}

fn finish(
    rotate: &Rotate,
    ring: &Ring,
    done: Resealed,
    output: &mut Output,
) -> Result<(), Failure> {
    if rotate.json {
        let left: Vec<_> = done.unknown.iter().map(ToString::to_string).collect();
        output.json(
            &json!({ "event": "finished", "master_key": ring.first().to_string(),
            "anew": done.resealed, "unchanged": done.unchanged, "unregistered": left }),
        )
    } else {
        output.result(format_args!(
            "Private halves: {} sealed anew, {} were already.",
            done.resealed, done.unchanged
        ))
    }
}

/// What remains to be done.
async fn say_next(
    rotate: &Rotate,
    settings: &Settings,
    ring: &Ring,
    output: &mut Output,
) -> Result<(), Failure> {
    let others = ring.ids().len() - 1;
    if rotate.json || others == 0 {
        return Ok(());
    }
    let file = ring.file().await?;
    let when = match file.as_ref().map(|file| urls_out(settings, file)) {
        None => "take them out there when no private half needs them (`master-key status`)".into(),
        Some(UrlsOut::None) => "run `crypt-keeper master-key prune` to take them out".into(),
        Some(UrlsOut::Until(end)) => format!(
            "run `crypt-keeper master-key prune` after {} to take them out: until then URLs may be \
             in use that were signed under them",
            seconds(end)
        ),
    };
    output.note(format_args!(
        "Keep a copy of the new ring apart from the databases' backups. It still holds old keys \
         ({others}): {when}."
    ));
    Ok(())
}
