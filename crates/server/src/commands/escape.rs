//! Text from elsewhere, made harmless before a terminal sees it.
//!
//! Names come from other people. A control character could move the cursor or retitle the window,
//! and a bidirectional control could make `exe.fdp` read `pdf.exe` (Unicode TR 36, section 2.5).

use std::fmt::{self, Display, Write as _};

/// Shows `text` with every unsafe character escaped as `\u{202e}`.
pub(super) fn escaped(text: &str) -> Escaped<'_> {
    Escaped(text)
}

/// See [`escaped`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if is_unsafe(c) {
                write!(f, "{}", c.escape_unicode())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

/// A word of a command line that is to be pasted into a shell: quoted where it must be.
pub(super) fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.@+/".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    escaped(&format!("'{}'", text.replace('\'', r"'\''"))).to_string()
}

/// JSON with every unsafe character as `\u202e`: it means the same to a program, and is as
/// harmless on a terminal. Outside of strings JSON has none of these characters.
pub(super) fn escape_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        if is_unsafe(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String does not fail.
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Whether a character does something to a terminal, or to the order or visibility of its
/// neighbours, instead of showing itself.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}'                        // soft hyphen
            | '\u{61c}'                     // Arabic letter mark
            | '\u{180e}'                    // Mongolian vowel separator
            | '\u{200b}'..='\u{200f}'       // zero-width characters, direction marks
            | '\u{2028}' | '\u{2029}'       // line and paragraph separators
            | '\u{202a}'..='\u{202e}'       // bidirectional embeddings and overrides
            | '\u{2060}'..='\u{206f}'       // invisible operators, bidirectional isolates
            | '\u{feff}'                    // zero-width no-break space
            | '\u{fff9}'..='\u{fffb}'       // interlinear annotation
            | '\u{e0000}'..='\u{e007f}') // tags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_of_any_script_is_left_alone() {
        for text in [
            "report.pdf",
            "Übersicht – 2024",
            "报告",
            "דוח",
            "a b\\c",
            "🦀",
        ] {
            assert_eq!(escaped(text).to_string(), text);
        }
    }

    #[test]
    fn what_moves_cursors_or_turns_letters_round_is_escaped() {
        assert_eq!(
            escaped("a\x1b]0;x\x07\u{9b}b\u{202e}fdp").to_string(),
            r"a\u{1b}]0;x\u{7}\u{9b}b\u{202e}fdp"
        );
    }

    #[test]
    fn words_of_a_command_line_are_quoted_where_they_must_be() {
        for (text, word) in [
            ("alice@example.com", "alice@example.com"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("$(x)", "'$(x)'"),
            ("", "''"),
        ] {
            assert_eq!(shell_word(text), word);
        }
    }

    #[test]
    fn escaped_json_means_the_same() {
        let name = "a\x1b\u{9b}\u{202e}\"\\\u{e0041}é🦀";
        let json = serde_json::to_string(name).unwrap();
        let safe = escape_json(&json);
        assert!(!safe.chars().any(is_unsafe), "{safe:?}");
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), name);
    }
}
