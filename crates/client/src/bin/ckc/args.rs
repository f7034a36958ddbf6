//! The command line. One parser takes the present one and the 2017 one; `old_command_line` tells
//! which was typed.

use clap::builder::{FalseyValueParser, Resettable};
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum, ValueHint};
use crypt_keeper_client::Format;
use crypt_keeper_secret::SecretString;
use std::convert::Infallible;
use std::ffi::OsStr;
use std::path::PathBuf;

const LONG_ABOUT: &str = "\
Encrypts documents on this machine, stores them, shares them, and fetches them back.

  ckc login                        once: where the service is, and who you are
  ckc upload report.pdf            prints the document's id
  ckc share ID bob                 bob may download it
  ckc download ID                  into the current folder; -o NAME elsewhere
  tar -cz folder | ckc upload --name folder.tar.gz -

The result goes to stdout, all else to stderr. Every flag can be set in the environment instead.";

const AFTER_LONG_HELP: &str = "\
Exit codes:
  0  done                     4  no such document, user or content
  1  something else           5  the document was altered or is incomplete
  2  usage, settings          6  the network, or a service that is not available
  3  credentials or rights    7  a limit
  130, 143, 129: ended by Ctrl-C, TERM, HUP; nothing is left behind

Settings, the first that is given wins: the command line; the environment; a profile in the file
of --config, else in ~/.config/crypt-keeper/ckc.toml; ~/.ckc_config.json of the 2017 command.

Old command line: scripts of the 2017 ckc go on working. Its words are printed, and AES|CBC
documents are read, when
  - -u, -a (--api-key), -c, -d or -j stands before the verb, or
  - the verb is write-config, `share -a USER ID`, `share ID` without a user, or `download` with
    -f or -p, or
  - the address, the user or the key comes from ~/.ckc_config.json.
`download -f NAME` replaces a file of that name, as it always did. New uploads are
AES256_GCM_HKDF_1MB all the same. Unlike the old command, a failure exits with its class and
prints nothing on stdout.";

/// A secure document exchange.
#[derive(Debug, Parser)]
#[command(
    name = "ckc",
    version,
    long_about = LONG_ABOUT,
    after_long_help = AFTER_LONG_HELP,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(crate) struct CommandLine {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(flatten)]
    pub(crate) old: OldGlobals,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Flags that stand anywhere.
#[derive(Debug, Args)]
#[command(next_help_heading = "Anywhere")]
pub(crate) struct Globals {
    /// Address of the service, such as `https://documents.example.com`.
    #[arg(long, global = true, env = "CKC_URL", value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) url: Option<String>,

    /// Name of the user.
    #[arg(long, global = true, env = "CKC_USER", value_name = "USER")]
    pub(crate) user: Option<String>,

    /// File whose first line is the API key; `-` reads it from standard input. (CKC_API_KEY may
    /// hold the key itself.)
    #[arg(long, global = true, env = "CKC_API_KEY_FILE", value_name = "FILE",
          value_hint = ValueHint::FilePath)]
    pub(crate) api_key_file: Option<PathBuf>,

    /// Profile to use.
    #[arg(long, global = true, env = "CKC_PROFILE", value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// File of profiles [default: ~/.config/crypt-keeper/ckc.toml].
    #[arg(long, global = true, env = "CKC_CONFIG", value_name = "FILE",
          value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    /// Trust the certificates of this PEM file too.
    #[arg(long, global = true, env = "CKC_CA_FILE", value_name = "FILE",
          value_hint = ValueHint::FilePath)]
    pub(crate) ca_file: Option<PathBuf>,

    /// Speak plain http to other machines. The API key crosses the network in clear.
    #[arg(long, global = true, env = "CKC_ALLOW_PLAIN_HTTP",
          value_parser = FalseyValueParser::new())]
    pub(crate) allow_plain_http: bool,

    /// Print only the result: the id, the file name. No progress line.
    #[arg(short, long, global = true, env = "CKC_QUIET", value_parser = FalseyValueParser::new())]
    pub(crate) quiet: bool,

    /// Print the result as JSON.
    #[arg(long, global = true, env = "CKC_JSON", value_parser = FalseyValueParser::new())]
    pub(crate) json: bool,

    /// Say what is asked of whom. Never prints a secret.
    #[arg(short, long, visible_alias = "debug", global = true, env = "CKC_VERBOSE",
          value_parser = FalseyValueParser::new())]
    pub(crate) verbose: bool,

    /// Give up when nothing moved for so many seconds.
    #[arg(long, global = true, env = "CKC_TIMEOUT", value_name = "SECONDS", default_value_t = 60,
          value_parser = clap::value_parser!(u64).range(1..=86400))]
    pub(crate) timeout: u64,

    /// Try again so many times what may pass.
    #[arg(long, global = true, env = "CKC_RETRIES", value_name = "N", default_value_t = 3,
          value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) retries: u32,
}

/// Flags of the 2017 command, which stand before the verb.
#[derive(Debug, Args)]
#[command(next_help_heading = "Old command line (2017), before the verb")]
pub(crate) struct OldGlobals {
    /// As --user.
    #[arg(short = 'u', value_name = "USER")]
    pub(crate) old_user: Option<String>,

    /// The API key. Other users of this machine can see it: prefer `ckc login`.
    #[arg(short = 'a', long, env = "CKC_API_KEY", hide_env_values = true, value_name = "KEY",
          value_parser = secret)]
    pub(crate) api_key: Option<SecretString>,

    /// As `upload --content-type`.
    #[arg(short = 'c', long = "content-type", value_name = "TYPE")]
    pub(crate) old_content_type: Option<String>,

    /// As --verbose.
    #[arg(short = 'd')]
    pub(crate) old_debug: bool,

    /// As --json.
    #[arg(short = 'j')]
    pub(crate) old_json: bool,
}

