//! Secrets, and all the ways in which they could stand where they must not.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Fewer bytes than this could stand somewhere by chance.
const LEAST: usize = 8;

/// What is looked for.
#[derive(Default)]
pub struct Secrets {
    needles: Vec<Needle>,
}

struct Needle {
    secret: String,
    way: &'static str,
    bytes: Vec<u8>,
}

/// A secret that stood where it must not. The secret itself is not repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which secret.
    pub secret: String,
    /// How it was written.
    pub way: &'static str,
    /// Where it was found.
    pub place: String,
    /// What stands before it.
    pub before: String,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.needles.len())
    }
}

impl Secrets {
    /// Looks for `bytes` too, in every way of writing them.
    ///
    /// # Panics
    /// If there are so few that they could stand somewhere by chance.
    pub fn add(&mut self, secret: &str, bytes: &[u8]) {
        assert!(bytes.len() >= LEAST, "{secret} is too short to look for");
        for (way, written) in written(bytes) {
            let known = self
                .needles
                .iter()
                .any(|needle| needle.secret == secret && needle.bytes == written);
            if !known {
                self.needles.push(Needle {
                    secret: secret.to_owned(),
                    way,
                    bytes: written,
                });
            }
        }
    }

    /// Every secret that stands in `haystack`, once for each way.
    #[must_use]
    pub fn find(&self, place: &str, haystack: &[u8]) -> Vec<Found> {
        let mut found = vec![false; self.needles.len()];
        let mut result = Vec::new();
        let by_start = self.by_start();
        for (at, start) in haystack.windows(2).enumerate() {
            for &needle in &by_start[usize::from(u16::from_be_bytes([start[0], start[1]]))] {
                let sought = &self.needles[needle];
                if !found[needle] && haystack[at..].starts_with(&sought.bytes) {
                    found[needle] = true;
                    let before = &haystack[at.saturating_sub(120)..at];
                    result.push(Found {
                        secret: sought.secret.clone(),
                        way: sought.way,
                        place: place.to_owned(),
                        before: before.escape_ascii().to_string(),
                    });
                }
            }
        }
        result
    }

    fn by_start(&self) -> Vec<Vec<usize>> {
        let mut by_start = vec![Vec::new(); 1 << 16];
        for (index, needle) in self.needles.iter().enumerate() {
            let start = u16::from_be_bytes([needle.bytes[0], needle.bytes[1]]);
            by_start[usize::from(start)].push(index);
        }
        by_start
    }
}

/// The ways in which bytes get into logs, errors and rows.
fn written(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let hex = hex::encode(bytes);
    let decimals: Vec<String> = bytes.iter().map(u8::to_string).collect();
    let escaped = bytes.escape_ascii().to_string();
    let mut all = vec![
        ("raw", bytes.to_vec()),
        ("hex", hex.clone().into_bytes()),
        ("HEX", hex.to_uppercase().into_bytes()),
        ("list of numbers", decimals.join(", ").into_bytes()),
        ("JSON array", decimals.join(",").into_bytes()),
        ("byte string", escaped.clone().into_bytes()),
        // As JSON writes the byte string.
        (
            "escaped byte string",
            escaped
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .into_bytes(),
        ),
        ("percent-encoded", percent(bytes, false)),
        ("percent-encoded", percent(bytes, true)),
    ];
    // Within something longer, its base64 depends on where it begins: three ways, without the
    // characters that its neighbours have a part in.
    for shift in 0..3 {
        let shifted = [&[0; 3][..shift], bytes].concat();
        let whole = shifted.len() * 8 / 6;
        let own = (shift * 8).div_ceil(6)..whole;
        let standard = STANDARD_NO_PAD.encode(&shifted)[own.clone()].to_owned();
        let url = URL_SAFE_NO_PAD.encode(&shifted)[own].to_owned();
        all.push((
            "base64, percent-encoded",
            percent(standard.as_bytes(), false),
        ));
        all.push((
            "base64, percent-encoded",
            percent(standard.as_bytes(), true),
        ));
        all.push((
            "base64, slashes escaped",
            standard.replace('/', "\\/").into_bytes(),
        ));
        all.push(("base64", standard.into_bytes()));
        all.push(("base64url", url.into_bytes()));
    }
    all
}

fn percent(bytes: &[u8], lower: bool) -> Vec<u8> {
    let mut text = String::new();
    for byte in bytes {
        let _ = match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                write!(text, "{}", char::from(*byte))
            }
            _ if lower => write!(text, "%{byte:02x}"),
            _ => write!(text, "%{byte:02X}"),
        };
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    const KEY: [u8; 32] = [
        0xfb, 0xef, 0xbe, 0x00, 0x41, 0x22, 0x5c, 0x7f, 0xff, 0xe0, 0x3f, 0x2b, 0x9a, 0x10, 0x0a,
        0xd7, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x20, 0x77, 0x6f, 0x72, 0x6c, 0x64, 0x21, 0x3e, 0x3f,
        0xfa, 0xf8,
    ];

    fn secrets() -> Secrets {
        let mut secrets = Secrets::default();
        secrets.add("the key", &KEY);
        secrets
    }

    #[test]
    fn a_planted_secret_is_found_however_it_is_written() {
        let base64 = STANDARD.encode(KEY);
        let longer = [b"ab".as_slice(), &KEY, b"c"].concat();
        let planted = [
            hex::encode(KEY).into_bytes(),
            hex::encode_upper(KEY).into_bytes(),
            base64.clone().into_bytes(),
            URL_SAFE.encode(KEY).into_bytes(),
            STANDARD.encode(&longer).into_bytes(),
            STANDARD.encode(&longer[1..]).into_bytes(),
            serde_json::json!({"key": KEY}).to_string().into_bytes(),
            serde_json::json!({"key": KEY.escape_ascii().to_string()})
                .to_string()
                .into_bytes(),
            format!("{KEY:?}").into_bytes(),
            format!("\"{}\"", KEY.escape_ascii()).into_bytes(),
            percent(&KEY, true),
            percent(base64.as_bytes(), false),
            base64.replace('/', "\\/").into_bytes(),
            KEY.to_vec(),
        ];
        for planted in &planted {
            let haystack = [b"2026 INFO before ".as_slice(), planted, b" after\n"].concat();
            let found = secrets().find("log", &haystack);
            assert!(!found.is_empty(), "{}", planted.escape_ascii());
            assert!(found[0].before.contains("before "), "{:?}", found[0]);
        }
    }

    #[test]
    fn another_key_and_half_a_key_are_not_the_key() {
        let mut other = KEY;
        other[31] ^= 1;
        for innocent in [
            hex::encode(other),
            STANDARD.encode(&KEY[..16]),
            format!("{:?}", &KEY[1..]),
        ] {
            assert_eq!(secrets().find("log", innocent.as_bytes()), [], "{innocent}");
        }
    }
}
