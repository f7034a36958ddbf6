//! Servers on one store, without what the others need: each must build, and say what it lacks.

use std::process::Command;

use crate::counts::Counts;
use crate::step::{self, Result};
use crate::test::watched;

/// Their features, one each.
pub(crate) const ALL: [&str; 2] = ["sqlite", "postgres"];

/// A cargo command on the server with one feature.
pub(crate) fn cargo(command: &str, feature: &str) -> Command {
    step::cargo(&[
        command,
        "--package",
        "crypt-keeper-server",
        "--no-default-features",
        "--features",
        feature,
    ])
}

/// Runs the tests of what they lack, which a server with everything has no use for.
pub(crate) fn test() -> Result<(Counts, Result<()>)> {
    let mut counts = Counts::default();
    let mut ended = Ok(());
    for feature in ALL {
        let mut command = cargo("test", feature);
        command.args(["--no-fail-fast", "--test", "not_compiled_in"]);
        let (more, outcome) = watched(&mut command)?;
        counts.add(more);
        ended = ended.and(outcome);
    }
    Ok((counts, ended))
}
