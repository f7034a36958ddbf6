//! Rules that span more than one concern.

use super::{BlobsBackend, ConfigError, KeysBackend, MasterKey, MetadataBackend, Role, Settings};

impl Settings {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.http.check()?;
        self.check_public_url()?;
        self.check_sealed_url()?;
        match self.role {
            Role::Full => self.check_vault(),
            Role::Ingest => self.check_ingest(),
        }
    }

    /// What a server of this role could unwrap a document key with, it must not be given; and what
    /// it cannot do without such things, it must not be asked.
    fn check_ingest(&self) -> Result<(), ConfigError> {
        let refused = |what: &str, why: &str| {
            Err(ConfigError::Together(format!(
                "{what} does not go with `role` = \"ingest\": {why}"
            )))
        };
        if matches!(self.metadata.backend, MetadataBackend::Sqlite) {
            return refused(
                "`metadata.backend` = \"sqlite\"",
                "a file knows no roles, so whoever writes it could read and grant; set it to \
                 \"postgres\", with the role of deploy/postgres/roles.sql",
            );
        }
        if matches!(self.blobs.backend, BlobsBackend::Local) {
            return refused(
                "`blobs.backend` = \"local\"",
                "its URLs are signed with the master key, which such a server must not have; set \
                 it to \"s3\"",
            );
        }
        match &self.keys.master_key {
            Some(MasterKey::File(_) | MasterKey::SealedFile { .. }) => {
                return refused(
                    "`keys.master_key_file`",
                    "it holds no master key; remove it",
                );
            }
            Some(MasterKey::Command(_)) => {
                return refused(
                    "`keys.master_key_command`",
                    "it holds no master key; remove it",
                );
            }
            None => {}
        }
        if self.keys.sealed_url.is_some() {
            return refused(
                "`keys.sealed.url`",
                "it must not reach the private halves; remove it",
            );
        }
        if self.keys.vault.is_some() {
            return refused(
                "`keys.vault.address`",
                "it wraps with public halves, which are in the metadata database; remove it",
            );
        }
        if self.metadata.migrate_on_start {
            return refused(
                "`metadata.migrate_on_start` = true",
                "its database role may change no table; run `crypt-keeper migrate` with the \
                 configuration of a full server",
            );
        }
        Ok(())
    }

    /// A Vault goes with the backends that use one, and they with it.
    fn check_vault(&self) -> Result<(), ConfigError> {
        let refused = |words: String| Err(ConfigError::Together(words));
        let seals_ring = matches!(self.keys.master_key, Some(MasterKey::SealedFile { .. }));
        match (self.keys.backend, &self.keys.vault) {
            (KeysBackend::Sealed, Some(vault)) if seals_ring => match &vault.mount {
                Some(_) => refused(
                    "`keys.vault.mount` is of no use with `keys.backend` = \"sealed\": the mount is \
                     in `keys.master_key_transit`; remove it"
                        .to_owned(),
                ),
                None => Ok(()),
            },
            (KeysBackend::Sealed, None) if seals_ring => refused(
                "`keys.master_key_transit` needs `keys.vault.address`, and a way to log in there: \
                 set it"
                    .to_owned(),
            ),
            (backend, _) if seals_ring => refused(format!(
                "`keys.master_key_transit` goes with `keys.backend` = \"sealed\", and not with \
                 \"{}\", whose private halves need no master key: remove it",
                backend.as_str()
            )),
            (KeysBackend::Sealed, Some(_)) => refused(
                "`keys.vault.address` is of no use with `keys.backend` = \"sealed\": set that to \
                 \"vault-kv\" or \"vault-transit\", seal the master key by \
                 `keys.master_key_transit`, or remove the address"
                    .to_owned(),
            ),
            (KeysBackend::Sealed, None) => Ok(()),
            (backend, None) => Err(ConfigError::needs_vault_address(backend)),
            (backend, Some(_)) if self.keys.sealed_url.is_some() => {
                Err(ConfigError::Together(format!(
                    "`keys.sealed.url` is of no use with `keys.backend` = \"{}\": remove it",
                    backend.as_str()
                )))
            }
            (_, Some(_)) => Ok(()),
        }
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
                "`keys.sealed.url` goes with `metadata.backend` = \"postgres\" or \"dynamodb\": with \
                 \"sqlite\" the sealed private halves are in the data folder's keys.db"
                    .to_owned(),
            ));
        }
        let needs_store = self.role == Role::Full
            && self.keys.backend == KeysBackend::Sealed
            && self.keys.sealed_url.is_none();
        if needs_store && matches!(self.metadata.backend, MetadataBackend::DynamoDb(_)) {
            return Err(ConfigError::Together(
                "`metadata.backend` = \"dynamodb\" keeps no private halves: set `keys.sealed.url` to \
                 a PostgreSQL database for them, or `keys.backend` to \"vault-kv\" or \
                 \"vault-transit\""
                    .to_owned(),
            ));
        }
        Ok(())
    }
}
