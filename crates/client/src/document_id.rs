//! Ids of documents.

use crate::error::Error;
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// The id of a document: a UUID, in any of the forms people paste.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DocumentId(Uuid);

impl DocumentId {
    /// The 16 raw bytes, which the document's encryption is bound to.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// An id that no document has.
    pub(crate) fn random() -> Result<Self, Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)
            .map_err(|error| Error::Internal(format!("no randomness: {error}")))?;
        Ok(Self(uuid::Builder::from_random_bytes(bytes).into_uuid()))
    }
}

impl FromStr for DocumentId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        Uuid::parse_str(text).map(Self).map_err(|_| {
            let shown: String = text.chars().take(80).collect();
            Error::InvalidDocumentId(shown)
        })
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_id_is_one_id() {
        let id = "0190a3c4-7c1e-7000-8a3b-0123456789ab";
        for text in [
            id.to_owned(),
            format!(" {id}\n"),
            id.to_uppercase(),
            id.replace('-', ""),
            format!("{{{id}}}"),
        ] {
            assert_eq!(text.parse::<DocumentId>().unwrap().to_string(), id);
        }
        assert!(matches!(
            "report.pdf".parse::<DocumentId>(),
            Err(Error::InvalidDocumentId(_))
        ));
    }
}
