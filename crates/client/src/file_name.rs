//! A stored name is data that somebody else chose. This module makes a file name of it that stays
//! in the folder it is put in, on any file system, and that does nothing odd there.

use crate::terminal::is_unsafe;

/// Longest file name made here, in bytes: below the 255 of most file systems, with room for those
/// that decompose or encrypt names.
const MAX_BYTES: usize = 200;
/// Longest extension that survives a cut, in bytes, its dot included.
const MAX_EXTENSION_BYTES: usize = 20;

/// Names of devices on Windows, whatever follows the first dot.
const RESERVED: [&str; 7] = ["con", "prn", "aux", "nul", "conin$", "conout$", "clock$"];

/// A file name that can be joined to a folder: one component, not hidden, no device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName(String);

impl FileName {
    /// Makes a safe file name of a stored name; `fallback` is used where nothing of it can be kept
    /// (an empty name, only dots or separators).
    ///
    /// - the last component of anything that looks like a path: `../../x` gives `x`
    /// - no drive letter, no alternate stream, no character that Windows refuses
    /// - control, invisible and direction characters become `_`
    /// - a leading dot, dash or tilde becomes `_`: nothing hidden, no option, no home folder
    /// - device names such as `con` and `nul.txt` get a `_` in front
    /// - at most 200 bytes, cut before the extension
    ///
    /// ```
    /// use crypt_keeper_client::FileName;
    /// assert_eq!(FileName::from_stored("../../etc/passwd", "document").as_str(), "passwd");
    /// ```
    #[must_use]
    pub fn from_stored(stored: &str, fallback: &str) -> Self {
        let component = stored
            .rsplit(['/', '\\'])
            .map(without_drive)
            .find(|part| !part.trim_matches(['.', ' ']).is_empty())
            .unwrap_or(fallback);
        let replaced: String = component
            .chars()
            .map(|c| {
                if is_unsafe(c) || "<>:\"|?*/\\".contains(c) {
                    '_'
                } else {
                    c
                }
            })
            .collect();
        // Windows drops dots and blanks at the end, so that `con .` would be `con` again.
        let mut name = replaced.trim().trim_end_matches(['.', ' ']).to_owned();
        if name.starts_with(['.', '-', '~']) {
            name.replace_range(..1, "_");
        }
        if is_reserved(&name) {
            name.insert(0, '_');
        }
        Self(cut(name))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn without_drive(component: &str) -> &str {
    match component.as_bytes() {
        [letter, b':', ..] if letter.is_ascii_alphabetic() => &component[2..],
        _ => component,
    }
}

fn is_reserved(name: &str) -> bool {
    let stem = name
        .split('.')
        .next()
        .unwrap_or(name)
        .trim_end()
        .to_lowercase();
    if RESERVED.contains(&stem.as_str()) {
        return true;
    }
    let mut digits = match stem
        .strip_prefix("com")
        .or_else(|| stem.strip_prefix("lpt"))
    {
        Some(rest) => rest.chars(),
        None => return false,
    };
    // The superscripts count too: COM¹ is COM1.
    matches!(digits.next(), Some('0'..='9' | '¹' | '²' | '³')) && digits.next().is_none()
}

fn cut(mut name: String) -> String {
    if name.len() <= MAX_BYTES {
        return name;
    }
    let extension = name
        .rfind('.')
        .filter(|&dot| dot > 0 && name.len() - dot <= MAX_EXTENSION_BYTES)
        .map(|dot| name.split_off(dot))
        .unwrap_or_default();
    let mut end = MAX_BYTES - extension.len();
    while !name.is_char_boundary(end.min(name.len())) {
        end -= 1;
    }
    name.truncate(end);
    let stem = name.trim_end_matches(['.', ' ']).len();
    name.truncate(stem);
    name + &extension
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::{Component, Path};

    fn safe(stored: &str) -> String {
        FileName::from_stored(stored, "document-7")
            .as_str()
            .to_owned()
    }

    #[test]
    fn paths_keep_their_last_component() {
        assert_eq!(safe("report.pdf"), "report.pdf");
        assert_eq!(safe("../../x"), "x");
        assert_eq!(safe("/etc/passwd"), "passwd");
        assert_eq!(safe(r"..\..\x"), "x");
        assert_eq!(safe(r"C:\Windows\system.ini"), "system.ini");
        assert_eq!(safe("C:x"), "x");
        assert_eq!(safe("folder/"), "folder");
        assert_eq!(safe("folder/.."), "folder");
    }

    #[test]
    fn names_of_nothing_get_the_fallback() {
        for nothing in [
            "", ".", "..", "/", r"\\", "  ", "../..", "C:", "...", "c:/.",
        ] {
            assert_eq!(safe(nothing), "document-7", "{nothing:?}");
        }
    }

    #[test]
    fn device_names_are_no_devices_any_more() {
        for (stored, name) in [
            ("con", "_con"),
            ("CON", "_CON"),
            ("nul.txt", "_nul.txt"),
            ("aux.", "_aux"),
            ("Com1.tar.gz", "_Com1.tar.gz"),
            ("lpt³", "_lpt³"),
            ("con .txt", "_con .txt"),
            ("CONIN$", "_CONIN$"),
        ] {
            assert_eq!(safe(stored), name);
        }
        for innocent in ["console.txt", "com.txt", "com12", "null", "auxiliary"] {
            assert_eq!(safe(innocent), innocent);
        }
    }

    #[test]
    fn control_and_direction_characters_are_replaced() {
        assert_eq!(safe("a\u{202e}fdp.exe"), "a_fdp.exe");
        assert_eq!(safe("a\x1b[2Jb\r\nc\0d"), "a_[2Jb__c_d");
        assert_eq!(safe("\u{200f}x"), "_x");
    }

    #[test]
    fn a_name_is_no_option_no_hidden_file_and_no_stream() {
        assert_eq!(safe(".bashrc"), "_bashrc");
        assert_eq!(safe("-rf"), "_rf");
        assert_eq!(safe("~root"), "_root");
        assert_eq!(safe("file.txt:evil"), "file.txt_evil");
        assert_eq!(safe("what?*<>|\""), "what______");
        assert_eq!(safe(" padded. . "), "padded");
    }

    #[test]
    fn long_names_keep_their_extension() {
        let long = safe(&format!("{}.pdf", "报".repeat(1365)));
        assert!(
            long.len() <= 200 && long.ends_with(".pdf") && long.starts_with("报报"),
            "{long}"
        );
        let odd = safe(&format!("x.{}", "y".repeat(4094)));
        assert_eq!(odd.len(), 200);
        assert_eq!(safe("报告 2024.pdf"), "报告 2024.pdf");
    }

    proptest! {
        #[test]
        fn whatever_the_name_it_is_one_plain_component(stored in "\\PC*|[./\\\\: ~-]{0,12}|[\\x00-\\x7f]{0,300}") {
            let name = safe(&stored);
            let mut components = Path::new(&name).components();
            prop_assert!(matches!(components.next(), Some(Component::Normal(_))), "{name:?}");
            prop_assert!(components.next().is_none(), "{name:?}");
            prop_assert!(!name.is_empty() && name.len() <= MAX_BYTES);
            prop_assert!(!name.contains(['/', '\\', ':', '\0']) && !name.contains(is_unsafe));
            prop_assert!(!name.starts_with(['.', '-', '~', ' ']) && !name.ends_with(['.', ' ']), "{name:?}");
            prop_assert!(!is_reserved(&name));
            // A safe name is its own safe name.
            prop_assert_eq!(safe(&name), name);
        }
    }
}
