//! Developer commands: `cargo xtask --help`.

mod bench;
mod check;
mod counts;
mod deny;
mod servers;
mod services;
mod small_servers;
mod soak;
mod step;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Developer commands of Crypt-Keeper.
#[derive(Parser)]
#[command(name = "cargo xtask", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every test on real servers, installed and started for the run
    ///
    /// Servers named by CK_TEST_POSTGRES_URL, CK_TEST_MINIO_URL, CK_TEST_VERSITYGW_URL,
    /// CK_TEST_OPENBAO_URL or CK_TEST_DYNAMODB_URL are used instead. A server that cannot be had skips its tests, loudly; with CK_TEST_REQUIRE=1 it
    /// fails them. The last line is the sum of the test runners' counts.
    Test {
        /// More arguments for `cargo test`, after `--`: a filter, or `-- --nocapture`
        #[arg(last = true, value_name = "ARGUMENTS")]
        arguments: Vec<String>,
    },
    /// Start, stop or list servers that stay up between test runs
    Services {
        #[command(subcommand)]
        command: ServicesCommand,
    },
    /// Run what guards the tree besides tests: formatting, clippy for each feature set, licences and
    /// bans, documentation
    Check,
    /// Run what continuous integration runs: `check`, then `test`
    Ci,
    /// Measure how fast the service is, beside ceilings taken in the same run
    Bench(bench::Arguments),
    /// Run the crash and outage tests with many cycles and the main job on every combination of
    /// backends, and print machine, date and results
    Soak {
        /// How many cycles each test runs
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
        cycles: u32,
    },
}

#[derive(Subcommand)]
enum ServicesCommand {
    /// Start what does not run yet, and print the `export` lines that name the servers to tests
    ///
    /// Use it as `eval "$(cargo xtask services up)"`.
    Up,
    /// Stop the servers that `up` started
    Down,
    /// List the servers that `up` started
    Status,
}

fn main() -> ExitCode {
    let command = Arguments::parse().command;
    let done = step::enter_workspace().and_then(|()| run(command));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(message) = failure.message() {
                step::tell(message);
            }
            failure.exit_code()
        }
    }
}

fn run(command: Command) -> step::Result<()> {
    match command {
        Command::Test { arguments } => test::run(&arguments),
        Command::Services {
            command: ServicesCommand::Up,
        } => services::up(),
        Command::Services {
            command: ServicesCommand::Down,
        } => services::down(),
        Command::Services {
            command: ServicesCommand::Status,
        } => services::status(),
        Command::Check => check::run(),
        Command::Ci => check::run().and_then(|()| test::run(&[])),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Soak { cycles } => soak::run(cycles),
    }
}
