//! The test runners' own counts, read from what they print.

use std::collections::BTreeSet;
use std::fmt;

use crate::step::print;

/// Marks a test that did not run for want of a server; see
/// `crypt_keeper_test_services::require_or_skip`.
const SKIPPED: &str = "SKIPPED ";

/// The sum of all `test result:` lines, and the tests that said they were skipped.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
    results: u64,
    skipped: BTreeSet<String>,
}

impl Counts {
    /// Takes one line of output into account.
    pub(crate) fn read(&mut self, line: &str) {
        if let Some(result) = line.strip_prefix("test result: ") {
            self.results += 1;
            for part in result.split([';', '.']) {
                let mut words = part.split_ascii_whitespace();
                let (Some(number), Some(what)) = (words.next(), words.next()) else {
                    continue;
                };
                let Ok(number) = number.parse::<u64>() else {
                    continue;
                };
                match what {
                    "passed" => self.passed += number,
                    "failed" => self.failed += number,
                    "ignored" => self.ignored += number,
                    _ => {}
                }
            }
        }
        // It may follow the unfinished line of the test's name.
        if let Some(at) = line.find(SKIPPED) {
            self.skipped.insert(line[at..].trim_end().to_owned());
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
        self.results += other.results;
        self.skipped.extend(other.skipped);
    }

    /// Whether any test ran.
    pub(crate) fn any(&self) -> bool {
        self.passed + self.failed > 0
    }

    /// Repeats what skipped tests said; then, alone and last, the sum.
    pub(crate) fn print_end(&self) {
        self.skipped.iter().for_each(print);
        if self.results > 0 {
            print(self);
        }
    }
}

/// Runners count a test that returned early as passed; here it is skipped.
impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tests: BTreeSet<&str> = self
            .skipped
            .iter()
            .map(|line| line.split(": ").next().unwrap_or(line))
            .collect();
        let returned = tests.len() as u64;
        write!(
            formatter,
            "{} passed, {} failed, {} skipped",
            self.passed.saturating_sub(returned),
            self.failed,
            self.ignored + returned
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(lines: &[&str]) -> Counts {
        let mut counts = Counts::default();
        lines.iter().for_each(|line| counts.read(line));
        counts
    }

    #[test]
    fn the_sum_is_that_of_the_runners() {
        let counts = counts(&[
            "test a ... ok",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; \
             finished in 1.25s",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; \
             finished in 0.00s",
        ]);
        assert_eq!(counts.to_string(), "15 passed, 2 failed, 1 skipped");
        assert!(counts.any());
    }

    #[test]
    fn a_test_that_was_skipped_has_not_passed_and_is_counted_once() {
        let counts = counts(&[
            "test laws::insert ... SKIPPED laws::insert: PostgreSQL cannot be had: no mvn",
            "SKIPPED laws::insert: MinIO cannot be had: no go",
            "SKIPPED laws::find: PostgreSQL cannot be had: no mvn",
            "test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
        ]);
        assert_eq!(counts.to_string(), "3 passed, 0 failed, 2 skipped");
        assert_eq!(counts.skipped.len(), 3);
    }

    #[test]
    fn nothing_is_made_of_no_result() {
        let counts = counts(&["error[E0308]: mismatched types"]);
        assert!(!counts.any());
        assert_eq!(counts.results, 0);
    }
}
