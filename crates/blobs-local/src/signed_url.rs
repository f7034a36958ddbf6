use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use crypt_keeper_domain::model::{ObjectKey, Timestamp};
use crypt_keeper_domain::ports::PresignedUrl;
use crypt_keeper_secret::{ExposeSecret, SecretBytes};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;

/// Where the URLs' paths begin.
pub const PATH_PREFIX: &str = "/blobs/";

const LABEL: &[u8] = b"crypt-keeper/blob-url/v1\0";
const MAC_LENGTH: usize = 32;

/// The keys that URLs are signed with: HMAC-SHA256 (RFC 2104) under the subkey `blob-url` of the
/// master keys. The first signs, all verify, so that a change of master key leaves the URLs that
/// are out there good.
#[derive(Clone)]
pub struct UrlKeys {
    first: PKey<Private>,
    others: Vec<PKey<Private>>,
}

impl UrlKeys {
    /// Takes the key that signs and those that still verify.
    ///
    /// # Errors
    /// [`ErrorStack`] if OpenSSL takes a key for no HMAC key: it is empty.
    pub fn new(first: &SecretBytes, others: &[SecretBytes]) -> Result<Self, ErrorStack> {
        let load = |key: &SecretBytes| PKey::hmac(key.expose_secret());
        Ok(Self {
            first: load(first)?,
            others: others.iter().map(load).collect::<Result<_, _>>()?,
        })
    }

    fn sign(&self, signed: &Signed<'_>) -> Result<[u8; MAC_LENGTH], ErrorStack> {
        mac(&self.first, signed)
    }

    /// Constant-time in the signature.
    fn verifies(&self, signed: &Signed<'_>, signature: &[u8; MAC_LENGTH]) -> bool {
        std::iter::once(&self.first).chain(&self.others).any(|key| {
            mac(key, signed).is_ok_and(|expected| openssl::memcmp::eq(&expected, signature))
        })
    }
}

impl fmt::Debug for UrlKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UrlKeys({} [redacted])", 1 + self.others.len())
    }
}

/// What a signature covers. Every field is there, and none can run into the next.
struct Signed<'a> {
    method: &'a str,
    key: &'a str,
    expires_millis: u64,
    max_length: u64,
}

fn mac(key: &PKey<Private>, signed: &Signed<'_>) -> Result<[u8; MAC_LENGTH], ErrorStack> {
    let mut signer = Signer::new(MessageDigest::sha256(), key)?;
    signer.update(LABEL)?;
    for text in [signed.method, signed.key] {
        signer.update(&(text.len() as u64).to_be_bytes())?;
        signer.update(text.as_bytes())?;
    }
    signer.update(&signed.expires_millis.to_be_bytes())?;
    signer.update(&signed.max_length.to_be_bytes())?;
    let mut mac = [0; MAC_LENGTH];
    signer.sign(&mut mac)?;
    Ok(mac)
}

/// A text that cannot stand before `/blobs/..`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a public URL: it begins with http:// or https://, and has no blanks, `?` or `#`")]
pub struct InvalidPublicUrl;

/// Makes and judges URLs.
#[derive(Debug)]
pub(crate) struct UrlSigner {
    base: String,
    keys: RwLock<UrlKeys>,
}

impl UrlSigner {
    pub(crate) fn new(public_url: &str, keys: UrlKeys) -> Result<Self, InvalidPublicUrl> {
        let base = public_url.trim_end_matches('/');
        let host = ["http://", "https://"]
            .iter()
            .find_map(|scheme| base.strip_prefix(scheme))
            .ok_or(InvalidPublicUrl)?;
        let odd = |c: char| c.is_whitespace() || c.is_control() || c == '?' || c == '#';
        if host.is_empty() || host.starts_with('/') || host.contains(odd) {
            return Err(InvalidPublicUrl);
        }
        Ok(Self {
            base: base.to_owned(),
            keys: RwLock::new(keys),
        })
    }

    /// The keys in force; a copy shares OpenSSL's objects.
    fn keys(&self) -> UrlKeys {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.clone()
    }

