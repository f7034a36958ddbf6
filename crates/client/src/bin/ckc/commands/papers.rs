//! `ckc completions` and `ckc man`: made from the command line's own description.

use crate::args::CommandLine;
use clap::CommandFactory as _;
use crypt_keeper_client::Error;
use std::io::{self, Write as _};

pub(crate) fn completions(shell: clap_complete::Shell) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut CommandLine::command(), "ckc", &mut script);
    print(&script)
}

pub(crate) fn man() -> Result<(), Error> {
    let mut page = Vec::new();
    let mut command = CommandLine::command();
    command.build();
    let main = clap_mangen::Man::new(command.clone());
    main.render(&mut page).map_err(Error::Output)?;
    // One page for all: each verb's own sections follow.
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        if verb.get_name() == "help" {
            continue;
        }
        let name = format!("ckc {}", verb.get_name());
        let section = clap_mangen::Man::new(verb.clone().bin_name(name.clone()));
        writeln!(page, ".SH \"{}\"", name.to_uppercase()).map_err(Error::Output)?;
        section
            .render_synopsis_section(&mut page)
            .map_err(Error::Output)?;
        section
            .render_options_section(&mut page)
            .map_err(Error::Output)?;
    }
    print(&page)
}

fn print(bytes: &[u8]) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(bytes)
        .and_then(|()| stdout.flush())
        .map_err(Error::Output)
}
