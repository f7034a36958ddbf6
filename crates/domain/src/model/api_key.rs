use std::fmt;

use crypt_keeper_secret::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Timestamp, UserId};
use crate::ports::{Entropy, EntropyError};

/// The most live API keys a user may have: the one in use and the one that will replace it.
pub const MAX_LIVE_API_KEYS: usize = 2;

const PREFIX: &str = "ck_";
const ID_LENGTH: usize = 12;
const SECRET_LENGTH: usize = 43;
const TOKEN_LENGTH: usize = PREFIX.len() + ID_LENGTH + 1 + SECRET_LENGTH;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The public part of an API key, 12 base62 characters: what logs and lists show.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiKeyId([u8; ID_LENGTH]);

/// A text that is not an API key, or not the id of one. It does not say why: the text may be most
/// of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an API key: `ck_`, 12 letters or digits, `_`, and 43 letters or digits are needed")]
pub struct InvalidApiKey;

impl ApiKeyId {
    /// Reads the 12 characters.
    ///
    /// # Errors
    /// [`InvalidApiKey`] if they are not 12 letters and digits of ASCII.
    pub fn parse(text: &str) -> Result<Self, InvalidApiKey> {
        let bytes: [u8; ID_LENGTH] = text.as_bytes().try_into().map_err(|_| InvalidApiKey)?;
        if bytes.iter().all(u8::is_ascii_alphanumeric) {
            Ok(Self(bytes))
        } else {
            Err(InvalidApiKey)
        }
    }

    /// The 12 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII is ever stored in it.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ApiKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKeyId({self})")
    }
}

/// A whole API key as its user holds it: `ck_` + 12 base62 (id) + `_` + 43 base62 (256 bits).
#[derive(Clone)]
pub struct ApiKeyToken {
    id: ApiKeyId,
    whole: SecretString,
}

impl ApiKeyToken {
    /// Draws a new key; every character of it uniformly.
    ///
    /// # Errors
    /// [`EntropyError`] if there is no entropy to be had.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut id = [0; ID_LENGTH];
        draw_base62(entropy, &mut id)?;
        let mut secret = zeroizing::Bytes([0; SECRET_LENGTH]);
        draw_base62(entropy, &mut secret.0)?;
        let mut whole = String::with_capacity(TOKEN_LENGTH);
        whole.push_str(PREFIX);
        whole.extend(id.iter().map(|byte| char::from(*byte)));
        whole.push('_');
        whole.extend(secret.0.iter().map(|byte| char::from(*byte)));
        Ok(Self {
            id: ApiKeyId(id),
            whole: SecretString::from(whole),
        })
    }

    /// Reads a key as a client sends it.
    ///
    /// # Errors
    /// [`InvalidApiKey`] if it has another form.
    pub fn parse(text: &str) -> Result<Self, InvalidApiKey> {
        if text.len() != TOKEN_LENGTH || !text.is_ascii() {
            return Err(InvalidApiKey);
        }
        let rest = text.strip_prefix(PREFIX).ok_or(InvalidApiKey)?;
        let (id, secret) = rest.split_at(ID_LENGTH);
        let secret = secret.strip_prefix('_').ok_or(InvalidApiKey)?;
        if !secret.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(InvalidApiKey);
        }
        Ok(Self {
            id: ApiKeyId::parse(id)?,
            whole: SecretString::from(text),
        })
    }

    /// Its public part.
    #[must_use]
    pub fn id(&self) -> ApiKeyId {
        self.id
    }

    /// What is stored of it: SHA-256 of the 43 ASCII characters. They carry 256 bits, so a slow
    /// password hash would add nothing.
    #[must_use]
    pub fn digest(&self) -> ApiKeyDigest {
        let secret = &self.whole.expose_secret()[PREFIX.len() + ID_LENGTH + 1..];
        ApiKeyDigest(Sha256::digest(secret.as_bytes()).into())
    }
}

/// The whole key, for the one who is given it.
impl ExposeSecret<str> for ApiKeyToken {
    fn expose_secret(&self) -> &str {
        self.whole.expose_secret()
    }
}

