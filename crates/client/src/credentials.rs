//! Who asks.

use crate::error::Error;
use crypt_keeper_api::v1;
use crypt_keeper_secret::{ExposeSecret, SecretString};
use reqwest::header::HeaderValue;
use zeroize::Zeroizing;

/// Longest user name, in bytes.
const MAX_USER_BYTES: usize = 128;

/// A user name and an API key.
#[derive(Clone, Debug)]
pub struct Credentials {
    user: String,
    api_key: SecretString,
}

impl Credentials {
    /// Takes a name and a key that can travel in an `Authorization` header.
    ///
    /// # Errors
    /// [`Error::InvalidUser`], [`Error::InvalidApiKey`].
    pub fn new(user: String, api_key: SecretString) -> Result<Self, Error> {
        let fault = if user.is_empty() {
            Some("it is empty")
        } else if user.contains(':') {
            Some("it has a colon")
        } else if user.chars().any(char::is_control) {
            Some("it has control characters")
        } else if user.len() > MAX_USER_BYTES {
            Some("it is longer than 128 bytes")
        } else {
            None
        };
        if let Some(fault) = fault {
            return Err(Error::InvalidUser(fault));
        }
        let key = api_key.expose_secret();
        if key.is_empty() {
            return Err(Error::InvalidApiKey("it is empty"));
        }
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::InvalidApiKey(
                "it has blanks or characters that no key has",
            ));
        }
        Ok(Self { user, api_key })
    }

    /// The user's name.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The key, to be stored in a profile.
    #[must_use]
    pub fn api_key(&self) -> &SecretString {
        &self.api_key
    }

    /// Value of the `Authorization` header, marked so that no HTTP layer shows or indexes it.
    pub(crate) fn authorization(&self) -> Result<HeaderValue, Error> {
        let scheme = v1::AUTHORIZATION_SCHEME;
        let key = self.api_key.expose_secret();
        let text = Zeroizing::new(format!("{scheme} {}:{key}", self.user));
        let mut value = HeaderValue::from_bytes(text.as_bytes())
            .map_err(|_| Error::InvalidUser("it cannot travel in a header"))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(user: &str, key: &str) -> Result<Credentials, Error> {
        Credentials::new(user.to_owned(), SecretString::from(key))
    }

    #[test]
    fn the_header_names_user_and_key_and_is_sensitive() {
        let header = new("alice", "ck_1").unwrap().authorization().unwrap();
        assert_eq!(header.as_bytes(), b"ApiKey alice:ck_1");
        assert_eq!(format!("{header:?}"), "Sensitive");
        assert_eq!(
            new("zoë", "k").unwrap().authorization().unwrap().as_bytes(),
            "ApiKey zoë:k".as_bytes()
        );
    }

    #[test]
    fn what_cannot_be_a_name_or_a_key_is_refused_without_quoting_the_key() {
        for name in ["", "a:b", "a\nb", &"x".repeat(129)] {
            assert!(
                matches!(new(name, "k"), Err(Error::InvalidUser(_))),
                "{name:?}"
            );
        }
        for key in ["", "hunter 2", "hunter2\n", "hunter\u{e9}"] {
            let error = new("alice", key).unwrap_err();
            assert!(matches!(error, Error::InvalidApiKey(_)));
            assert!(!error.to_string().contains("hunter"));
        }
    }

    #[test]
    fn debug_holds_no_key() {
        let shown = format!("{:?}", new("alice", "hunter2").unwrap());
        assert!(
            shown.contains("alice") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
