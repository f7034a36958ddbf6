//! `crypt-keeper`: the service and its operator's commands.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use crypt_keeper_server::commands::{Cli, run};
use crypt_keeper_server::config::Environment;

fn main() -> ExitCode {
    match run(Cli::parse(), Environment::of_process()) {
        Ok(code) => code,
        Err(failure) => {
            if let Some(message) = failure.message() {
                // If standard error is closed, the exit code has to do.
                let _ = writeln!(std::io::stderr(), "crypt-keeper: {message}");
            }
            ExitCode::from(failure.exit_code())
        }
    }
}
