use std::path::Path;

use crypt_keeper_secret::{SecretString, Zeroize as _};
use tokio::io::AsyncReadExt as _;

use crate::call::LoginError;

/// The longest secret taken, in bytes: tokens of Kubernetes have a few thousand.
const LONGEST: usize = 64 * 1024;

/// Reads a token or a secret id: one word, such as an HTTP header may hold.
pub(super) async fn read(path: &Path) -> Result<SecretString, LoginError> {
    let failed = |error: std::io::Error| LoginError::File {
        path: path.to_owned(),
        kind: error.kind(),
    };
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    // Large enough not to grow, which would leave copies behind.
    let mut bytes = Vec::with_capacity(LONGEST + 64);
    let read = file
        .take(LONGEST as u64 + 1)
        .read_to_end(&mut bytes)
        .await
        .map_err(failed);
    let secret = read.and_then(|length| {
        let word = bytes.trim_ascii();
        let is_word =
            length <= LONGEST && !word.is_empty() && word.iter().all(u8::is_ascii_graphic);
        match str::from_utf8(word) {
            Ok(word) if is_word => Ok(SecretString::from(word)),
            _ => Err(LoginError::NotASecret(path.to_owned())),
        }
    });
    bytes.zeroize();
    secret
}

#[cfg(test)]
mod tests {
    use crypt_keeper_secret::ExposeSecret as _;

    use super::*;

    async fn read_from(content: &[u8]) -> Result<String, LoginError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let secret = read(file.path()).await?;
        Ok(secret.expose_secret().to_owned())
    }

    #[tokio::test]
    async fn a_word_is_read_without_the_space_around_it() {
        assert_eq!(read_from(b"s.abc\n").await.unwrap(), "s.abc");
        assert_eq!(read_from(b"  s.abc \r\n").await.unwrap(), "s.abc");
    }

    #[tokio::test]
    async fn what_no_header_may_hold_is_refused_and_not_repeated() {
        let long = vec![b'x'; LONGEST + 1];
        for bad in [
            b"".as_slice(),
            b"\n",
            b"hunter 2",
            b"hunter\n2",
            b"hunter\x002",
            &long,
        ] {
            let error = read_from(bad).await.unwrap_err();
            assert!(matches!(error, LoginError::NotASecret(_)), "{error:?}");
            assert!(!format!("{error} {error:?}").contains("hunter"));
        }
        let missing = read(Path::new("/no/such/file")).await.unwrap_err();
        assert_eq!(
            missing.to_string(),
            "cannot read /no/such/file: entity not found"
        );
    }
}
