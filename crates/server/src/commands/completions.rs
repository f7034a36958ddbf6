//! `crypt-keeper completions`: what shells complete.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, Failure, Output};

/// Print a script that lets a shell complete commands and options
///
/// Example: crypt-keeper completions bash > /etc/bash_completion.d/crypt-keeper
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Completions {
    /// For which shell
    shell: Shell,
}

/// Does it.
pub(super) fn run(completions: &Completions, output: &mut Output) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(
        completions.shell,
        &mut Cli::command(),
        "crypt-keeper",
        &mut script,
    );
    output.result(String::from_utf8_lossy(&script).trim_end())
}
