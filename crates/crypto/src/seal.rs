//! Sealed blobs: how a private half is stored.
//!
//! ```text
//! 01 || master key id (8) || nonce (12) || AES-256-GCM ciphertext || tag (16)
//! key             = the master key's subkey for `seal`
//! associated data = "crypt-keeper/seal/v1" 00, and, each after its length (u32 BE):
//!                   serial (u64 BE), algorithm, scope, master key id, SHA-256 of the public half
//! ```

use crypt_keeper_secret::{ExposeSecret, SecretBytes};
use openssl::sha::sha256;
use zeroize::Zeroizing;

use crate::{
    aead::{self, NONCE_LENGTH, TAG_LENGTH},
    error::{OpenSslError, SealError},
    master_key::{MasterKey, MasterKeyId, MasterKeyRing, Purpose},
    random::random_bytes,
    wrap::WrapAlgorithm,
};

const VERSION: u8 = 0x01;
const PREFIX: &[u8] = b"crypt-keeper/seal/v1\0";
const ID_END: usize = 1 + MasterKeyId::LENGTH;
const NONCE_END: usize = ID_END + NONCE_LENGTH;

/// What a sealed private half is bound to: moved to another row, it does not open.
#[derive(Debug, Clone, Copy)]
pub struct SealContext<'a> {
    /// Serial of the key pair.
    pub serial: u64,
    /// Algorithm of the key pair.
    pub algorithm: WrapAlgorithm,
    /// Scope of the key pair, in its stored form.
    pub scope: &'a str,
    /// The public half's stored bytes.
    pub public_half: &'a [u8],
}

impl SealContext<'_> {
    fn associated_data(&self, master_key: MasterKeyId) -> Vec<u8> {
        let serial = self.serial.to_be_bytes();
        // As in `hkdf`.
        openssl::init();
        let digest = sha256(self.public_half);
        let fields: [&[u8]; 5] = [
            &serial,
            self.algorithm.name().as_bytes(),
            self.scope.as_bytes(),
            master_key.as_bytes(),
            &digest,
        ];
        let mut data = PREFIX.to_vec();
        for field in fields {
            // A scope of 4 GiB does not exist; were it so, sealing and opening would agree.
            let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
            data.extend_from_slice(&length.to_be_bytes());
            data.extend_from_slice(field);
        }
        data
    }
}

impl MasterKeyRing {
    /// Seals a private half under the ring's first key.
    ///
    /// # Errors
    /// [`OpenSslError`] if OpenSSL fails.
    pub fn seal(
        &self,
        context: &SealContext<'_>,
        secret: &SecretBytes,
    ) -> Result<Vec<u8>, OpenSslError> {
        let mut nonce = [0; NONCE_LENGTH];
        random_bytes(&mut nonce)?;
        let key = seal_key(self.first())?;
        let id = self.first().id();
        // Holds the secret until it is encrypted in place, and is never moved meanwhile.
        let mut blob = Zeroizing::new(Vec::with_capacity(NONCE_END + secret.len() + TAG_LENGTH));
        blob.push(VERSION);
        blob.extend_from_slice(id.as_bytes());
        blob.extend_from_slice(&nonce);
        blob.extend_from_slice(secret.expose_secret());
        let data = context.associated_data(id);
        let tag = aead::seal_in_place(&key, &nonce, &data, &mut blob[NONCE_END..])?;
        blob.extend_from_slice(&tag);
        Ok(std::mem::take(&mut blob))
    }

    /// Opens a sealed blob under whichever of the ring's keys sealed it.
    ///
    /// # Errors
    /// [`SealError`] if it is no sealed blob, its master key is not in the ring, or it was altered
    /// or sealed for another context.
    pub fn open(&self, context: &SealContext<'_>, blob: &[u8]) -> Result<SecretBytes, SealError> {
        let id = sealed_under(blob)?;
        let key = seal_key(self.get(id).ok_or(SealError::UnknownMasterKey(id))?)?;
        let (mut nonce, mut tag) = ([0; NONCE_LENGTH], [0; TAG_LENGTH]);
        let tag_start = blob.len() - TAG_LENGTH;
        nonce.copy_from_slice(&blob[ID_END..NONCE_END]);
        tag.copy_from_slice(&blob[tag_start..]);
        let mut secret = Zeroizing::new(blob[NONCE_END..tag_start].to_vec());
        let data = context.associated_data(id);
        if aead::open_in_place(&key, &nonce, &data, &mut secret, &tag)? {
            Ok(SecretBytes::new(std::mem::take(&mut secret)))
        } else {
            Err(SealError::DoesNotOpen(id))
        }
    }
}

/// The id of the master key that a blob is sealed under, so that a change of master key finds what
/// is left to seal again. Not verified.
///
/// # Errors
/// [`SealError::NotASealedBlob`] if it is too short or of another version.
pub fn sealed_under(blob: &[u8]) -> Result<MasterKeyId, SealError> {
    if blob.len() < NONCE_END + TAG_LENGTH || blob[0] != VERSION {
        return Err(SealError::NotASealedBlob);
    }
    let mut id = [0; MasterKeyId::LENGTH];
    id.copy_from_slice(&blob[1..ID_END]);
    Ok(MasterKeyId::from_bytes(id))
}

fn seal_key(master_key: &MasterKey) -> Result<Zeroizing<[u8; aead::KEY_LENGTH]>, OpenSslError> {
    let subkey = master_key.subkey(Purpose::Seal)?;
    let mut key = Zeroizing::new([0; aead::KEY_LENGTH]);
    key.copy_from_slice(subkey.expose_secret());
    Ok(key)
}
