//! What a copy came to, in words and numbers.

use crypt_keeper_domain::usecase::{Compared, Copied};
use serde_json::{Value, json};

use super::super::table::Table;
use super::super::{Failure, Output};
use super::Copy;
use super::objects::{MovedObjects, ObjectRoute};
use crate::wiring::KeyRoute;

/// Tells it all: a table, what differs, and what comes next.
pub(super) fn tell(
    done: &Copied,
    moved: Option<&MovedObjects>,
    route: ObjectRoute,
    copy: &Copy,
    output: &mut Output,
) -> Result<(), Failure> {
    if copy.json {
        return output.json(&json!({
            "event": "finished",
            "whole": done.is_whole() && moved.is_none_or(MovedObjects::is_whole),
            "stopped": done.stopped,
            "blocked": done.blocked,
            "kinds": kinds(done),
            "private_halves": done.private_halves,
            "not_copied": done.failed,
            "objects": moved.map(MovedObjects::shown),
        }));
    }
    if done.stopped {
        return output.result("Stopped before the end. Run it again: it goes on where it was.");
    }
    output.result(table(done))?;
    if done.private_halves > 0 {
        let halves = done.private_halves;
        output.result(format_args!("Private halves carried over: {halves}"))?;
    }
    if let Some(moved) = moved {
        output.result(moved.in_words())?;
    }
    for compared in &done.kinds {
        for line in differences(compared) {
            output.result(line)?;
        }
    }
    if done.blocked {
        output.result(
            "Nothing but key pairs was copied, since every document hangs on one: see above.",
        )?;
    }
    if done.failed > 0 {
        output.result(format_args!(
            "Rows that were not copied: {}; each was told above.",
            done.failed
        ))?;
    }
    if !done.is_whole() || moved.is_some_and(|moved| !moved.is_whole()) {
        return Ok(());
    }
    output.result("The target is a whole copy: every row was read back and compared.")?;
    if let Some(left) = route.left_to_do(copy.without_objects) {
        output.result(left)?;
    }
    output.result(
        "Next: start the service with the target's configuration; keep the source until you have \
         seen it work.",
    )
}

/// Tells what would be done.
pub(super) fn tell_plan(
    done: &Copied,
    keys: KeyRoute,
    objects: ObjectRoute,
    as_json: bool,
    output: &mut Output,
) -> Result<(), Failure> {
    let keys = match keys {
        KeyRoute::SameTransit => "stay in Transit, which both use",
        KeyRoute::Carried => "are carried over, from under the one seal to under the other",
        KeyRoute::Rewrapped => "are left behind: document keys are wrapped anew",
    };
    if as_json {
        return output.json(&json!({
            "event": "compared",
            "kinds": kinds(done),
            "keys": keys,
            "objects": objects.in_words(),
        }));
    }
    let mut table = Table::new(["KIND", "SOURCE", "TARGET", "TO COPY"]);
    for one in &done.kinds {
        table.push([
            one.kind.to_string(),
            one.source.to_string(),
            one.target.to_string(),
            one.source.saturating_sub(one.target).to_string(),
        ]);
    }
    output.result(table)?;
    output.result(format_args!("Private halves {keys}."))?;
    output.result(format_args!("Objects {}.", objects.in_words()))
}

fn table(done: &Copied) -> Table<6> {
    let mut table = Table::new(["KIND", "SOURCE", "TARGET", "COPIED NOW", "EQUAL", "SHA-256"]);
    for one in &done.kinds {
        let equal = if one.is_equal() { "yes" } else { "NO" };
        table.push([
            one.kind.to_string(),
            one.source.to_string(),
            one.target.to_string(),
            one.copied.to_string(),
            equal.to_owned(),
            one.source_digest.to_string(),
        ]);
    }
    table
}

fn differences(one: &Compared) -> Vec<String> {
    let kind = one.kind;
    let mut lines = Vec::new();
    if let Some(first) = &one.first_difference {
        lines.push(format!(
            "The {kind} differ, first at {first}: the target's SHA-256 is {}.",
            one.target_digest
        ));
    }
    if one.source_changed {
        lines.push(format!(
            "The {kind} of the source changed meanwhile: something still works on it. Stop it, and \
             run this again."
        ));
    }
    if let Some(first) = &one.first_other {
        let others = one.others;
        lines.push(if kind.may_have_others() {
            format!("The target has {others} {kind} of its own: what it made or did itself.")
        } else {
            format!(
                "The target has {others} {kind} that the source has not, first {first}: it is no \
                 copy of this source alone. They were left as they are."
            )
        });
    }
    lines
}

fn kinds(done: &Copied) -> Vec<Value> {
    let shown = |one: &Compared| {
        json!({
            "kind": one.kind.as_str(),
            "source": one.source,
            "target": one.target,
            "copied": one.copied,
            "others": one.others,
            "equal": one.is_equal(),
            "source_sha256": one.source_digest.to_string(),
            "target_sha256": one.target_digest.to_string(),
            "first_difference": one.first_difference,
            "first_other": one.first_other,
            "source_changed": one.source_changed,
        })
    };
    done.kinds.iter().map(shown).collect()
}
