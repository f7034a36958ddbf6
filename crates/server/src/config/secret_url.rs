use std::fmt;

use crypt_keeper_secret::{ExposeSecret, SecretString};

/// A URL that may hold a password; shown without it.
#[derive(Clone)]
pub struct SecretUrl(SecretString);

impl SecretUrl {
    /// Takes a URL with a scheme and something after `://`; what it means is for the adapter.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme_is_one =
            !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let fits = scheme_is_one && !rest.is_empty() && !text.chars().any(char::is_whitespace);
        fits.then(|| Self(SecretString::from(text)))
    }
}

impl SecretUrl {
    /// The whole URL, for the adapter that opens it.
    #[must_use]
    pub fn to_secret(&self) -> SecretString {
        self.0.clone()
    }
}

/// The whole URL.
impl ExposeSecret<str> for SecretUrl {
    fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }
}

/// The URL without user and password, and without its parameters, which may hold one too.
impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.expose_secret();
        let Some((scheme, rest)) = text.split_once("://") else {
            return f.write_str("[redacted]");
        };
        let (before_query, query) = match rest.split_once('?') {
            Some((before, _)) => (before, "?[redacted]"),
            None => (rest, ""),
        };
        // The last `@`: passwords are sometimes not percent-encoded.
        let (user, host) = match before_query.rsplit_once('@') {
            Some((_, host)) => ("[redacted]@", host),
            None => ("", before_query),
        };
        write!(f, "{scheme}://{user}{host}{query}")
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        for (text, shown) in [
            ("postgres://u:p@h/d", "postgres://[redacted]@h/d"),
            (
                "postgres://u:p@ss@h/d?password=x",
                "postgres://[redacted]@h/d?[redacted]",
            ),
            ("postgres://h/d", "postgres://h/d"),
        ] {
            let url = SecretUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), format!("SecretUrl({shown})"));
            assert_eq!(url.expose_secret(), text);
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for text in [
            "",
            "postgres",
            "://h",
            "postgres://",
            "postgres://a b",
            "a b://c",
        ] {
            assert!(SecretUrl::parse(text).is_none(), "{text:?}");
        }
    }
}
