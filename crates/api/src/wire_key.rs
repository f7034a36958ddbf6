//! A document key as it travels: base64 in a JSON string.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypt_keeper_secret::{DocumentKey, ExposeSecret, KEY_LENGTH};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use zeroize::Zeroizing;

/// Room for any base64 text that could hold a key, and for the decoder's own estimate of it.
const DECODED_ROOM: usize = KEY_LENGTH + 4;

/// Length of 32 bytes in padded base64.
const ENCODED_LENGTH: usize = 44;

/// A [`DocumentKey`] that serializes as padded base64 (RFC 4648, section 4) of its 32 bytes.
///
/// `Debug` is redacted. The text that passes through here is wiped; what a JSON writer or an HTTP
/// library keeps of it is theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireKey(DocumentKey);

impl WireKey {
    /// Makes a key ready to travel.
    #[must_use]
    pub fn new(key: DocumentKey) -> Self {
        Self(key)
    }

    /// The key itself.
    #[must_use]
    pub fn into_key(self) -> DocumentKey {
        self.0
    }
}

impl From<DocumentKey> for WireKey {
    fn from(key: DocumentKey) -> Self {
        Self(key)
    }
}

impl Serialize for WireKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = Zeroizing::new(String::with_capacity(ENCODED_LENGTH));
        STANDARD.encode_string(self.0.expose_secret(), &mut text);
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for WireKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyText)
    }
}

struct KeyText;

impl Visitor<'_> for KeyText {
    type Value = WireKey;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a document key: base64 of {KEY_LENGTH} bytes")
    }

    // The messages never quote what was read: it may be a key with one letter too many.
    fn visit_str<E: de::Error>(self, text: &str) -> Result<WireKey, E> {
        let mut bytes = Zeroizing::new([0; DECODED_ROOM]);
        let length = STANDARD
            .decode_slice(text, bytes.as_mut_slice())
            .map_err(|_| E::custom("the document key is not base64 of 32 bytes"))?;
        DocumentKey::from_slice(&bytes[..length])
            .map(WireKey)
            .ok_or_else(|| E::custom("the document key does not have 32 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> WireKey {
        WireKey::new(DocumentKey::new(Box::new([byte; KEY_LENGTH])))
    }

    #[test]
    fn a_key_travels_as_padded_base64_and_comes_back() {
        let text = serde_json::to_string(&key(0xff)).unwrap();
        assert_eq!(text, r#""//////////////////////////////////////////8=""#);
        assert_eq!(serde_json::from_str::<WireKey>(&text).unwrap(), key(0xff));
    }

    #[test]
    fn a_key_with_json_escapes_in_its_text_is_still_read() {
        let escaped = r#""\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/\/8=""#;
        assert_eq!(serde_json::from_str::<WireKey>(escaped).unwrap(), key(0xff));
    }

    #[test]
    fn other_lengths_and_other_text_are_refused_without_being_quoted() {
        for wrong in [
            "",
            "QUFBQQ==",
            "not base64!",
            &"QUFB".repeat(11),
            &"QUFB".repeat(1000),
        ] {
            let error = serde_json::from_str::<WireKey>(&format!("\"{wrong}\"")).unwrap_err();
            let message = error.to_string();
            assert!(message.contains("32 bytes"), "{message}");
            assert!(!message.contains("QUFB"), "{message}");
        }
    }

    #[test]
    fn debug_is_redacted() {
        assert_eq!(
            format!("{:?}", key(0x41)),
            "WireKey(DocumentKey([redacted]))"
        );
    }
}
