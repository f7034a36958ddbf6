//! The commands, one a file. Each takes its own arguments and a [`Context`], and writes to an
//! [`Output`]; a [`Failure`] is printed as one line, and is the exit code.

mod administration;
mod api_key;
mod audit;
mod bucket;
mod completions;
mod config;
mod copy;
mod doctor;
mod documents;
mod escape;
mod expiry;
mod failure;
mod follow;
mod healthcheck;
mod hold;
mod keys;
mod master_key;
mod migrate;
mod output;
mod page;
mod partitions;
mod parts;
mod retention;
mod serve;
mod setup;
mod stop;
mod table;
mod this_service;
mod times;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use crypt_keeper_domain::model::{CallContext, Caller, RequestId};
use crypt_keeper_domain::ports::{Clock, Entropy, EntropyExt as _};
use tokio::runtime::{Builder, Handle, Runtime};

pub use failure::Failure;
pub use output::Output;

use administration::Administration;

use crate::clock::SystemClock;
use crate::config::{
    self as configuration, ConfigError, Environment, Loaded, Override, PublicUrl, Role, Settings,
};
use crate::entropy::SystemEntropy;
use crate::error::{Chain, StartError};
use crate::{hardening, logging, wiring};

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
    #[command(flatten)]
    serve: serve::Args,
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
    /// Run the service; what happens without a command, too
    Serve(serve::Args),
    Setup(setup::Setup),
    Doctor(doctor::Doctor),
    Migrate(migrate::Migrate),
    Copy(copy::Copy),
    /// Show what is configured
    #[command(subcommand)]
    Config(config::Command),
    /// Make, list, disable and enable users
    #[command(subcommand)]
    User(user::Command),
    /// Make, list and revoke what users sign in with
    #[command(subcommand)]
    ApiKey(api_key::Command),
    /// Look at what is known of documents: never a key
    #[command(subcommand)]
    Documents(documents::Command),
    /// List the key pairs that wrap document keys, and guide them through their life
    #[command(subcommand)]
    Keys(keys::Command),
    /// Make, change and look at what seals the key pairs
    #[command(subcommand)]
    MasterKey(master_key::Command),
    /// Show how long documents live
    #[command(subcommand)]
    Retention(retention::Command),
    /// List, make and drop what expires at once
    #[command(subcommand)]
    Partitions(partitions::Command),
    /// Keep documents from expiring, for a court
    #[command(subcommand)]
    Hold(hold::Command),
    /// Look at who did what, and when
    #[command(subcommand)]
    Audit(audit::Command),
    Healthcheck(healthcheck::Healthcheck),
    Completions(completions::Completions),
}

