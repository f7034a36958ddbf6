//! `AES|CBC`, the format of the first version: a random 16-byte initialization vector, then
//! AES-256-CBC blocks. The last partial block is padded with spaces; an exact multiple of 16 gets
//! no padding, so the true length travels beside the object.
//!
//! The first client decrypted whatever the store sent and cut it at the document's length. So what
//! other programs wrote for it, with other padding or a last block too many, is read here too.
//!
//! It has no integrity: whoever can write the object can change the document. It is read for old
//! documents and written only for old clients.

use std::{fmt, mem};

use crypt_keeper_secret::{DocumentKey, ExposeSecret};
use openssl::{cipher::Cipher, cipher_ctx::CipherCtx};

use crate::{
    error::{Alteration, DocumentError, OpenSslError},
    random::random_bytes,
};

/// Length of a block and of the initialization vector, in bytes.
pub const BLOCK_LENGTH: usize = 16;
const BLOCK: u64 = BLOCK_LENGTH as u64;
const PADDING: u8 = b' ';
/// Input taken by one call of `push`.
const CHUNK_LENGTH: usize = 128 * 1024;

/// Length in bytes of the stored object for a plaintext of this length.
///
/// # Errors
/// [`DocumentError::TooLong`] if it does not fit 64 bits.
pub fn ciphertext_length(plaintext_length: u64) -> Result<u64, DocumentError> {
    plaintext_length
        .div_ceil(BLOCK)
        .checked_add(1)
        .and_then(|blocks| blocks.checked_mul(BLOCK))
        .ok_or(DocumentError::TooLong)
}

/// Takes plaintext in pieces of any size, gives the stored object.
pub struct CbcEncryptor {
    context: CipherCtx,
    /// Bytes taken so far, modulo the block length.
    in_block: usize,
    /// The initialization vector, until it was given out.
    iv: Option<[u8; BLOCK_LENGTH]>,
    output: Vec<u8>,
}

impl CbcEncryptor {
    /// Starts the encryption of one document under a random initialization vector.
    ///
    /// # Errors
    /// [`OpenSslError`] if OpenSSL fails.
    pub fn new(key: &DocumentKey) -> Result<Self, OpenSslError> {
        let mut iv = [0; BLOCK_LENGTH];
        random_bytes(&mut iv)?;
        Self::with_iv(key, iv)
    }

    fn with_iv(key: &DocumentKey, iv: [u8; BLOCK_LENGTH]) -> Result<Self, OpenSslError> {
        let mut context = CipherCtx::new()?;
        context.encrypt_init(
            Some(Cipher::aes_256_cbc()),
            Some(key.expose_secret()),
            Some(&iv),
        )?;
        context.set_padding(false);
        Ok(Self {
            context,
            in_block: 0,
            iv: Some(iv),
            output: Vec::new(),
        })
    }

    /// Takes from the front of `plaintext`, which shrinks by what was taken, and answers bytes of
    /// the object. Call until `None`: all was taken then.
    ///
    /// # Errors
    /// [`DocumentError::OpenSsl`] if OpenSSL fails.
    pub fn push(&mut self, plaintext: &mut &[u8]) -> Result<Option<&[u8]>, DocumentError> {
        self.output.clear();
        while !plaintext.is_empty() && self.output.is_empty() {
            let (now, later) = plaintext.split_at(plaintext.len().min(CHUNK_LENGTH));
            self.encrypt(now)?;
            *plaintext = later;
        }
        Ok((!self.output.is_empty()).then_some(&self.output))
    }

    /// Ends the document: pads a partial block and answers the object's last bytes.
    ///
    /// # Errors
    /// [`DocumentError::OpenSsl`] if OpenSSL fails.
    pub fn finish(mut self) -> Result<Vec<u8>, DocumentError> {
        self.output.clear();
        let padding = (BLOCK_LENGTH - self.in_block) % BLOCK_LENGTH;
        self.encrypt(&[PADDING; BLOCK_LENGTH][..padding])?;
        Ok(mem::take(&mut self.output))
    }

