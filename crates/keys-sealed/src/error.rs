use crypt_keeper_crypto::SealError;
use crypt_keeper_domain::model::Serial;
use crypt_keeper_domain::ports::VaultError;

/// A sealed private half that does not open. Never a secret.
#[derive(Debug, thiserror::Error)]
#[error("the private half of key pair {serial} does not open")]
pub(crate) struct DoesNotOpen {
    serial: Serial,
    #[source]
    source: SealError,
}

impl DoesNotOpen {
    pub(crate) fn because(serial: Serial, source: SealError) -> VaultError {
        // The row is as good as it was: it is the ring that lacks a line.
        let is_corrupt = matches!(
            source,
            SealError::NotASealedBlob | SealError::DoesNotOpen(_)
        );
        let error = Box::new(Self { serial, source });
        if is_corrupt {
            VaultError::Corrupt(error)
        } else {
            VaultError::Backend(error)
        }
    }
}
