use super::http::PublicUrl;
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
    /// Tables of DynamoDB.
    DynamoDb(DynamoDb),
}

/// How PostgreSQL is reached.
#[derive(Clone, Debug)]
pub struct Postgres {
    /// Its URL.
    pub url: SecretUrl,
    /// The most connections.
    pub pool_size: u16,
}

/// How DynamoDB is reached. Credentials come by the AWS chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DynamoDb {
    /// The region; `None`: by the AWS chain.
    pub region: Option<String>,
    /// Another server than Amazon's.
    pub endpoint: Option<String>,
    /// What the names of all tables begin with.
    pub table_prefix: String,
}

/// The prefix of DynamoDB's tables unless told otherwise.
const DEFAULT_TABLE_PREFIX: &str = "crypt-keeper-";

const DEFAULT_POOL_SIZE: u16 = 8;

impl Metadata {
    pub(super) fn read(values: &Values) -> Result<Self, ConfigError> {
        let kind = values.parse(
            "metadata.backend",
            "`sqlite`, `postgres` or `dynamodb` is needed",
            |text| match text {
                "sqlite" => Some(Kind::Sqlite),
                "postgres" => Some(Kind::Postgres),
                "dynamodb" => Some(Kind::DynamoDb),
                _ => None,
            },
        )?;
        let kind = kind.unwrap_or(Kind::Sqlite);
        let url = values.secret_url("metadata.postgres.url", "metadata.postgres.url_file")?;
        let pool_size = values
            .parse(
                "metadata.postgres.pool_size",
                "a number from 1 to 1000 is needed",
                |text| text.parse().ok().filter(|size| (1..=1000).contains(size)),
            )?
            .unwrap_or(DEFAULT_POOL_SIZE);
        let migrate = values.boolean("metadata.migrate_on_start")?;
        let dynamodb = read_dynamodb(values, kind)?;
        let backend = match (kind, url) {
            (Kind::Postgres, Some(url)) => MetadataBackend::Postgres(Postgres { url, pool_size }),
            (Kind::Postgres, None) => {
                return Err(ConfigError::Together(
                    "`metadata.backend` = \"postgres\" needs `metadata.postgres.url`, or \
                     `metadata.postgres.url_file`"
                        .to_owned(),
                ));
            }
            (Kind::Sqlite, None) => MetadataBackend::Sqlite,
            (Kind::DynamoDb, None) => MetadataBackend::DynamoDb(dynamodb),
            // Silence here would store documents where nobody looks for them.
            (Kind::Sqlite | Kind::DynamoDb, Some(_)) => {
                return Err(ConfigError::Together(format!(
                    "`metadata.postgres.url` is set, but `metadata.backend` is \"{}\": set it \
                     to \"postgres\", or remove the URL",
                    kind.as_str()
                )));
            }
        };
        Ok(Self {
            migrate_on_start: migrate.unwrap_or(matches!(backend, MetadataBackend::Sqlite)),
            backend,
        })
    }

    pub(super) fn rows(&self) -> Vec<(&'static str, Option<String>)> {
        let (kind, postgres, dynamodb) = match &self.backend {
            MetadataBackend::Sqlite => (Kind::Sqlite, None, None),
            MetadataBackend::Postgres(postgres) => (Kind::Postgres, Some(postgres), None),
            MetadataBackend::DynamoDb(dynamodb) => (Kind::DynamoDb, None, Some(dynamodb)),
        };
        let of_dynamodb = |value: fn(&DynamoDb) -> Option<&String>| {
            dynamodb.and_then(value).map(|text| quoted(text))
        };
        vec![
            ("metadata.backend", Some(quoted(kind.as_str()))),
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
                "metadata.dynamodb.region",
                of_dynamodb(|dynamodb| dynamodb.region.as_ref()),
            ),
            (
                "metadata.dynamodb.endpoint",
                of_dynamodb(|dynamodb| dynamodb.endpoint.as_ref()),
            ),
            (
                "metadata.dynamodb.table_prefix",
                of_dynamodb(|dynamodb| Some(&dynamodb.table_prefix)),
            ),
            (
                "metadata.migrate_on_start",
                Some(self.migrate_on_start.to_string()),
            ),
        ]
    }
}

/// The stores there are, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sqlite,
    Postgres,
    DynamoDb,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::DynamoDb => "dynamodb",
        }
    }
}

fn read_dynamodb(values: &Values, kind: Kind) -> Result<DynamoDb, ConfigError> {
    let not_empty = |text: &str| (!text.trim().is_empty()).then(|| text.to_owned());
    let region = values.parse(
        "metadata.dynamodb.region",
        "a region's name is needed",
        not_empty,
    )?;
    let endpoint = values.parse(
        "metadata.dynamodb.endpoint",
        "http:// or https:// and a host are needed, without a path",
        |text| PublicUrl::parse(text).map(|url| url.as_str().to_owned()),
    )?;
    let table_prefix = values.parse(
        "metadata.dynamodb.table_prefix",
        "1 to 200 letters, digits, `_`, `-` and `.` of ASCII are needed",
        |text| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
            let is_prefix = (1..=200).contains(&text.len()) && text.bytes().all(allowed);
            is_prefix.then(|| text.to_owned())
        },
    )?;
    // Silence here would store documents where nobody looks for them.
    for (key, is_set) in [
        ("metadata.dynamodb.region", region.is_some()),
        ("metadata.dynamodb.endpoint", endpoint.is_some()),
        ("metadata.dynamodb.table_prefix", table_prefix.is_some()),
    ] {
        if is_set && kind != Kind::DynamoDb {
            return Err(ConfigError::Together(format!(
                "`{key}` is set, but `metadata.backend` is \"{}\": set it to \"dynamodb\", or \
                 remove the other",
                kind.as_str()
            )));
        }
    }
    Ok(DynamoDb {
        region,
        endpoint,
        table_prefix: table_prefix.unwrap_or_else(|| DEFAULT_TABLE_PREFIX.to_owned()),
    })
}