    fn encrypt(&mut self, bytes: &[u8]) -> Result<(), DocumentError> {
        if let Some(iv) = self.iv.take() {
            self.output.extend_from_slice(&iv);
        }
        if !bytes.is_empty() {
            self.context.cipher_update_vec(bytes, &mut self.output)?;
        }
        self.in_block = (self.in_block + bytes.len()) % BLOCK_LENGTH;
        Ok(())
    }
}

impl fmt::Debug for CbcEncryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CbcEncryptor").finish_non_exhaustive()
    }
}

/// Takes the stored object in pieces of any size, gives plaintext, cut to the document's length.
/// **Nothing is verified** but that the object is made of blocks, and of enough of them: the format
/// has nothing to verify with.
pub struct CbcDecryptor {
    key: DocumentKey,
    context: Option<CipherCtx>,
    iv: Vec<u8>,
    /// What lacks of the object of the document's length, in bytes.
    ciphertext_left: u64,
    plaintext_left: u64,
    /// Bytes taken so far, modulo the block length.
    in_block: usize,
    output: Vec<u8>,
}

impl CbcDecryptor {
    /// Starts the decryption of a document of `content_length` bytes of plaintext.
    ///
    /// # Errors
    /// [`DocumentError::TooLong`] if there can be no such object.
    pub fn new(key: &DocumentKey, content_length: u64) -> Result<Self, DocumentError> {
        Ok(Self {
            key: key.clone(),
            context: None,
            iv: Vec::with_capacity(BLOCK_LENGTH),
            ciphertext_left: ciphertext_length(content_length)?,
            plaintext_left: content_length,
            in_block: 0,
            output: Vec::new(),
        })
    }

    /// Takes from the front of `ciphertext`, which shrinks by what was taken, and answers
    /// plaintext. Call until `None`: all was taken then.
    ///
    /// # Errors
    /// [`DocumentError::OpenSsl`] if OpenSSL fails.
    pub fn push(&mut self, ciphertext: &mut &[u8]) -> Result<Option<&[u8]>, DocumentError> {
        self.output.clear();
        while !ciphertext.is_empty() && self.output.is_empty() {
            let (now, later) = ciphertext.split_at(ciphertext.len().min(CHUNK_LENGTH));
            self.decrypt(now)?;
            *ciphertext = later;
        }
        Ok((!self.output.is_empty()).then_some(&self.output))
    }

    /// Ends the object.
    ///
    /// # Errors
    /// [`Alteration::CutShort`] if it is shorter than its document,
    /// [`Alteration::TrailingBytes`] if it ends within a block.
    pub fn finish(self) -> Result<(), DocumentError> {
        if self.ciphertext_left > 0 {
            Err(Alteration::CutShort.into())
        } else if self.in_block > 0 {
            Err(Alteration::TrailingBytes.into())
        } else {
            Ok(())
        }
    }

    fn decrypt(&mut self, mut bytes: &[u8]) -> Result<(), DocumentError> {
        self.ciphertext_left = self.ciphertext_left.saturating_sub(bytes.len() as u64);
        self.in_block = (self.in_block + bytes.len()) % BLOCK_LENGTH;
        if self.plaintext_left == 0 && self.context.is_some() {
            // Blocks behind the document.
            return Ok(());
        }
        let context = match &mut self.context {
            Some(context) => context,
            None => {
                let (iv, rest) = bytes.split_at(bytes.len().min(BLOCK_LENGTH - self.iv.len()));
                self.iv.extend_from_slice(iv);
                bytes = rest;
                if self.iv.len() < BLOCK_LENGTH {
                    return Ok(());
                }
                let mut context = CipherCtx::new()?;
                let key = self.key.expose_secret().as_slice();
                context.decrypt_init(Some(Cipher::aes_256_cbc()), Some(key), Some(&self.iv))?;
                context.set_padding(false);
                self.context.insert(context)
            }
        };
        if !bytes.is_empty() {
            context.cipher_update_vec(bytes, &mut self.output)?;
        }
        let released = self.plaintext_left.min(self.output.len() as u64);
        self.plaintext_left -= released;
        self.output
            .truncate(usize::try_from(released).unwrap_or(usize::MAX));
        Ok(())
    }
}

impl fmt::Debug for CbcDecryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CbcDecryptor")
            .field("ciphertext_left", &self.ciphertext_left)
            .finish_non_exhaustive()
    }
}
