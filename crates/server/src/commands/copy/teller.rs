//! Who follows a copy at a terminal, or for a script.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crypt_keeper_domain::usecase::{CopiedKind, CopyProgress, CopyWatch, NotCopied};
use serde_json::json;

use super::super::stop::Stop;
use super::super::{Failure, Output};
use crate::error::{Chain, StartError};

/// How often the line of a terminal is written anew.
const AT_TERMINAL: Duration = Duration::from_millis(200);
/// How often a line is written where lines stay.
const ELSEWHERE: Duration = Duration::from_secs(10);

pub(super) struct Teller<'a> {
    json: bool,
    output: &'a mut Output,
    stop: Stop,
    begun: (bool, CopiedKind, Instant),
    told: Option<Instant>,
    unsaid: Result<(), Failure>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(json: bool, output: &'a mut Output) -> Result<Self, StartError> {
        Ok(Self {
            json,
            output,
            stop: Stop::listen()?,
            begun: (false, CopiedKind::KeyPairs, Instant::now()),
            told: None,
            unsaid: Ok(()),
        })
    }

    /// Whether all could be said.
    pub(super) fn finish(self) -> Result<(), Failure> {
        self.unsaid
    }

    fn is_time(&mut self) -> bool {
        let pause = if self.output.at_terminal() {
            AT_TERMINAL
        } else {
            ELSEWHERE
        };
        // Nothing is said of what is over in a moment.
        let told = *self.told.get_or_insert_with(Instant::now);
        let is_time = told.elapsed() >= pause;
        if is_time {
            self.told = Some(Instant::now());
        }
        is_time
    }
}

impl CopyWatch for Teller<'_> {
    fn not_copied(&mut self, kind: CopiedKind, row: &str, why: &NotCopied) {
        let why = in_words(kind, why);
        if !self.json {
            self.output.note(format_args!("Not copied: {row}: {why}"));
        } else if self.unsaid.is_ok() {
            self.unsaid = self.output.json(&json!({
                "event": "not_copied", "kind": kind.as_str(), "row": row, "why": why,
            }));
        }
    }

    fn progress(&mut self, progress: &CopyProgress) -> ControlFlow<()> {
        let at = (progress.verifying, progress.kind);
        if (self.begun.0, self.begun.1) != at {
            self.begun = (at.0, at.1, Instant::now());
        }
        if self.is_time() {
            let line = line(progress, self.begun.2.elapsed());
            if self.output.at_terminal() {
                self.output.progress(line);
            } else {
                self.output.note(line);
            }
        }
        if self.stop.is_heard() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

fn in_words(kind: CopiedKind, why: &NotCopied) -> String {
    match why {
        NotCopied::Differs if kind == CopiedKind::KeyPairs => {
            "the target has another in its place, or another active key pair of its scope, which was \
             left as it is: was `setup` run there? Give the copy a target that it was not run on"
                .to_owned()
        }
        NotCopied::Differs if kind == CopiedKind::Partitions => {
            "the target's is further on its way, or lives longer: something has worked on the target. \
             It was left as far as it is: give the copy a new target"
                .to_owned()
        }
        NotCopied::Differs => "the target has another in its place, which was left as it is: give \
                               the copy a new target, or remove it there"
            .to_owned(),
        NotCopied::KeyPairStopped(serial) => format!(
            "key pair {serial} is stopped, so its key cannot be wrapped anew: resume the pair in \
             the source, or declare it compromised, and run this again"
        ),
        NotCopied::HoldIncomplete => "it is begun and not complete: complete it by `hold add`, or \
                                      take it off by `hold remove`, and run this again"
            .to_owned(),
        NotCopied::Failed(error) => Chain(error).to_string(),
    }
}

/// `Copying documents: 12000 seen, 11000 copied, 340 a second`
fn line(progress: &CopyProgress, elapsed: Duration) -> String {
    let (seen, seconds) = (progress.seen, elapsed.as_secs_f64());
    let kind = progress.kind;
    // A rate for people.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let rate = if seconds > 0.0 {
        seen as f64 / seconds
    } else {
        0.0
    };
    if progress.verifying {
        format!("Comparing {kind}: {seen} seen, {rate:.0} a second")
    } else {
        let copied = progress.copied;
        format!("Copying {kind}: {seen} seen, {copied} copied, {rate:.0} a second")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_it_is_at_and_how_fast() {
        let mut progress = CopyProgress {
            verifying: false,
            kind: CopiedKind::Documents,
            seen: 12_000,
            copied: 11_000,
        };
        assert_eq!(
            line(&progress, Duration::from_secs(10)),
            "Copying documents: 12000 seen, 11000 copied, 1200 a second"
        );
        progress.verifying = true;
        assert_eq!(
            line(&progress, Duration::ZERO),
            "Comparing documents: 12000 seen, 0 a second"
        );
    }
}
