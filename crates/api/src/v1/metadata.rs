//! What is said about a document: by the client that announces it, and by the service afterwards.

use serde::{Deserialize, Serialize};

/// Metadata as a client announces it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewDocumentMetadata {
    /// The document's name: data, never a path.
    pub name: String,
    /// Length of the plaintext in bytes.
    pub content_length: u64,
    /// Media type (RFC 9110, section 8.3.1).
    pub content_type: String,
    /// Whether the plaintext is compressed, as a note to the reader; nobody acts on it.
    pub compressed: bool,
    /// How the object is encrypted, see [`super::AES256_GCM_HKDF_1MB`].
    pub encryption_type: String,
}

/// Metadata as the service hands it out with a download.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredDocumentMetadata {
    /// As announced.
    pub compressed: bool,
    /// Length of the plaintext in bytes; on the wire a string of digits.
    #[serde(with = "super::digits")]
    pub content_length: u64,
    /// As announced.
    pub content_type: String,
    /// As announced, or [`super::AES_CBC`] where nothing was.
    pub encryption_type: String,
    /// As announced. A client must not use it as a path.
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_length_is_a_string_of_digits() {
        let stored = StoredDocumentMetadata {
            compressed: false,
            content_length: 10,
            content_type: "text/plain".to_owned(),
            encryption_type: super::super::AES_CBC.to_owned(),
            name: "a.txt".to_owned(),
        };
        let text = serde_json::to_string(&stored).unwrap();
        assert_eq!(
            text,
            r#"{"compressed":false,"content_length":"10","content_type":"text/plain","encryption_type":"AES|CBC","name":"a.txt"}"#
        );
        assert_eq!(
            serde_json::from_str::<StoredDocumentMetadata>(&text).unwrap(),
            stored
        );
        let number = text.replace("\"10\"", "10");
        assert_eq!(
            serde_json::from_str::<StoredDocumentMetadata>(&number).unwrap(),
            stored
        );
    }

    #[test]
    fn a_length_that_is_none_is_refused() {
        for wrong in [
            "\"\"",
            "\"-1\"",
            "\"ten\"",
            "-1",
            "null",
            "18446744073709551616",
        ] {
            let text = format!(
                r#"{{"compressed":false,"content_length":{wrong},"content_type":"","encryption_type":"","name":""}}"#
            );
            assert!(
                serde_json::from_str::<StoredDocumentMetadata>(&text).is_err(),
                "{wrong}"
            );
        }
    }
}
