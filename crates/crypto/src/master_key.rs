//! Master keys, which seal private halves in a store, and the ring they live in.
//!
//! A ring is text, one `id:key` a line: the id 8 bytes as 16 lower-case hexadecimal digits, the key
//! 32 bytes in standard padded base64. The first line seals, all open. Blank lines and lines that
//! start with `#` are passed over.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use crypt_keeper_secret::{ExposeSecret, SecretBytes};
use zeroize::Zeroizing;

use crate::{
    error::{LineFault, MasterKeyError, OpenSslError},
    hkdf::hkdf_sha256,
    random::random_bytes,
};

const SUBKEY_PREFIX: &[u8] = b"crypt-keeper/sub/v1\0";
const KEY_LENGTH: usize = 32;
/// 32 bytes in padded base64.
const ENCODED_KEY_LENGTH: usize = 44;

/// What a subkey is for. A master key is never used directly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Sealing private halves.
    Seal,
    /// Signing the URLs of local blobs.
    BlobUrl,
    /// Authenticating page cursors.
    Cursor,
    /// Signing webhooks.
    Webhook,
    /// Pseudonyms of names in the audit log.
    AuditName,
}

impl Purpose {
    /// Every purpose there is.
    pub const ALL: [Self; 5] = [
        Self::Seal,
        Self::BlobUrl,
        Self::Cursor,
        Self::Webhook,
        Self::AuditName,
    ];

    /// The name that the derivation takes in.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seal => "seal",
            Self::BlobUrl => "blob-url",
            Self::Cursor => "cursor",
            Self::Webhook => "webhook",
            Self::AuditName => "audit-name",
        }
    }
}

/// Names a master key: 8 random bytes, shown as 16 lower-case hexadecimal digits. Not secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MasterKeyId([u8; Self::LENGTH]);

impl MasterKeyId {
    /// Length in bytes.
    pub const LENGTH: usize = 8;

    /// An id as it was stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// An id as text shows it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; Self::LENGTH];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        let id = Self(bytes);
        (id.to_string() == text).then_some(id)
    }
}

impl fmt::Debug for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKeyId({self})")
    }
}

impl fmt::Display for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// One master key with its id.
#[derive(Debug, Clone)]
pub struct MasterKey {
    id: MasterKeyId,
    key: SecretBytes,
}

impl MasterKey {
    /// Makes a new one at random.
    ///
    /// # Errors
    /// [`OpenSslError`] if OpenSSL's random generator cannot be seeded.
    pub fn generate() -> Result<Self, OpenSslError> {
        let mut id = [0; MasterKeyId::LENGTH];
        random_bytes(&mut id)?;
        let mut key = vec![0; KEY_LENGTH];
        random_bytes(&mut key)?;
        Ok(Self {
            id: MasterKeyId(id),
            key: SecretBytes::new(key),
        })
    }

    /// A key that was kept sealed.
    ///
    /// # Errors
    /// [`LineFault::Key`] if it is not 32 bytes long.
    pub fn from_secret(id: MasterKeyId, key: SecretBytes) -> Result<Self, LineFault> {
        if key.len() == KEY_LENGTH {
            Ok(Self { id, key })
        } else {
            Err(LineFault::Key)
        }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> MasterKeyId {
        self.id
    }

    /// The key itself, for whoever seals it: 32 bytes.
    #[must_use]
    pub const fn secret(&self) -> &SecretBytes {
        &self.key
    }

    /// The 32-byte subkey for a purpose: `HKDF-SHA256(master key, salt "", info
    /// "crypt-keeper/sub/v1" 00 purpose)`.
    ///
    /// # Errors
    /// [`OpenSslError`] if OpenSSL fails.
    pub fn subkey(&self, purpose: Purpose) -> Result<SecretBytes, OpenSslError> {
        let mut subkey = Zeroizing::new(vec![0; KEY_LENGTH]);
        let info = [SUBKEY_PREFIX, purpose.name().as_bytes()];
        hkdf_sha256(self.key.expose_secret(), &[], &info, &mut subkey)?;
        Ok(SecretBytes::new(std::mem::take(&mut subkey)))
    }

    fn parse(line: &str) -> Result<Self, LineFault> {
        let (id, encoded) = line.split_once(':').ok_or(LineFault::NoColon)?;
        let id = MasterKeyId::parse(id).ok_or(LineFault::Id)?;
        if encoded.starts_with("vault:") {
            return Err(LineFault::Sealed);
        }
        if encoded.len() != ENCODED_KEY_LENGTH {
            return Err(LineFault::Key);
        }
        // The decoder wants room for whole groups of three bytes.
        let mut decoded = Zeroizing::new([0; KEY_LENGTH + 1]);
        match STANDARD.decode_slice(encoded, decoded.as_mut_slice()) {
            Ok(KEY_LENGTH) => Ok(Self {
                id,
                key: SecretBytes::new(decoded[..KEY_LENGTH].to_vec()),
            }),
            _ => Err(LineFault::Key),
        }
    }
}

/// The master keys in force: the first seals, all open. Never empty, no id twice.
#[derive(Debug, Clone)]
pub struct MasterKeyRing {
    first: MasterKey,
    others: Vec<MasterKey>,
}

impl MasterKeyRing {
    /// A ring of one key.
    #[must_use]
    pub const fn new(first: MasterKey) -> Self {
        Self {
            first,
            others: Vec::new(),
        }
    }

