//! One verb a file.

mod download;
mod login;
mod papers;
mod share;
mod upload;
mod write_config;

use crate::args::{CommandLine, Verb};
use crate::context::{self, Session, Typed};
use crate::old_command_line;
use clap::ArgMatches;
use crypt_keeper_client::Error;

pub(crate) async fn run(command_line: CommandLine, matches: &ArgMatches) -> Result<(), Error> {
    context::say_what_happens(&command_line);
    let old = old_command_line::was_typed(&command_line, matches);
    let CommandLine {
        old: old_globals,
        globals,
        verb,
    } = command_line;
    let typed = Typed::read(globals, old_globals, &verb, old)?;
    context::warn_of_a_typed_key(matches, typed.words(old));
    match &verb {
        Verb::Upload(args) => upload::run(&Session::start(typed, &verb)?, args).await,
        Verb::Download(args) => download::run(&Session::start(typed, &verb)?, args).await,
        Verb::Share(args) => share::run(&Session::start(typed, &verb)?, args).await,
        Verb::Shares(args) => share::list(&Session::start(typed, &verb)?, &args.id).await,
        Verb::Login => login::run(typed).await,
        Verb::WriteConfig => write_config::run(&typed),
        Verb::Completions { shell } => papers::completions(*shell),
        Verb::Man => papers::man(),
    }
}
