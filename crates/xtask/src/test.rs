//! `test`: every test, on real servers.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::process::{Command, Stdio};

use crypt_keeper_test_services::{BUILT, SERVER_FEATURES, shared};

use crate::counts::Counts;
use crate::servers::{Kind, Server};
use crate::small_servers;
use crate::step::{self, Failure, Result, cargo, tell};

/// Runs the tests of the whole workspace and passes their exit code through.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    // First, because their programs have the name of the whole one. Arguments choose among the
    // tests of the whole workspace.
    let (mut counts, small) = if arguments.is_empty() {
        small_servers::test()?
    } else {
        (Counts::default(), Ok(()))
    };
    build()?;
    let servers = Servers::start();
    let mut command = cargo_test();
    command.args(arguments);
    servers.name_to(&mut command);
    let (more, ended) = watched(&mut command)?;
    drop(servers);
    counts.add(more);
    counts.print_end();
    small.and(ended)
}

/// Builds the tests, and the programs that end-to-end tests start, with the very same features.
pub(crate) fn build() -> Result<()> {
    let whole = [
        "build",
        "--workspace",
        "--all-targets",
        "--features",
        SERVER_FEATURES,
    ];
    step::run(&mut cargo(&whole))
}

/// `cargo test` for what [`build`] has built.
pub(crate) fn cargo_test() -> Command {
    let mut command = cargo(&[
        "test",
        "--workspace",
        "--no-fail-fast",
        "--features",
        SERVER_FEATURES,
    ]);
    command.env(BUILT, "1");
    command
}

/// The servers of one run: stopped on drop.
pub(crate) struct Servers {
    running: Vec<(Kind, Server)>,
}

impl Servers {
    /// Starts one of each kind that the environment does not name. One that cannot be had is said
    /// here; its tests are skipped, or fail with `CK_TEST_REQUIRE=1`.
    pub(crate) fn start() -> Self {
        let mut running = Vec::new();
        for kind in Kind::ALL {
            if shared::is_named(kind.variable()) {
                tell(format!(
                    "using the {} that {} names",
                    kind.name(),
                    kind.variable()
                ));
                continue;
            }
            match kind.start(false) {
                Ok(server) => {
                    tell(format!("using {} at {}", kind.name(), server.address()));
                    running.push((kind, server));
                }
                Err(error) => tell(format!("WITHOUT {}: {error}", kind.name())),
            }
        }
        Self { running }
    }

    /// Names them to a command's tests.
    pub(crate) fn name_to(&self, command: &mut Command) {
        for (kind, server) in &self.running {
            command.envs(server.variables(*kind));
        }
    }
}

/// Runs `cargo test`, shows what it prints, and counts.
pub(crate) fn watched(command: &mut Command) -> Result<(Counts, Result<()>)> {
    let failed = |error: std::io::Error| Failure::Said(format!("error: cargo test: {error}"));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let counts = std::thread::scope(|scope| {
        let errors = scope.spawn(|| stderr.map(|from| copy(from, std::io::stderr())));
        let mut counts = stdout
            .map(|from| copy(from, std::io::stdout()))
            .unwrap_or_default();
        if let Ok(Some(more)) = errors.join() {
            counts.add(more);
        }
        counts
    });
    let status = child.wait().map_err(failed)?;
    Ok((
        counts,
        if status.success() {
            Ok(())
        } else {
            Err(Failure::Ended(status))
        },
    ))
}

fn copy(from: impl Read, mut to: impl Write) -> Counts {
    let mut counts = Counts::default();
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        match from.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return counts,
            Ok(_) => {
                counts.read(String::from_utf8_lossy(&line).trim_end());
                // Output that nobody reads any more must not stop the tests.
                let _ = to.write_all(&line).and_then(|()| to.flush());
            }
        }
    }
}
