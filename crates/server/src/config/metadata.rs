use super::values::Values;
use super::{ConfigError, SecretUrl, quoted};

/// Where documents, users and key pairs are registered.
#[derive(Clone, Debug)]
pub struct Metadata {
    /// Which store.
    pub backend: MetadataBackend,
    /// Whether the service brings the schema up to date when it starts.
    pub migrate_on_start: bool,
}

/// The stores there are.
#[derive(Clone, Debug)]
pub enum MetadataBackend {
    /// A file in the data folder.
    Sqlite,
    /// A PostgreSQL server.
    Postgres(Postgres),
}

/// How PostgreSQL is reached.
#[derive(Clone, Debug)]
pub struct Postgres {
    /// Its URL.
    pub url: SecretUrl,
    /// The most connections.
    pub pool_size: u16,
}

const DEFAULT_POOL_SIZE: u16 = 8;

impl Metadata {
    pub(super) fn read(values: &Values) -> Result<Self, ConfigError> {
        let postgres = values.parse(
            "metadata.backend",
            "`sqlite` or `postgres` is needed",
            |text| match text {
                "sqlite" => Some(false),
                "postgres" => Some(true),
                _ => None,
            },
        )?;
        let url = values.secret_url("metadata.postgres.url", "metadata.postgres.url_file")?;
        let pool_size = values
            .parse(
                "metadata.postgres.pool_size",
                "a number from 1 to 1000 is needed",
                |text| text.parse().ok().filter(|size| (1..=1000).contains(size)),
            )?
            .unwrap_or(DEFAULT_POOL_SIZE);
        let migrate = values.boolean("metadata.migrate_on_start")?;
        let backend = match (postgres.unwrap_or(false), url) {
            (true, Some(url)) => MetadataBackend::Postgres(Postgres { url, pool_size }),
            (true, None) => {
                return Err(ConfigError::Together(
                    "`metadata.backend` = \"postgres\" needs `metadata.postgres.url`, or \
                     `metadata.postgres.url_file`"
                        .to_owned(),
                ));
            }
            (false, None) => MetadataBackend::Sqlite,
            // Silence here would store documents where nobody looks for them.
            (false, Some(_)) => {
                return Err(ConfigError::Together(
                    "`metadata.postgres.url` is set, but `metadata.backend` is \"sqlite\": set it \
                     to \"postgres\", or remove the URL"
                        .to_owned(),
                ));
            }
        };
        Ok(Self {
            migrate_on_start: migrate.unwrap_or(matches!(backend, MetadataBackend::Sqlite)),
            backend,
        })
    }

    pub(super) fn rows(&self) -> Vec<(&'static str, Option<String>)> {
        let (name, postgres) = match &self.backend {
            MetadataBackend::Sqlite => ("sqlite", None),
            MetadataBackend::Postgres(postgres) => ("postgres", Some(postgres)),
        };
        vec![
            ("metadata.backend", Some(quoted(name))),
            (
                "metadata.postgres.url",
                postgres.map(|postgres| quoted(&postgres.url.to_string())),
            ),
            // Its content is shown as the URL.
            ("metadata.postgres.url_file", None),
            (
                "metadata.postgres.pool_size",
                postgres.map(|postgres| postgres.pool_size.to_string()),
            ),
            (
                "metadata.migrate_on_start",
                Some(self.migrate_on_start.to_string()),
            ),
        ]
    }
}
