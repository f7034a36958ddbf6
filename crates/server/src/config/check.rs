//! Rules that span more than one concern.

use super::{BlobsBackend, ConfigError, MetadataBackend, Settings};

impl Settings {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.http.check()?;
        self.check_public_url()?;
        self.check_sealed_url()
    }

    /// Objects of a local folder are fetched from the service itself, by absolute URLs.
    fn check_public_url(&self) -> Result<(), ConfigError> {
        let unknown = self.http.public_url.is_none() && self.http.listen.ip().is_unspecified();
        if unknown && matches!(self.blobs.backend, BlobsBackend::Local) {
            return Err(ConfigError::Together(format!(
                "`http.listen` = \"{}\" is every address, so URLs for clients cannot be made: set \
                 `http.public_url` to the address that clients see",
                self.http.listen
            )));
        }
        Ok(())
    }

    /// A store of its own for private halves exists beside PostgreSQL only; SQLite has keys.db.
    fn check_sealed_url(&self) -> Result<(), ConfigError> {
        if self.keys.sealed_url.is_some()
            && matches!(self.metadata.backend, MetadataBackend::Sqlite)
        {
            return Err(ConfigError::Together(
                "`keys.sealed.url` goes with `metadata.backend` = \"postgres\": with \"sqlite\" \
                 the sealed private halves are in the data folder's keys.db"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}