    pub(crate) fn replace_keys(&self, keys: UrlKeys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    pub(crate) fn presign_get(
        &self,
        key: &ObjectKey,
        expires: Timestamp,
    ) -> Result<PresignedUrl, ErrorStack> {
        let signature = self.keys().sign(&Signed {
            method: "GET",
            key: key.as_str(),
            expires_millis: expires.as_millis(),
            max_length: 0,
        })?;
        Ok(PresignedUrl::new(format!(
            "{}{PATH_PREFIX}{key}?expires={}&signature={}",
            self.base,
            expires.as_millis(),
            hex::encode(signature)
        )))
    }

    pub(crate) fn presign_put(
        &self,
        key: &ObjectKey,
        expires: Timestamp,
        max_length: u64,
    ) -> Result<PresignedUrl, ErrorStack> {
        let signature = self.keys().sign(&Signed {
            method: "PUT",
            key: key.as_str(),
            expires_millis: expires.as_millis(),
            max_length,
        })?;
        Ok(PresignedUrl::new(format!(
            "{}{PATH_PREFIX}{key}?expires={}&max_length={max_length}&signature={}",
            self.base,
            expires.as_millis(),
            hex::encode(signature)
        )))
    }

    pub(crate) fn verify(
        &self,
        method: &str,
        path_and_query: &str,
        now: Timestamp,
    ) -> Result<Permit, UrlRefused> {
        let bounded = match method {
            "GET" => false,
            "PUT" => true,
            _ => return Err(UrlRefused::Method),
        };
        let parsed = parse(path_and_query, bounded).ok_or(UrlRefused::Signature)?;
        let signed = Signed {
            method,
            key: parsed.key.as_str(),
            expires_millis: parsed.expires_millis,
            max_length: parsed.max_length,
        };
        if !self.keys().verifies(&signed, &parsed.signature) {
            return Err(UrlRefused::Signature);
        }
        if now >= Timestamp::from_millis(parsed.expires_millis) {
            let ago = now.since(Timestamp::from_millis(parsed.expires_millis));
            return Err(UrlRefused::Expired { ago });
        }
        let key = parsed.key;
        Ok(if bounded {
            Permit::Put(PutPermit {
                key,
                max_length: parsed.max_length,
            })
        } else {
            Permit::Get(GetPermit { key })
        })
    }
}

struct Parsed {
    key: ObjectKey,
    expires_millis: u64,
    max_length: u64,
    signature: [u8; MAC_LENGTH],
}

/// One URL, one spelling: parameters in our order, nothing left out, nothing besides. No byte of
/// ours needs percent-encoding, so none is decoded, and `%2e%2e` is no part of a key.
fn parse(path_and_query: &str, bounded: bool) -> Option<Parsed> {
    let (path, query) = path_and_query.split_once('?')?;
    let key = ObjectKey::parse(path.strip_prefix(PATH_PREFIX)?).ok()?;
    let (expires, rest) = query.strip_prefix("expires=")?.split_once('&')?;
    let (max_length, signature) = if bounded {
        let (max_length, rest) = rest.strip_prefix("max_length=")?.split_once('&')?;
        (number(max_length)?, rest)
    } else {
        (0, rest)
    };
    let hexadecimal = signature.strip_prefix("signature=")?;
    if hexadecimal.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let mut signature = [0; MAC_LENGTH];
    hex::decode_to_slice(hexadecimal, &mut signature).ok()?;
    Some(Parsed {
        key,
        expires_millis: number(expires)?,
        max_length,
        signature,
    })
}

fn number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    // Not `+1`, nor `01`.
    (number.to_string() == text).then_some(number)
}

/// What the holder of a URL may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Read an object.
    Get(GetPermit),
    /// Write an object.
    Put(PutPermit),
}

/// Leave to read an object. Only a verified URL gives one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetPermit {
    key: ObjectKey,
}

impl GetPermit {
    /// Which object.
    #[must_use]
    pub fn key(&self) -> &ObjectKey {
        &self.key
    }
}

/// Leave to write an object. Only a verified URL gives one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutPermit {
    key: ObjectKey,
    max_length: u64,
}

impl PutPermit {
    /// Which object.
    #[must_use]
    pub fn key(&self) -> &ObjectKey {
        &self.key
    }

    /// The longest body taken, in bytes.
    #[must_use]
    pub fn max_length(&self) -> u64 {
        self.max_length
    }
}

/// Why a URL is refused. Nothing here says what a right one would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefused {
    /// Objects are only read and written; answer 405 with `Allow: GET, PUT`.
    #[error("only GET and PUT are served here")]
    Method,
    /// It is no URL of ours, or not for this method, or was altered; answer 403.
    #[error("the URL is not signed for this request: it must be used exactly as it was given")]
    Signature,
    /// It was good once; answer 403.
    #[error("the URL expired {} s ago: ask for a new one", ago.as_secs())]
    Expired {
        /// For how long it has been expired.
        ago: Duration,
    },
}
