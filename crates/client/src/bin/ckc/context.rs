//! What the command line, the environment and the files say together.

use crate::args::{CommandLine, Globals, OldGlobals, Verb};
use crate::input;
use crate::old_command_line;
use crate::words::{Style, Words};
use clap::ArgMatches;
use crypt_keeper_client::config::{Overrides, Places, Settings};
use crypt_keeper_client::{Client, Error, Patience};
use crypt_keeper_secret::SecretString;
use std::time::Duration;

/// What is known before any file is read.
#[derive(Debug)]
pub(crate) struct Typed {
    pub(crate) overrides: Overrides,
    pub(crate) patience: Patience,
    /// Whether the old command line was typed.
    pub(crate) old: bool,
    pub(crate) content_type: Option<String>,
    json: bool,
    quiet: bool,
}

impl Typed {
    /// # Errors
    /// Those of the file of the API key.
    pub(crate) fn read(
        globals: Globals,
        old_globals: OldGlobals,
        verb: &Verb,
        old: bool,
    ) -> Result<Self, Error> {
        let api_key = match (&globals.api_key_file, old_globals.api_key) {
            (_, Some(key)) => Some(key),
            (Some(path), None) => Some(input::api_key_of(path)?),
            (None, None) => None,
        };
        let legacy = matches!(verb, Verb::Download(args) if args.legacy);
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let idle = Duration::from_secs(globals.timeout);
        Ok(Self {
            overrides: Overrides {
                url: given(globals.url),
                user: given(old_globals.old_user.or(globals.user)),
                api_key: api_key.filter(|key| !input::is_empty(key)),
                profile: given(globals.profile),
                config: globals.config.filter(|path| !path.as_os_str().is_empty()),
                allow_plain_http: globals.allow_plain_http,
                ca_file: globals.ca_file.filter(|path| !path.as_os_str().is_empty()),
                legacy,
            },
            patience: Patience {
                connect: idle.min(Patience::default().connect),
                idle,
                confirm: idle * 10,
                retries: globals.retries,
            },
            old,
            content_type: given(old_globals.old_content_type),
            json: globals.json || old_globals.old_json,
            quiet: globals.quiet,
        })
    }

    pub(crate) fn words(&self, old: bool) -> Words {
        let style = match (self.quiet, self.json, old) {
            (_, true, false) => Style::Json,
            (_, true, true) => Style::OldJson,
            (true, false, _) => Style::Quiet,
            (false, false, true) => Style::Old,
            (false, false, false) => Style::Plain,
        };
        // The old command said nothing beside its result.
        Words {
            style,
            quiet: self.quiet || old,
        }
    }
}

/// What a command needs that speaks to the service.
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) words: Words,
    /// Whether `AES|CBC` may be read.
    pub(crate) legacy: bool,
    pub(crate) content_type: Option<String>,
}

impl Session {
    /// # Errors
    /// Those of [`Settings::resolve`] and [`Client::new`].
    pub(crate) fn start(typed: Typed, verb: &Verb) -> Result<Self, Error> {
        let settings = Settings::resolve(typed.overrides.clone(), &Places::of_this_user())?;
        let old = typed.old || settings.from_old_config && old_command_line::has_old_words(verb);
        let words = typed.words(old);
        for warning in &settings.warnings {
            words.warn(warning);
        }
        Ok(Self {
            client: Client::new(&settings, typed.patience)?,
            words,
            legacy: settings.legacy || old,
            content_type: typed.content_type,
        })
    }
}

/// Turns on the debug lines of this program, and of nothing below it: HTTP libraries print headers.
pub(crate) fn say_what_happens(command_line: &CommandLine) {
    use tracing_subscriber::filter::{LevelFilter, Targets};
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;
    if !command_line.globals.verbose && !command_line.old.old_debug {
        return;
    }
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .without_time()
        .with_target(false);
    let ours = Targets::new().with_target("crypt_keeper_client", LevelFilter::DEBUG);
    // It fails only where one is set already, and nothing sets one before.
    let _ = tracing_subscriber::registry()
        .with(ours)
        .with(lines)
        .try_init();
}

/// Warns of a key that other users of the machine can see.
pub(crate) fn warn_of_a_typed_key(matches: &ArgMatches, words: Words) {
    if old_command_line::key_was_typed(matches) {
        words.warn(
            "the API key is on the command line, where other users of this machine can see it: \
             use `ckc login` or CKC_API_KEY",
        );
    }
}

/// A key that is asked for, or was given.
pub(crate) fn secret(text: String) -> SecretString {
    SecretString::from(text)
}
