//! The command line and the words of the 2017 `ckc`, which scripts rely on.
//!
//! Its scripts had to say who asks in one of two ways: `-a KEY` before the verb, or
//! `~/.ckc_config.json`. Either marks the old command line, as do its one-letter flags before the
//! verb, its flags of `share` and `download`, and its verb `write-config`. Nothing else does: the
//! long `--url`, `--user` and `--json` mean the same in both and decide nothing.
//!
//! The verbs that it did not have (`shares`, `login` ...) are never part of it.

use crate::args::{CommandLine, Verb};
use clap::ArgMatches;
use clap::parser::ValueSource;
use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter};
use std::fmt::Write as _;
use std::io;

/// Whether what was typed is the old command line, whatever the settings come from.
pub(crate) fn was_typed(command_line: &CommandLine, matches: &ArgMatches) -> bool {
    let verb_is_old = match &command_line.verb {
        Verb::WriteConfig => return true,
        Verb::Download(args) => args.filename.is_some() || args.path.is_some(),
        Verb::Share(args) => args.add.is_some() || args.users.is_empty(),
        Verb::Upload(_) => false,
        Verb::Shares(_) | Verb::Login | Verb::Completions { .. } | Verb::Man => return false,
    };
    let old = &command_line.old;
    verb_is_old
        || key_was_typed(matches)
        || old.old_user.is_some()
        || old.old_content_type.is_some()
        || old.old_debug
        || old.old_json
}

/// Whether an API key stood on the command line, where other users of the machine see it.
pub(crate) fn key_was_typed(matches: &ArgMatches) -> bool {
    matches.value_source("api_key") == Some(ValueSource::CommandLine)
}

/// Whether a verb existed in 2017, so that `~/.ckc_config.json` makes its words the old ones.
pub(crate) fn has_old_words(verb: &Verb) -> bool {
    matches!(
        verb,
        Verb::Upload(_) | Verb::Download(_) | Verb::Share(_) | Verb::WriteConfig
    )
}

/// JSON as Python's `json.dumps` writes it: blanks after `:` and `,`, ASCII alone. Scripts compare
/// it as text.
pub(crate) fn python_json(value: &impl Serialize) -> io::Result<String> {
    let mut text = Vec::new();
    value.serialize(&mut serde_json::Serializer::with_formatter(
        &mut text,
        PythonFormatter,
    ))?;
    String::from_utf8(text).map_err(io::Error::other)
}

struct PythonFormatter;

impl Formatter for PythonFormatter {
    fn begin_array_value<W: io::Write + ?Sized>(
        &mut self,
        w: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { w.write_all(b", ") }
    }

    fn begin_object_key<W: io::Write + ?Sized>(
        &mut self,
        w: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { w.write_all(b", ") }
    }

    fn begin_object_value<W: io::Write + ?Sized>(&mut self, w: &mut W) -> io::Result<()> {
        w.write_all(b": ")
    }

    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        w: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for c in fragment.chars() {
            match c {
                ' '..='~' => write!(w, "{c}")?,
                _ => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        write!(w, "\\u{unit:04x}")?;
                    }
                }
            }
        }
        Ok(())
    }

    fn write_char_escape<W: io::Write + ?Sized>(
        &mut self,
        w: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        match escape {
            CharEscape::Quote => w.write_all(b"\\\""),
            CharEscape::ReverseSolidus => w.write_all(b"\\\\"),
            CharEscape::Solidus => w.write_all(b"/"),
            CharEscape::Backspace => w.write_all(b"\\b"),
            CharEscape::FormFeed => w.write_all(b"\\f"),
            CharEscape::LineFeed => w.write_all(b"\\n"),
            CharEscape::CarriageReturn => w.write_all(b"\\r"),
            CharEscape::Tab => w.write_all(b"\\t"),
            CharEscape::AsciiControl(byte) => write!(w, "\\u{byte:04x}"),
        }
    }
}

/// A list of texts as Python prints one: `['alice', 'bob']`.
pub(crate) fn python_list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| python_repr(text)).collect();
    format!("[{}]", texts.join(", "))
}

fn python_repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut repr = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => repr.push_str("\\\\"),
            '\n' => repr.push_str("\\n"),
            '\r' => repr.push_str("\\r"),
            '\t' => repr.push_str("\\t"),
            _ if c == quote => {
                repr.push('\\');
                repr.push(c);
            }
            _ if crypt_keeper_client::terminal::escaped(c.encode_utf8(&mut [0; 4]))
                .to_string()
                .len()
                != c.len_utf8() =>
            {
                // Writing to a String cannot fail.
                let _ = match u32::from(c) {
                    code @ ..=0xff => write!(repr, "\\x{code:02x}"),
                    code @ ..=0xffff => write!(repr, "\\u{code:04x}"),
                    code => write!(repr, "\\U{code:08x}"),
                };
            }
            _ => repr.push(c),
        }
    }
    repr.push(quote);
    repr
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory as _, FromArgMatches as _};
    use serde_json::json;

    fn typed(line: &str) -> bool {
        let words = std::iter::once("ckc").chain(line.split_whitespace());
        let matches = CommandLine::command().try_get_matches_from(words).unwrap();
        was_typed(&CommandLine::from_arg_matches(&matches).unwrap(), &matches)
    }

    #[test]
    fn the_old_command_line_is_told_from_the_present_one() {
        for old in [
            "-u alice --url http://h -a KEY upload F",
            "-a KEY upload F",
            "--api-key KEY upload F",
            "-c text/plain upload F",
            "-d upload F",
            "-j upload F",
            "-j download -f G -",
            "download -f NAME ID",
            "download -p DIR ID",
            "share ID",
            "share -a bob ID",
            "share --add bob ID",
            "write-config",
        ] {
            assert!(typed(old), "{old}");
        }
        for present in [
            "upload F",
            "--url http://h --user alice --json upload F",
            "upload -c text/plain F",
            "upload F --json --debug",
            "download ID",
            "download ID -o NAME --force",
            "share ID bob",
            "-u alice shares ID",
            "-a KEY login",
        ] {
            assert!(!typed(present), "{present}");
        }
    }

    #[test]
    fn json_is_python_s() {
        let value = json!({"document_id": "ID", "users": ["alice", "zoë", "a\"\\\n\u{1}🦀"]});
        assert_eq!(
            python_json(&value).unwrap(),
            r#"{"document_id": "ID", "users": ["alice", "zo\u00eb", "a\"\\\n\u0001\ud83e\udd80"]}"#
        );
        assert_eq!(
            python_json(&json!({"downloaded": true})).unwrap(),
            r#"{"downloaded": true}"#
        );
    }

    #[test]
    fn lists_are_python_s() {
        let list =
            |texts: &[&str]| python_list(&texts.iter().map(|&t| t.to_owned()).collect::<Vec<_>>());
        assert_eq!(list(&["alice", "bob"]), "['alice', 'bob']");
        assert_eq!(list(&[]), "[]");
        assert_eq!(
            list(&["o'neil", "a\"b", "'\""]),
            r#"["o'neil", 'a"b', '\'"']"#
        );
        assert_eq!(list(&["a\\b\x1b\u{202e}é"]), r"['a\\b\x1b\u202eé']");
    }
}
