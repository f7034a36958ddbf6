//! A ring whose keys do not lie in clear: lines `id:vault:v1:..`, which Transit of HashiCorp Vault or
//! OpenBao opens. Of the file alone nobody has anything.

use std::fmt::Debug;
use std::path::Path;

use async_trait::async_trait;
use crypt_keeper_crypto::{LineFault, MasterKey, MasterKeyError, MasterKeyId, MasterKeyRing};
use crypt_keeper_domain::ports::BoxError;
use crypt_keeper_secret::SecretBytes;

use super::file::{origin, read_text, write_new};
use super::{LONGEST, MasterKeySourceError};

/// What every ciphertext of Transit begins with; a version and standard base64 follow.
const PREFIX: &str = "vault:v";

/// Seals and opens the keys of a ring by a key that is elsewhere and stays there.
#[async_trait]
pub trait RingSeal: Debug + Send + Sync + 'static {
    /// Seals a key for the line of `id`: what stands after the colon. On no other line does it open.
    ///
    /// # Errors
    /// In words that name what does not answer or refuses, and never a secret.
    async fn seal(&self, id: MasterKeyId, key: &SecretBytes) -> Result<String, BoxError>;

    /// Opens all lines in one call, in their order.
    ///
    /// # Errors
    /// Those of [`seal`](Self::seal), and if a line does not open.
    async fn open(&self, lines: &[SealedLine]) -> Result<Vec<SecretBytes>, BoxError>;
}

/// A line of a sealed ring. Not secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedLine {
    /// Which master key it is.
    pub id: MasterKeyId,
    /// The key, sealed: `vault:v1:..`.
    pub sealed: String,
}

impl SealedLine {
    /// Seals a key.
    ///
    /// # Errors
    /// [`MasterKeySourceError::Seal`].
    pub async fn of(key: &MasterKey, seal: &dyn RingSeal) -> Result<Self, MasterKeySourceError> {
        let sealed = seal.seal(key.id(), key.secret()).await;
        let sealed = sealed.map_err(MasterKeySourceError::Seal)?;
        let line = Self {
            id: key.id(),
            sealed,
        };
        // What is written must be read again, and open to the same.
        match parse_lines(line.text().as_bytes()).as_deref() {
            Ok([read]) if *read == line => {}
            _ => {
                let words = "what came back is not `vault:v1:..`";
                return Err(MasterKeySourceError::Seal(words.into()));
            }
        }
        let opened = seal.open(std::slice::from_ref(&line)).await;
        match opened.map_err(MasterKeySourceError::Seal)?.as_slice() {
            [opened] if opened == key.secret() => Ok(line),
            _ => Err(MasterKeySourceError::Seal(
                "it opens to something else".into(),
            )),
        }
    }

    /// As it stands in a file, with its end of line.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}:{}\n", self.id, self.sealed)
    }

    fn parse(line: &str) -> Result<Self, LineFault> {
        let (id, sealed) = line.split_once(':').ok_or(LineFault::NoColon)?;
        let id = MasterKeyId::parse(id).ok_or(LineFault::Id)?;
        let is_sealed = sealed.strip_prefix(PREFIX).is_some_and(|rest| {
            let (version, bytes) = rest.split_once(':').unwrap_or_default();
            let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
            !version.is_empty()
                && version.bytes().all(|byte| byte.is_ascii_digit())
                && !bytes.is_empty()
                && bytes.bytes().all(is_base64)
        });
        if is_sealed {
            let sealed = sealed.to_owned();
            Ok(Self { id, sealed })
        } else {
            Err(LineFault::NotSealed)
        }
    }
}

/// Reads a sealed ring's text, as [`MasterKeyRing::parse`] does one in clear.
pub(super) fn parse_lines(text: &[u8]) -> Result<Vec<SealedLine>, MasterKeyError> {
    let mut lines: Vec<SealedLine> = Vec::new();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let refuse = |fault| MasterKeyError::BadLine {
            line: index + 1,
            fault,
        };
        let line = str::from_utf8(line).map_err(|_| refuse(LineFault::NotText))?;
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = SealedLine::parse(line).map_err(refuse)?;
        if lines.iter().any(|earlier| earlier.id == line.id) {
            return Err(refuse(LineFault::Duplicate));
        }
        lines.push(line);
    }
    if lines.is_empty() {
        return Err(MasterKeyError::Empty);
    }
    Ok(lines)
}