impl Command {
    /// Flags of the command that stand for configuration keys.
    fn overrides(&self) -> Option<Override> {
        match self {
            Self::Serve(args) => args.overrides(),
            _ => None,
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
/// [`Failure`]: why it could not begin, or go on.
pub fn run(cli: Cli, environment: Environment) -> Result<ExitCode, Failure> {
    hardening::forbid_core_dumps().map_err(StartError::from)?;
    let command = cli
        .command
        .unwrap_or(Command::Serve(serve::Args::default()));
    let mut output = Output::of_process();
    // Works without a configuration, and also with one that is refused.
    if let Command::Completions(completions) = &command {
        return done(completions::run(completions, &mut output));
    }
    let mut overrides = cli.global.overrides;
    if let Some(value) = cli.global.data_dir {
        overrides.push(Override::new("data_dir", value));
    }
    overrides.extend(cli.serve.overrides());
    overrides.extend(command.overrides());
    let file = cli.global.config.or_else(|| environment.config_file());
    let loaded = configuration::load(file.as_deref(), &environment, &overrides);
    if let Command::MasterKey(master_key::Command::New(new)) = &command {
        let is_to_be_sealed = environment.get(SEALED_BY_TRANSIT.1).is_some()
            || overrides
                .iter()
                .any(|given| given.key == SEALED_BY_TRANSIT.0);
        return done(make_master_key(new, loaded, is_to_be_sealed, &mut output));
    }
    let loaded = loaded.map_err(StartError::from)?;
    wiring::check_compiled_in(&loaded.settings)?;
    if loaded.settings.role == Role::Ingest && !command.is_for_ingest() {
        return Err(StartError::IngestRole.into());
    }
    logging::init(&loaded.settings.log)?;

    let runtime = runtime().map_err(StartError::from)?;
    let context = Context {
        loaded,
        environment,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        runtime: runtime.handle().clone(),
    };
    runtime.block_on(async {
        match command {
            Command::Serve(_) => Ok(serve::run(&context).await?),
            other => done(other.run(&context, &mut output).await),
        }
    })
}

/// The key that says so, and its variable.
const SEALED_BY_TRANSIT: (&str, &str) = (
    "keys.master_key_transit",
    "CRYPT_KEEPER__KEYS__MASTER_KEY_TRANSIT",
);

/// With a configuration that is refused, too, since it may need other things first; unless the
/// environment or the command line says that the key is to be sealed. Of a file that is refused
/// nobody knows that, so it is mentioned.
fn make_master_key(
    new: &master_key::new::New,
    loaded: Result<Loaded, ConfigError>,
    is_to_be_sealed: bool,
    output: &mut Output,
) -> Result<(), Failure> {
    let loaded = match loaded {
        Err(error) if is_to_be_sealed => return Err(StartError::from(error).into()),
        loaded => loaded,
    };
    if let Err(error) = &loaded {
        output.note(format_args!(
            "The configuration is refused, so this key is not sealed by Transit: {}",
            Chain(error)
        ));
    }
    let settings = loaded.as_ref().map(|loaded| &loaded.settings).ok();
    let runtime = runtime().map_err(StartError::from)?;
    runtime.block_on(master_key::new::run(new, settings, output))
}

fn done(outcome: Result<(), Failure>) -> Result<ExitCode, Failure> {
    outcome.map(|()| ExitCode::SUCCESS)
}

impl Command {
    /// Whether it has a meaning for a server that only accepts uploads.
    fn is_for_ingest(&self) -> bool {
        matches!(
            self,
            Self::Serve(_) | Self::Doctor(_) | Self::Config(_) | Self::Healthcheck(_)
        )
    }

    async fn run(&self, context: &Context, output: &mut Output) -> Result<(), Failure> {
        let settings = context.settings();
        match self {
            Self::Setup(setup) => return setup::run(setup, context, output).await,
            Self::Doctor(doctor) => return doctor::run(doctor, context, output).await,
            Self::Migrate(migrate) => return migrate::run(migrate, context, output).await,
            Self::Config(command) => return config::run(command, context, output),
            Self::Healthcheck(check) => return healthcheck::run(check, settings, output).await,
            _ => {}
        }
        let admin = Administration::open(context).await?;
        let outcome = match self {
            Self::Copy(copy) => copy::run(copy, &admin, context, output).await,
            Self::User(command) => user::run(command, &settings.retention, &admin, output).await,
            Self::ApiKey(command) => api_key::run(command, &admin, output).await,
            Self::Documents(command) => documents::run(command, &admin, output).await,
            Self::Keys(command) => keys::run(command, settings, &admin, output).await,
            Self::MasterKey(command) => master_key::run(command, settings, &admin, output).await,
            Self::Retention(command) => {
                retention::run(command, &settings.retention, &admin, output).await
            }
            Self::Partitions(command) => partitions::run(command, context, &admin, output).await,
            Self::Hold(command) => hold::run(command, context, &admin, output).await,
            Self::Audit(command) => audit::run(command, &admin, output).await,
            _ => Ok(()),
        };
        admin.stores.shutdown().await;
        outcome
    }
}

/// Where clients reach the service, as far as the configuration says.
fn public_url(settings: &Settings) -> PublicUrl {
    let http = &settings.http;
    http.public_url
        .clone()
        .unwrap_or_else(|| PublicUrl::of(http.listen, http.tls.is_some()))
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