impl fmt::Debug for ApiKeyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKeyToken(ck_{}_[redacted])", self.id)
    }
}

/// SHA-256 of the secret part of an API key.
#[derive(Clone, Copy)]
pub struct ApiKeyDigest([u8; 32]);

impl ApiKeyDigest {
    /// A digest that no key has (no known input hashes to it); comparing with it costs what
    /// comparing with a real one does.
    pub const NOBODY: Self = Self([0; 32]);

    /// The digest that a store holds.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Constant-time comparison.
impl PartialEq for ApiKeyDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for ApiKeyDigest {}

impl fmt::Debug for ApiKeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeyDigest([redacted])")
    }
}

/// An API key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its public part.
    pub id: ApiKeyId,
    /// Whose it is.
    pub user: UserId,
    /// What is kept of its secret part.
    pub digest: ApiKeyDigest,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused; `None`: never by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl ApiKey {
    /// Whether it is neither revoked nor expired at `at`.
    #[must_use]
    pub fn is_live(&self, at: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| at < end)
    }
}

/// Fills `out` with base62 characters, each drawn uniformly: bytes of 248 (4 * 62) and above
/// would favour the first eight characters and are drawn again.
fn draw_base62(entropy: &dyn Entropy, out: &mut [u8]) -> Result<(), EntropyError> {
    let mut pool = zeroizing::Bytes([0; 64]);
    let mut filled = 0;
    while filled < out.len() {
        entropy.fill(&mut pool.0)?;
        for byte in pool.0.iter().filter(|byte| **byte < 248) {
            let Some(slot) = out.get_mut(filled) else {
                break;
            };
            *slot = BASE62[usize::from(byte % 62)];
            filled += 1;
        }
    }
    Ok(())
}

mod zeroizing {
    use crypt_keeper_secret::Zeroize;

    /// A buffer that is wiped on drop.
    pub(super) struct Bytes<const N: usize>(pub(super) [u8; N]);

    impl<const N: usize> Drop for Bytes<N> {
        fn drop(&mut self) {
            self.0.zeroize();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::SeededEntropy;

    #[test]
    fn a_generated_key_has_the_frozen_form_and_reads_back() {
        let token = ApiKeyToken::generate(&SeededEntropy::new(1)).unwrap();
        let text = token.expose_secret();
        assert_eq!(text.len(), 59);
        assert!(text.starts_with("ck_"));
        assert_eq!(&text[15..16], "_");
        let read = ApiKeyToken::parse(text).unwrap();
        assert_eq!(read.id(), token.id());
        assert_eq!(read.digest(), token.digest());
        assert!(!format!("{token:?}").contains(&text[16..]));
    }

    #[test]
    fn the_digest_is_sha_256_of_the_43_characters() {
        let secret = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg";
        let token = ApiKeyToken::parse(&format!("ck_000000000000_{secret}")).unwrap();
        let expected: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        assert_eq!(token.digest(), ApiKeyDigest::from_bytes(expected));
    }

    #[test]
    fn every_character_is_drawn() {
        let mut seen = [0_usize; 256];
        let entropy = SeededEntropy::new(2);
        let mut text = [0; 6200];
        draw_base62(&entropy, &mut text).unwrap();
        text.iter().for_each(|byte| seen[usize::from(*byte)] += 1);
        for byte in BASE62 {
            let count = seen[usize::from(*byte)];
            assert!(
                (50..=160).contains(&count),
                "{} drawn {count} times",
                char::from(*byte)
            );
        }
    }

    #[test]
    fn other_forms_are_refused() {
        let good = ApiKeyToken::generate(&SeededEntropy::new(3)).unwrap();
        let good = good.expose_secret();
        for text in [
            "",
            "ck_",
            &good[1..],
            &format!("{good}0"),
            &good.replacen("ck_", "CK_", 1),
            &format!("{}-{}", &good[..15], &good[16..]),
            &format!("{}é", &good[..57]),
            &format!("{}_", &good[..58]),
        ] {
            assert!(ApiKeyToken::parse(text).is_err(), "{text}");
        }
    }
}