/// The lines of a text that is not longer than a ring may be.
pub(super) fn parse_sealed(
    text: &[u8],
    origin: impl Fn() -> String,
) -> Result<Vec<SealedLine>, MasterKeySourceError> {
    if text.len() > LONGEST {
        return Err(MasterKeySourceError::TooLong { origin: origin() });
    }
    parse_lines(text).map_err(|source| MasterKeySourceError::Ring {
        origin: origin(),
        source,
    })
}

/// The lines of a file.
pub(super) fn read_sealed_file(path: &Path) -> Result<Vec<SealedLine>, MasterKeySourceError> {
    let (text, _) = read_text(path)?;
    parse_sealed(&text, || origin(path))
}

/// The ring that the lines of a file open to.
pub(super) async fn open_lines(
    path: &Path,
    lines: &[SealedLine],
    seal: &dyn RingSeal,
) -> Result<MasterKeyRing, MasterKeySourceError> {
    let not_opened = |source| MasterKeySourceError::Unseal {
        path: path.to_owned(),
        source,
    };
    let opened = seal.open(lines).await.map_err(not_opened)?;
    if opened.len() != lines.len() {
        return Err(not_opened("not all lines came back".into()));
    }
    let keys = lines.iter().zip(opened).map(|(line, key)| {
        let not_a_key = |_| not_opened(format!("{} opens to something else", line.id).into());
        MasterKey::from_secret(line.id, key).map_err(not_a_key)
    });
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    MasterKeyRing::from_keys(keys).map_err(|source| MasterKeySourceError::Ring {
        origin: origin(path),
        source,
    })
}

/// Makes a master key and a file that holds it sealed, as
/// [`make_master_key_file`](super::make_master_key_file) makes one in clear. The key is nowhere in
/// clear but in this process.
///
/// # Errors
/// [`MasterKeySourceError::Seal`]; [`MasterKeySourceError::Exists`], [`MasterKeySourceError::Write`],
/// [`MasterKeySourceError::Generate`].
pub async fn make_sealed_master_key_file(
    path: &Path,
    seal: &dyn RingSeal,
) -> Result<MasterKeyRing, MasterKeySourceError> {
    let key = MasterKey::generate()?;
    let line = SealedLine::of(&key, seal).await?;
    write_new(path, line.text().as_bytes())?;
    Ok(MasterKeyRing::new(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "00112233445566aa";

    #[test]
    fn lines_are_read_past_comments_and_what_is_no_line_is_named() {
        let text = format!("# ours\n\n{ID}:vault:v12:AAAA/+==\n");
        let lines = parse_lines(text.as_bytes()).unwrap();
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].sealed, "vault:v12:AAAA/+==");
        let in_clear = format!("{ID}:{}", "A".repeat(43) + "=");
        for (text, says) in [
            (String::new(), "the master key ring is empty"),
            (
                "nonsense".to_owned(),
                "line 1 of the master key ring: there is no colon",
            ),
            (in_clear, "the key is not sealed (`vault:v1:..`)"),
            (format!("{ID}:vault:v:AAAA"), "is not sealed"),
            (format!("{ID}:vault:v1:"), "is not sealed"),
            (format!("{ID}:vault:v1:A A"), "is not sealed"),
            (format!("{ID}:vault:vx:AAAA"), "is not sealed"),
            (format!("{}:vault:v1:AAAA", &ID[1..]), "the id is not 16"),
            (
                format!("{ID}:vault:v1:AAAA\n\n{ID}:vault:v1:BBBB"),
                "line 3 of the master key ring: its id is that of an earlier line",
            ),
        ] {
            let refused = parse_lines(text.as_bytes()).unwrap_err().to_string();
            assert!(refused.contains(says), "{text:?}: {refused}");
            assert!(!refused.contains("AAAA"), "{refused}");
        }
    }
}
