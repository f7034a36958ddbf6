//! A URL that carries its own permission.

use crypt_keeper_secret::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A presigned URL: whoever holds it may put, or get, one object until it expires.
///
/// `Debug` shows scheme, host and path, and redacts the query, where the signature is.
#[derive(Clone)]
pub struct PresignedUrl(SecretString);

impl PresignedUrl {
    /// Takes the URL as the object store made it.
    #[must_use]
    pub fn new(url: String) -> Self {
        Self(SecretString::from(url))
    }

    /// The part before the query: what may be logged and shown.
    #[must_use]
    pub fn without_query(&self) -> &str {
        let url = self.0.expose_secret();
        url.split_once(['?', '#']).map_or(url, |(head, _)| head)
    }
}

impl ExposeSecret<str> for PresignedUrl {
    fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for PresignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PresignedUrl({}?[redacted])", self.without_query())
    }
}

impl Serialize for PresignedUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose_secret())
    }
}

impl<'de> Deserialize<'de> for PresignedUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_keeps_the_signature_to_itself() {
        let url = PresignedUrl::new("https://s3/bucket/key?X-Amz-Signature=abc".to_owned());
        assert_eq!(
            format!("{url:?}"),
            "PresignedUrl(https://s3/bucket/key?[redacted])"
        );
        assert_eq!(
            url.expose_secret(),
            "https://s3/bucket/key?X-Amz-Signature=abc"
        );
    }

    #[test]
    fn it_travels_as_plain_text() {
        let url: PresignedUrl = serde_json::from_str(r#""http://h/p?s=1""#).unwrap();
        assert_eq!(serde_json::to_string(&url).unwrap(), r#""http://h/p?s=1""#);
    }
}
