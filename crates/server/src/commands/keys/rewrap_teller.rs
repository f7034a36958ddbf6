//! Who follows a rewrap at a terminal, or for a script.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::{DocumentId, Serial};
use crypt_keeper_domain::usecase::{RewrapProgress, RewrapWatch};
use serde_json::json;

use super::super::stop::Stop;
use super::super::{Failure, Output};
use crate::error::{Chain, StartError};

/// How often the line of a terminal is written anew.
const AT_TERMINAL: Duration = Duration::from_millis(200);
/// How often a line is written where lines stay.
const ELSEWHERE: Duration = Duration::from_secs(10);

pub(super) struct Teller<'a> {
    serial: Serial,
    json: bool,
    output: &'a mut Output,
    stop: Stop,
    told: Option<Instant>,
    last: Option<RewrapProgress>,
    unsaid: Result<(), Failure>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(
        serial: Serial,
        json: bool,
        output: &'a mut Output,
    ) -> Result<Self, StartError> {
        Ok(Self {
            serial,
            json,
            output,
            stop: Stop::listen()?,
            told: None,
            last: None,
            unsaid: Ok(()),
        })
    }

    /// Says how far it was in the end; whether all could be said.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        if let Some(last) = self.last
            && !self.json
            && self.output.at_terminal()
        {
            self.output.progress(line(&last));
        }
        std::mem::replace(&mut self.unsaid, Ok(()))
    }

    /// Whoever stopped reading did not ask for half a rewrap.
    fn say(&mut self, value: &serde_json::Value) {
        if self.unsaid.is_ok() {
            self.unsaid = self.output.json(value);
        }
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

#[async_trait]
impl RewrapWatch for Teller<'_> {
    fn failed(&mut self, document: DocumentId, why: &Error) {
        let why = Chain(why).to_string();
        if self.json {
            let document = document.to_string();
            self.say(&json!({ "event": "failed", "document": document, "error": why }));
        } else {
            self.output
                .note(format_args!("Document {document} is left as it was: {why}"));
        }
    }

    fn progress(&mut self, progress: &RewrapProgress) -> ControlFlow<()> {
        self.last = Some(*progress);
        if self.json {
            if progress.batch.total() > 0 {
                let value = shown(self.serial, progress);
                self.say(&value);
            }
        } else if self.is_time() {
            if self.output.at_terminal() {
                self.output.progress(line(progress));
            } else {
                self.output.note(line(progress));
            }
        }
        if self.stop.is_heard() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    async fn pause(&mut self, length: Duration, why: Option<&Error>) -> ControlFlow<()> {
        if let Some(why) = why {
            let seconds = length.as_secs();
            let why = Chain(why);
            self.output
                .note(format_args!("Waiting for {seconds} s: {why}"));
        }
        tokio::select! {
            () = tokio::time::sleep(length) => ControlFlow::Continue(()),
            () = self.stop.heard() => ControlFlow::Break(()),
        }
    }
}

fn shown(serial: Serial, progress: &RewrapProgress) -> serde_json::Value {
    let counts = &progress.counts;
    json!({
        "event": "progress",
        "serial": serial.to_string(),
        "total": progress.total,
        "rewrapped": counts.rewrapped,
        "elsewhere": counts.elsewhere,
        "failed": counts.failed,
        "per_second": (progress.rate * 10.0).round() / 10.0,
        "seconds_left": progress.left.map(|left| left.as_secs()),
    })
}

/// `1200 of 5000 documents, 340 a second, 11 s left`
fn line(progress: &RewrapProgress) -> String {
    let counts = &progress.counts;
    let done = counts.rewrapped + counts.elsewhere;
    let mut line = format!(
        "{done} of {} documents, {:.0} a second",
        progress.total, progress.rate
    );
    if counts.failed > 0 {
        line += &format!(", {} not rewrapped", counts.failed);
    }
    if let Some(left) = progress.left {
        line += &format!(", {} left", in_words(left));
    }
    line
}

fn in_words(left: Duration) -> String {
    match left.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypt_keeper_domain::usecase::RewrapCounts;

    #[test]
    fn a_line_says_how_far_it_is_and_how_long_it_takes() {
        let counts = RewrapCounts {
            rewrapped: 1190,
            elsewhere: 10,
            failed: 2,
        };
        let mut progress = RewrapProgress {
            total: 5000,
            counts,
            batch: counts,
            rate: 340.4,
            left: Some(Duration::from_millis(11_200)),
        };
        assert_eq!(
            line(&progress),
            "1200 of 5000 documents, 340 a second, 2 not rewrapped, 11 s left"
        );
        progress.counts.failed = 0;
        progress.left = Some(Duration::from_secs(3 * 3600 + 61));
        assert_eq!(
            line(&progress),
            "1200 of 5000 documents, 340 a second, 3 h 1 min left"
        );
    }
}
