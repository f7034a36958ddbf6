//! The commands, one a file. Each takes its own arguments and a [`Context`], and answers an exit
//! code or a [`StartError`], which is printed as one line.

mod serve;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use crypt_keeper_domain::model::{CallContext, Caller, RequestId};
use crypt_keeper_domain::ports::{Clock, Entropy, EntropyExt as _};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::clock::SystemClock;
use crate::config::{self, Environment, Loaded, Override, Settings};
use crate::entropy::SystemEntropy;
use crate::error::StartError;
use crate::{hardening, logging};

/// Crypt-Keeper: a secure document exchange.
///
/// Documents are encrypted by their senders and decrypted by their readers; this service keeps the
/// keys, says who may have them, and signs URLs to the encrypted objects. Started without any
/// configuration it keeps everything in ./crypt-keeper-data and listens on 127.0.0.1:8080.
#[derive(Debug, Parser)]
#[command(name = "crypt-keeper", version, arg_required_else_help = false)]
pub struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Configuration")]
struct GlobalArgs {
    /// The configuration file [default: crypt-keeper.toml, if it is there; CRYPT_KEEPER_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder of the embedded default [same as --set data_dir=DIR]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<String>,
    /// Sets a configuration key; wins over file and environment. Repeatable
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", value_parser = parse_override)]
    overrides: Vec<Override>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the service; what happens without a command, too
    Serve(serve::Args),
}

impl Command {
    /// Flags of the command that stand for configuration keys.
    fn overrides(&self) -> Option<Override> {
        match self {
            Self::Serve(args) => args.overrides(),
        }
    }
}

/// What a command works with.
#[derive(Debug)]
pub struct Context {
    /// The configuration, and where it comes from.
    pub loaded: Loaded,
    /// The environment, for what is not configuration.
    pub environment: Environment,
    /// The system's clock.
    pub clock: Arc<dyn Clock>,
    /// The system's entropy.
    pub entropy: Arc<dyn Entropy>,
    /// The runtime that databases and object stores work on.
    pub runtime: Handle,
}

impl Context {
    /// The configuration.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.loaded.settings
    }

    /// What use cases are told of a call by `caller`, which is no request.
    ///
    /// # Errors
    /// [`StartError::Act`] if there is no entropy to be had.
    pub fn call(&self, caller: Caller) -> Result<CallContext, StartError> {
        let random = self.entropy.bytes();
        let random = random.map_err(|error| StartError::act("make a request id")(error.into()))?;
        Ok(CallContext {
            caller,
            at: self.clock.now(),
            request_id: RequestId::from_random(random),
            address: None,
        })
    }
}

/// Runs the command of a command line.
///
/// # Errors
/// [`StartError`]: why it could not begin, or go on.
pub fn run(cli: Cli, environment: Environment) -> Result<ExitCode, StartError> {
    hardening::forbid_core_dumps()?;
    let command = cli.command.unwrap_or(Command::Serve(serve::Args::default()));
    let mut overrides = cli.global.overrides;
    if let Some(value) = cli.global.data_dir {
        overrides.push(Override::new("data_dir", value));
    }
    overrides.extend(command.overrides());
    let file = cli.global.config.or_else(|| environment.config_file());
    let loaded = config::load(file.as_deref(), &environment, &overrides)?;
    logging::init(&loaded.settings.log)?;

    let runtime = runtime()?;
    let context = Context {
        loaded,
        environment,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        runtime: runtime.handle().clone(),
    };
    runtime.block_on(async {
        match command {
            Command::Serve(_) => serve::run(&context).await,
        }
    })
}

/// Where databases and object stores work; HTTP has threads of its own.
fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .thread_name("crypt-keeper")
        .enable_all()
        .build()
}

fn parse_override(text: &str) -> Result<Override, String> {
    let (key, value) = text
        .split_once('=')
        .ok_or("KEY=VALUE is needed, such as http.listen=127.0.0.1:9000")?;
    if matches!(key, "metadata.postgres.url" | "keys.sealed.url") {
        return Err(format!(
            "`{key}` may hold a password, and a command line is seen by every user of the \
             machine: use `{key}_file`, the configuration file or the environment"
        ));
    }
    Ok(Override::new(key, value))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_password_goes_on_a_command_line() {
        assert!(parse_override("metadata.postgres.url=postgres://u:p@h/d").is_err());
        assert!(parse_override("http.listen").is_err());
        let wanted = Override::new("log.filter", "a=debug");
        assert_eq!(parse_override("log.filter=a=debug"), Ok(wanted));
    }
}