/// The command line, with what the environment says in the place of flags. A variable that is empty
/// says nothing, whatever its flag takes.
pub(crate) fn command() -> clap::Command {
    fn without_empty_variables(command: clap::Command) -> clap::Command {
        let command = command.mut_args(|arg| {
            let is_empty = arg.get_env().is_some_and(is_empty);
            if is_empty {
                arg.env(Resettable::Reset)
            } else {
                arg
            }
        });
        command.mut_subcommands(without_empty_variables)
    }
    without_empty_variables(CommandLine::command())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the variables of flags are this file's"
)]
fn is_empty(variable: &OsStr) -> bool {
    std::env::var_os(variable).is_some_and(|value| value.is_empty())
}

fn secret(text: &str) -> Result<SecretString, Infallible> {
    Ok(SecretString::from(text))
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Encrypt a file and store it; prints the document's id.
    Upload(UploadArgs),
    /// Fetch a document, verify it, and write it to a file.
    Download(DownloadArgs),
    /// Let others download a document.
    Share(ShareArgs),
    /// List who may download a document, its owner first.
    Shares(SharesArgs),
    /// Ask for address, user and API key, try them, and keep them in a profile.
    Login,
    /// Print a completion script.
    Completions {
        /// Which shell to complete in.
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff).
    #[command(hide = true)]
    Man,
    /// Old command line: write address, user and key to ~/.ckc_config.json. (Prefer `ckc login`.)
    WriteConfig,
}

#[derive(Debug, Args)]
pub(crate) struct UploadArgs {
    /// The file; `-` reads standard input.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,

    /// Name to store [default: the file's].
    #[arg(long, env = "CKC_NAME", value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// Content type to store [default: guessed from the name].
    #[arg(short, long, env = "CKC_CONTENT_TYPE", value_name = "TYPE")]
    pub(crate) content_type: Option<String>,

    /// How to encrypt. aes-cbc shows no alteration: only for readers that know nothing else.
    #[arg(long, env = "CKC_CIPHER", value_enum, default_value_t = Cipher::Aes256GcmHkdf1mb)]
    pub(crate) cipher: Cipher,

    /// Retention class to store it in, which says how long it lives [default: yours, or else the
    /// service's].
    #[arg(long, env = "CKC_RETENTION", value_name = "CLASS")]
    pub(crate) retention: Option<String>,
}

/// Encryption of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Cipher {
    /// AES256_GCM_HKDF_1MB: every alteration shows.
    #[value(name = "aes256-gcm-hkdf-1mb")]
    Aes256GcmHkdf1mb,
    /// AES|CBC, for readers of 2017.
    #[value(name = "aes-cbc")]
    AesCbc,
}

impl From<Cipher> for Format {
    fn from(cipher: Cipher) -> Self {
        match cipher {
            Cipher::Aes256GcmHkdf1mb => Self::Aes256GcmHkdf1Mb,
            Cipher::AesCbc => Self::AesCbc,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct DownloadArgs {
    /// The document's id; `-` reads it, or what `upload` printed, from standard input.
    pub(crate) id: String,

    /// File to write, or a folder; `-` writes to standard output, segment by segment: every byte
    /// is verified, but only exit code 0 says that the document is complete.
    #[arg(short, long, env = "CKC_OUTPUT", value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub(crate) output: Option<PathBuf>,

    /// Replace a file of that name.
    #[arg(long, env = "CKC_FORCE", value_parser = FalseyValueParser::new())]
    pub(crate) force: bool,

    /// Read AES|CBC too, which shows no alteration.
    #[arg(long, env = "CKC_LEGACY", value_parser = FalseyValueParser::new())]
    pub(crate) legacy: bool,

    /// Old command line: file to write; one of that name is replaced.
    #[arg(short = 'f', long, value_name = "NAME", conflicts_with = "output",
          value_hint = ValueHint::FilePath)]
    pub(crate) filename: Option<PathBuf>,

    /// Old command line: folder to write to.
    #[arg(short = 'p', long, value_name = "DIR", conflicts_with = "output",
          value_hint = ValueHint::DirPath)]
    pub(crate) path: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ShareArgs {
    /// The document's id; `-` reads it, or what `upload` printed, from standard input.
    pub(crate) id: String,

    /// Who may download it.
    #[arg(value_name = "USER")]
    pub(crate) users: Vec<String>,

    /// Old command line: who may download it. Without any user, `share` lists who may.
    #[arg(short = 'a', long, value_name = "USER", conflicts_with = "users")]
    pub(crate) add: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SharesArgs {
    /// The document's id; `-` reads it, or what `upload` printed, from standard input.
    pub(crate) id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn every_flag_of_the_present_command_line_has_its_variable() {
        let mut command = CommandLine::command();
        command.build();
        let old = [
            "old_user",
            "old_content_type",
            "old_debug",
            "old_json",
            "filename",
            "path",
            "add",
        ];
        for command in std::iter::once(&command).chain(command.get_subcommands()) {
            for flag in command.get_arguments().filter(|arg| !arg.is_positional()) {
                let id = flag.get_id().as_str();
                if ["help", "version"].contains(&id) || old.contains(&id) {
                    continue;
                }
                let variable = flag.get_env().and_then(|name| name.to_str());
                assert!(
                    variable.is_some_and(|name| name.starts_with("CKC_")),
                    "{id}"
                );
            }
        }
    }
}
