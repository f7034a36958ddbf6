use crypt_keeper_domain::model::Algorithm;

/// A configuration key, for unknown-key checks and the reference.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name in the file: sections and key, joined by dots.
    pub name: &'static str,
    /// What is in force when nothing is said.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

impl Key {
    /// The name of its environment variable: `CRYPT_KEEPER__HTTP__LISTEN`.
    #[must_use]
    pub fn variable(&self) -> String {
        variable(self.name)
    }
}

pub(super) fn variable(name: &str) -> String {
    let upper = name.replace('.', "__").to_uppercase();
    format!("{}__{upper}", super::ENV_PREFIX)
}

const fn key(name: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key {
        name,
        default,
        meaning,
    }
}

/// Every key there is.
pub const KEYS: &[Key] = &[
    key(
        "data_dir",
        "./crypt-keeper-data",
        "folder of the embedded default: database, private halves, objects, master key",
    ),
    key(
        "role",
        "full",
        "full, or ingest: a server that accepts uploads and holds nothing that could unwrap a \
         document key (docs/operations.md)",
    ),
    key(
        "http.listen",
        "127.0.0.1:8080",
        "address and port to listen on; port 0 lets the system choose",
    ),
    key(
        "http.public_url",
        "the address listened on",
        "the address that clients see, such as https://documents.example.com",
    ),
    key(
        "http.tls.cert_file",
        "",
        "certificate chain in PEM; read again on SIGHUP",
    ),
    key(
        "http.tls.key_file",
        "",
        "private key of the certificate in PEM; read again on SIGHUP",
    ),
    key(
        "http.trusted_proxies",
        "",
        "addresses or networks of proxies whose X-Forwarded-For is believed; TLS ends there",
    ),
    key(
        "http.allow_plain",
        "false",
        "listen beyond loopback without TLS, on purpose: keys then travel in clear",
    ),
    key("metadata.backend", "sqlite", "sqlite, postgres or dynamodb"),
    key(
        "metadata.postgres.url",
        "",
        "postgres://user:password@host/database?sslmode=verify-full&sslrootcert=FILE",
    ),
    key(
        "metadata.postgres.url_file",
        "",
        "a file that holds the URL instead",
    ),
    key(
        "metadata.postgres.pool_size",
        "8",
        "the most connections to PostgreSQL, 1 to 1000",
    ),
    key(
        "metadata.dynamodb.region",
        "by the AWS chain",
        "the tables' region; credentials come by the AWS chain",
    ),
    key(
        "metadata.dynamodb.endpoint",
        "Amazon DynamoDB",
        "URL of another DynamoDB, such as DynamoDB Local",
    ),
    key(
        "metadata.dynamodb.table_prefix",
        "crypt-keeper-",
        "what the names of all tables begin with (docs/dynamodb.md)",
    ),
    key(
        "metadata.migrate_on_start",
        "true for sqlite, else false",
        "bring the database up to this version's schema when the service starts",
    ),
    key("blobs.backend", "local", "local or s3"),
    key(
        "blobs.s3.bucket",
        "",
        "the bucket; credentials come by the AWS chain",
    ),
    key("blobs.s3.region", "by the AWS chain", "the bucket's region"),
    key(
        "blobs.s3.endpoint",
        "Amazon S3",
        "URL of another S3 server, as the service reaches it",
    ),
    key(
        "blobs.s3.public_endpoint",
        "blobs.s3.endpoint",
        "the same server as clients reach it: presigned URLs bear it",
    ),
    key(
        "blobs.s3.path_style",
        "false",
        "bucket in the path instead of the host name",
    ),
    key(
        "blobs.s3.cors_origins",
        "",
        "origins of web pages that clients run in, such as https://documents.example.com: \
         `crypt-keeper setup` lets them put and get objects",
    ),
    key(
        "blobs.s3.versioning",
        "false",
        "whether `crypt-keeper setup` has the bucket keep versions; false leaves the bucket as it is",
    ),
    key(
        "keys.backend",
        "sealed",
        "sealed, vault-kv or vault-transit",
    ),
    key(
        "keys.algorithm",
        Algorithm::DEFAULT.as_str(),
        "how new document keys are wrapped: CK-HPKE-XWING, CK-HPKE-X25519 or CK-RSA-OAEP-256 \
         (vault-transit: TRANSIT-RSA-OAEP-256); after a change run `crypt-keeper setup`, which makes a key pair for it",
    ),
    key(
        "keys.scope",
        "partition",
        "which documents share key pairs: partition (those of one retention class and period: the \
         only one under which nothing that has expired can be opened again), shared (all), or \
         customer (those of one user; his first pair is made when he first uploads); documents stay \
         in the scope that they were made in",
    ),
    key(
        "keys.rotate_after",
        "90d",
        "how long a key pair wraps new document keys before the service makes another: a number \
         and m, h, d or w; or never. Those of a partition wrap for its period",
    ),
    key(
        "keys.rewrap_rate",
        "500",
        "how many documents a second an instance rewraps at most, by itself, out of a compromised \
         key pair: a number, or unlimited, or off",
    ),
    key(
        "keys.backup_retention",
        "",
        "how long you keep the oldest backup of the private halves (of the key store; of Vault, its \
         snapshots), such as 35d: a destroyed key pair opens nothing any more once that has passed \
         too; it changes nothing, and `doctor` shows it (docs/operations.md)",
    ),
    key(
        "keys.master_key_file",
        "",
        "master key ring, mode 0600; `crypt-keeper master-key new FILE` makes one; read again when it \
         changes, and on SIGHUP",
    ),
    key(
        "keys.master_key_command",
        "",
        "command that prints the master key ring, quoted as for a shell; no shell is run; asked again \
         on SIGHUP",
    ),
    key(
        "keys.master_key_transit",
        "",
        "the Transit key of `keys.vault.*` that seals the keys in `keys.master_key_file`, by mount \
         and name, such as transit/master-key: the file alone opens nothing then, and each reading \
         of it is one call to Vault (docs/operations.md)",
    ),
    key(
        "keys.sealed.url",
        "a schema of the metadata database",
        "postgres:// URL of the database of the sealed private halves",
    ),
    key(
        "keys.sealed.url_file",
        "",
        "a file that holds the URL instead",
    ),
    key(
        "keys.cache.soft_ttl",
        "10m",
        "from shortly before this on, a private half in memory is read anew in the background: a \
         number and s, m or h, 1s to 24h; of no use with vault-transit",
    ),
    key(
        "keys.cache.hard_ttl",
        "1h",
        "how long a private half in memory is used while it cannot be read anew, because Vault or \
         the key store is away: the longest that one stays in memory; longer than the other",
    ),
    key(
        "keys.vault.address",
        "",
        "HashiCorp Vault or OpenBao, such as https://vault.example.com:8200; plain HTTP on loopback \
         alone",
    ),
    key(
        "keys.vault.mount",
        "secret for vault-kv, else transit",
        "where the engine is mounted: KV version 2, or Transit",
    ),
    key(
        "keys.vault.namespace",
        "",
        "the namespace that the mount is in",
    ),
    key(
        "keys.vault.ca_file",
        "the machine's",
        "certificate authorities to trust instead, in PEM",
    ),
    key("keys.vault.auth", "token", "token, approle or kubernetes"),
    key(
        "keys.vault.auth_mount",
        "the method's name",
        "where that method is mounted, below auth/",
    ),
    key(
        "keys.vault.token_file",
        "for kubernetes, where it puts it",
        "the token, or the token of the pod's service account; read at each login",
    ),
    key(
        "keys.vault.role_id",
        "",
        "the role id of approle, or the role of kubernetes",
    ),
    key(
        "keys.vault.secret_id_file",
        "",
        "the secret id of approle, or a token that wraps it; read at each login",
    ),
    key(
        "retention.default",
        "default",
        "the name of the class of documents for which none is chosen, neither by the uploader nor by \
         `crypt-keeper user set-retention`",
    ),
    key(
        "retention.classes",
        "0:default:unlimited",
        "how long documents live: tables `[[retention.classes]]` of `number` (never used again for \
         another class; it says how long its partitions are: 1 to 63 a day, 64 to 127 a week, 0 and \
         128 to 191 a month, 192 to 254 a year), `name`, `lifetime` (a number and m, h, d or w, 1h at \
         least; or unlimited) and, for those who like to see it, `period`; or one text, such as \
         64:week-files:90d:week,1:daily:7d. Class 0 is always there. A document keeps the end that \
         it was given when it was uploaded (docs/operations.md)",
    ),
    key(
        "jobs.enabled",
        "true",
        "false: this instance does nothing by itself: no partitions are made or removed, no key pairs \
         rotated or destroyed, no documents rewrapped; another instance must",
    ),
    key(
        "v1.query_auth",
        "false",
        "accept ?username=..&api_key=.. on API v1: a key in a URL ends in logs",
    ),
    key("log.format", "human", "human or json"),
    key(
        "log.filter",
        "info",
        "what is logged: error, warn, info, debug, trace, or target=level pairs",
    ),
];

/// The known key nearest to an unknown one, if one is near.
pub(super) fn nearest(unknown: &str) -> Option<&'static str> {
    KEYS.iter()
        .map(|key| (strsim::damerau_levenshtein(unknown, key.name), key.name))
        .filter(|(distance, name)| distance * 3 <= name.len())
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_nonsense_is_not() {
        assert_eq!(nearest("http.listne"), Some("http.listen"));
        assert_eq!(nearest("datadir"), Some("data_dir"));
        assert_eq!(nearest("wholly.else"), None);
    }

    #[test]
    fn variables_are_upper_case_with_double_underscores() {
        assert_eq!(
            variable("metadata.postgres.pool_size"),
            "CRYPT_KEEPER__METADATA__POSTGRES__POOL_SIZE"
        );
    }
}
