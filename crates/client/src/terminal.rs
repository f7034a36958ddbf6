//! Text from elsewhere, made harmless before a terminal sees it.
//!
//! Names, user names and error words come from other people. A control character could move the
//! cursor or retitle the window, and a bidirectional control could make `exe.fdp` read `pdf.exe`
//! (Unicode TR 36, section 2.5). They are shown as escapes: `\u{202e}`.

use std::fmt::{self, Display, Write as _};
use std::path::Path;

/// Shows `text` with every unsafe character escaped.
pub fn escaped(text: &str) -> Escaped<'_> {
    Escaped(text)
}

/// Shows a path likewise; bytes that are no UTF-8 appear as U+FFFD.
pub fn escaped_path(path: &Path) -> String {
    Escaped(&path.to_string_lossy()).to_string()
}

/// JSON with every unsafe character as `\u202e`: it means the same to a program, and is as harmless
/// on a terminal. Outside of strings JSON has none of these characters.
pub fn escaped_json(json: &str) -> String {
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

/// See [`escaped`].
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(&'a str);

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

/// Whether a character does something to a terminal, or to the order or visibility of its
/// neighbours, instead of showing itself.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}'                        // soft hyphen
            | '\u{61c}'                     // Arabic letter mark
            | '\u{180e}'                    // Mongolian vowel separator
            | '\u{200b}'..='\u{200f}'       // zero-width characters, left-to-right and right-to-left marks
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
            "Übersicht – 2024.txt",
            "报告.pdf",
            "דוח.pdf",
            "a b\\c",
            "🦀",
        ] {
            assert_eq!(escaped(text).to_string(), text);
        }
    }

    #[test]
    fn controls_and_direction_marks_are_escaped() {
        assert_eq!(escaped("a\x1b]0;x\x07b").to_string(), r"a\u{1b}]0;x\u{7}b");
        assert_eq!(
            escaped("a\r\nb\tc\u{9b}d").to_string(),
            r"a\u{d}\u{a}b\u{9}c\u{9b}d"
        );
        assert_eq!(escaped("x\u{202e}fdp.exe").to_string(), r"x\u{202e}fdp.exe");
        assert_eq!(
            escaped("\u{2066}\u{200f}\u{feff}").to_string(),
            r"\u{2066}\u{200f}\u{feff}"
        );
    }

    #[test]
    fn json_means_the_same_and_is_harmless() {
        let name = "a\x1b\u{9b}\u{7f}b\u{202e}fdp \u{e0041}🦀 \"é\\";
        let json = serde_json::to_string(&[name]).unwrap();
        assert!(json.contains(is_unsafe), "this is why");
        let safe = escaped_json(&json);
        assert_eq!(
            safe,
            r#"["a\u001b\u009b\u007fb\u202efdp \udb40\udc41🦀 \"é\\"]"#
        );
        assert_eq!(serde_json::from_str::<[String; 1]>(&safe).unwrap(), [name]);
    }
}
