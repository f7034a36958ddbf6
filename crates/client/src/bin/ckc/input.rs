//! What is read from standard input and small files: ids and API keys.

use crypt_keeper_client::{DocumentId, Error};
use crypt_keeper_secret::{ExposeSecret, SecretString};
use serde_json::Value;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use zeroize::Zeroizing;

/// Longest text with an id that is read, in bytes.
const MAX_ID_TEXT: u64 = 64 << 10;
/// Longest file of an API key that is read, in bytes.
const MAX_KEY_TEXT: u64 = 64 << 10;

/// The id that was typed, or, for `-`, the one in what `upload` printed to standard input: the id
/// alone, `Document ID: ID`, or JSON with `document_id` or `documentId`.
pub(crate) fn document_id(typed: &str) -> Result<DocumentId, Error> {
    if typed != "-" {
        return typed.parse();
    }
    let mut text = String::new();
    io::stdin()
        .lock()
        .take(MAX_ID_TEXT)
        .read_to_string(&mut text)
        .map_err(Error::Input)?;
    id_in(&text).ok_or(Error::NoDocumentIdOnInput)?.parse()
}

fn id_in(text: &str) -> Option<String> {
    let text = text.trim();
    if let Ok(Value::Object(fields)) = serde_json::from_str(text) {
        let id = fields
            .get("document_id")
            .or_else(|| fields.get("documentId"))?;
        return id.as_str().map(str::to_owned);
    }
    let id = text.strip_prefix("Document ID:").unwrap_or(text).trim();
    (!id.is_empty()).then(|| id.to_owned())
}

/// The first line of a file, or of standard input for `-`.
pub(crate) fn api_key_of(path: &Path) -> Result<SecretString, Error> {
    let mut text = Zeroizing::new(String::new());
    if path == Path::new("-") {
        io::stdin()
            .lock()
            .take(MAX_KEY_TEXT)
            .read_to_string(&mut text)
            .map_err(Error::Input)?;
    } else {
        File::open(path)
            .and_then(|file| file.take(MAX_KEY_TEXT).read_to_string(&mut text))
            .map_err(|source| Error::SourceUnreadable {
                path: path.to_owned(),
                source,
            })?;
    }
    Ok(SecretString::from(
        text.lines().next().unwrap_or_default().trim(),
    ))
}

pub(crate) fn is_empty(key: &SecretString) -> bool {
    key.expose_secret().is_empty()
}

#[cfg(test)]
mod tests {
    use super::id_in;

    #[test]
    fn the_id_is_found_in_all_that_upload_prints() {
        for text in [
            "ID\n",
            "Document ID: ID\n",
            r#"{"documentId": "ID"}"#,
            r#"{"document_id":"ID","name":"x"}"#,
        ] {
            assert_eq!(id_in(text).as_deref(), Some("ID"), "{text}");
        }
        for text in ["", "\n", "Document ID:", r#"{"documentId": null}"#, "{}"] {
            assert_eq!(id_in(text), None, "{text}");
        }
    }
}
