//! The command `ckc`: encrypts documents on this machine, stores, shares and fetches them.

mod args;
mod commands;
mod context;
mod input;
mod old_command_line;
mod progress_line;
mod signals;
mod terminal_modes;
mod words;

use args::CommandLine;
use clap::FromArgMatches as _;
use crypt_keeper_client::Error;
use std::process::ExitCode;

fn main() -> ExitCode {
    let parsed = args::command().try_get_matches().and_then(|matches| {
        CommandLine::from_arg_matches(&matches).map(|command_line| (command_line, matches))
    });
    let (command_line, matches) = match parsed {
        Ok(parsed) => parsed,
        // Help and version are results, the rest is usage.
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            return if error.print().is_ok() {
                ExitCode::from(code)
            } else {
                ExitCode::FAILURE
            };
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed(&Error::Internal(format!("cannot start: {error}"))),
    };
    let outcome = runtime.block_on(async {
        // What is asked on the terminal is asked at the first poll, while Ctrl-C still just ends
        // the program; all but the API key, whose question changes the terminal.
        tokio::select! {
            biased;
            done = commands::run(command_line, &matches) => Ok(done),
            signal = signals::arrival() => Err(signal),
        }
    });
    // A thread may still wait for standard input; nobody waits for it.
    runtime.shutdown_background();
    match outcome {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => failed(&error),
        Err(Ok(signal)) => {
            words::to_stderr("interrupted: nothing is left behind; run the command again");
            ExitCode::from(128 + signal)
        }
        Err(Err(error)) => failed(&Error::Internal(format!("cannot watch signals: {error}"))),
    }
}

fn failed(error: &Error) -> ExitCode {
    words::tell(error);
    ExitCode::from(error.class().exit_code())
}