    /// Reads a ring's text.
    ///
    /// # Errors
    /// [`MasterKeyError`] says which line is wrong and how, never what stands in it.
    pub fn parse(text: &SecretBytes) -> Result<Self, MasterKeyError> {
        let mut keys: Vec<MasterKey> = Vec::new();
        for (index, line) in text
            .expose_secret()
            .split(|byte| *byte == b'\n')
            .enumerate()
        {
            let refuse = |fault| MasterKeyError::BadLine {
                line: index + 1,
                fault,
            };
            let line = str::from_utf8(line)
                .map_err(|_| refuse(LineFault::NotText))?
                .trim_ascii();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = MasterKey::parse(line).map_err(refuse)?;
            if keys.iter().any(|earlier| earlier.id == key.id) {
                return Err(refuse(LineFault::Duplicate));
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        let first = keys.next().ok_or(MasterKeyError::Empty)?;
        Ok(Self {
            first,
            others: keys.collect(),
        })
    }

    /// A ring of these keys, the first of which seals.
    ///
    /// # Errors
    /// [`MasterKeyError::Empty`], [`MasterKeyError::Duplicate`].
    pub fn from_keys(keys: Vec<MasterKey>) -> Result<Self, MasterKeyError> {
        let mut keys = keys.into_iter();
        let mut ring = Self::new(keys.next().ok_or(MasterKeyError::Empty)?);
        for key in keys {
            if ring.get(key.id).is_some() {
                return Err(MasterKeyError::Duplicate(key.id));
            }
            ring.others.push(key);
        }
        Ok(ring)
    }

    /// The ring's text, as [`parse`](Self::parse) reads it.
    #[must_use]
    pub fn to_text(&self) -> SecretBytes {
        let line_length = 2 * MasterKeyId::LENGTH + 1 + ENCODED_KEY_LENGTH + 1;
        let mut text = Vec::with_capacity(line_length * (1 + self.others.len()));
        for key in self.keys() {
            text.extend_from_slice(key.id.to_string().as_bytes());
            text.push(b':');
            let encoded = Zeroizing::new(STANDARD.encode(key.key.expose_secret()));
            text.extend_from_slice(encoded.as_bytes());
            text.push(b'\n');
        }
        SecretBytes::new(text)
    }

    /// Puts a new key first: it seals from now on, the others go on opening.
    ///
    /// # Errors
    /// [`MasterKeyError::Duplicate`] if the ring has a key of that id.
    pub fn prepend(&mut self, key: MasterKey) -> Result<(), MasterKeyError> {
        if self.get(key.id).is_some() {
            return Err(MasterKeyError::Duplicate(key.id));
        }
        self.others
            .insert(0, std::mem::replace(&mut self.first, key));
        Ok(())
    }

    /// The key that seals.
    #[must_use]
    pub const fn first(&self) -> &MasterKey {
        &self.first
    }

    /// All keys, the first one first.
    pub fn keys(&self) -> impl Iterator<Item = &MasterKey> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The key of this id.
    #[must_use]
    pub fn get(&self, id: MasterKeyId) -> Option<&MasterKey> {
        self.keys().find(|key| key.id == id)
    }
}
