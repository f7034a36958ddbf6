//! A server of a test's own: real HTTP, a real vault, a real folder of objects; the stores are in
//! memory and the clock stands still.

use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_blobs_local::{LocalBlobs, LocalBlobsConfig, UrlKeys};
use crypt_keeper_crypto::{MasterKey, MasterKeyRing};
use crypt_keeper_domain::memory::{ManualClock, MemoryPrivateKeys, MemoryStore};
use crypt_keeper_domain::model::{
    Algorithm, ApiKeyToken, CallContext, Caller, KeyPair, Page, RequestId, RetentionClasses, Scope,
    Timestamp, UserName, UserState,
};
use crypt_keeper_domain::ports::{
    AuditFilter, AuditLog, Clock, DocumentFilter, KeyRegistry, KeyVault, MetadataStore,
    PrivateKeys, SealedPrivateHalf,
};
use crypt_keeper_domain::usecase::{
    AdministerApiKeys, AdministerUsers, CreateKeyPair, RotateKeys, ScopePolicy,
};
use crypt_keeper_keys_sealed::{SealedVault, SealedVaultConfig};
use crypt_keeper_secret::{ExposeSecret, SecretBytes};
use crypt_keeper_server::config::Role;
use crypt_keeper_server::entropy::SystemEntropy;
use crypt_keeper_server::http::{self, HttpSettings, Running, State, Timeouts};
use crypt_keeper_server::partition_probe::PartitionProbe;
use crypt_keeper_server::ports::Ports;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

use crate::transcript::{self, Answer};

pub(crate) const BASE: &str = "/api/v1/secure_document_service";

/// When every test begins.
const BEGINNING: u64 = 1_772_366_400_000; // 2026-03-01T12:00:00Z

/// A server, and everything behind it.
pub(crate) struct App {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<ManualClock>,
    ports: Ports,
    running: Running,
    keys: Vec<(&'static str, String)>,
    _folder: tempfile::TempDir,
}

/// How a test's server differs from the usual one.
pub(crate) struct Options {
    pub(crate) query_auth: bool,
    pub(crate) key_pair: bool,
    pub(crate) trusted_proxies: Vec<ipnet::IpNet>,
    pub(crate) tls: Option<rustls::ServerConfig>,
    pub(crate) role: Role,
    pub(crate) retention: RetentionClasses,
    /// Whether its readiness looks at the partitions of its retention classes.
    pub(crate) partitions: bool,
    pub(crate) timeouts: Timeouts,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            query_auth: false,
            key_pair: true,
            trusted_proxies: Vec::new(),
            tls: None,
            role: Role::Full,
            retention: RetentionClasses::default(),
            partitions: false,
            timeouts: Timeouts::default(),
        }
    }
}

impl App {
    /// A server with a key pair and the users alice, bob and carol.
    pub(crate) async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    pub(crate) async fn start_with(options: Options) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(BEGINNING)));
        let store = Arc::new(MemoryStore::new(Arc::clone(&clock) as Arc<dyn Clock>));
        let private_keys = Arc::new(MemoryPrivateKeys::default());
        let material = KeyMaterial::shared().await;
        if options.key_pair {
            material.install(&store, &private_keys).await;
        }
        let vault = SealedVault::new(
            Arc::clone(&store) as Arc<dyn KeyRegistry>,
            private_keys,
            material.ring(),
            SealedVaultConfig {
                // Tests stop key pairs and look at once.
                registry_life: Duration::ZERO,
                ..SealedVaultConfig::default()
            },
        );
        let vault = Arc::new(vault.unwrap());

        let listener = http::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = LocalBlobsConfig {
            folder: folder.path().to_owned(),
            public_url: format!("http://{}", listener.local_addr().unwrap()),
        };
        let keys = UrlKeys::new(&SecretBytes::new(vec![7; 32]), &[]).unwrap();
        let blobs = Arc::new(LocalBlobs::open(&config, keys, Arc::clone(&clock) as _).unwrap());

        let ports = Ports {
            store: Arc::clone(&store) as _,
            accounts: Arc::clone(&store) as _,
            audit: Arc::clone(&store) as _,
            registry: Arc::clone(&store) as _,
            vault: Arc::clone(&vault) as _,
            blobs: Arc::clone(&blobs) as _,
            probes: vec![Arc::clone(&vault) as _, Arc::clone(&blobs) as _],
            clock: Arc::clone(&clock) as _,
            entropy: Arc::new(SystemEntropy),
        };
        let settings = HttpSettings {
            trusted_proxies: options.trusted_proxies,
            query_auth: options.query_auth,
            role: options.role,
            scope: ScopePolicy::Shared,
            retention: options.retention.clone(),
            ..HttpSettings::default()
        };
        let mut state = State::new(&ports, settings);
        state.timeouts = options.timeouts;
        if options.partitions {
            let probe = PartitionProbe {
                partitions: Arc::clone(&store) as _,
                retention: options.retention,
                clock: Arc::clone(&clock) as _,
                metrics: state.metrics.partitions.clone(),
            };
            state.readiness.add(Arc::new(probe));
        }
        let state = Arc::new(state);
        let of_metrics = Arc::clone(&vault);
        let stats = move || Some(of_metrics.cache_stats());
        state.metrics.follow_key_cache(Arc::new(stats));
        let running = http::start(listener, options.tls, state, Some(blobs)).unwrap();
        let mut app = Self {
            store,
            clock,
            ports,
            running,
            keys: Vec::new(),
            _folder: folder,
        };
        for name in ["alice", "bob", "carol"] {
            let key = app.add_user(name).await;
            app.keys.push((name, key));
        }
        app
    }

    pub(crate) async fn add_user(&self, name: &str) -> String {
        let name = UserName::parse(name).unwrap();
        let users = self.users();
        users.create(&self.operator(), name.clone()).await.unwrap();
        self.new_key(&name).await.expose_secret().to_owned()
    }

    pub(crate) async fn new_key(&self, name: &UserName) -> ApiKeyToken {
        let keys = AdministerApiKeys {
            accounts: Arc::clone(&self.ports.accounts),
            entropy: Arc::clone(&self.ports.entropy),
        };
        let made = keys.create(&self.operator(), name, None).await.unwrap();
        made.token
    }

    fn users(&self) -> AdministerUsers {
        AdministerUsers {
            accounts: Arc::clone(&self.ports.accounts),
            entropy: Arc::clone(&self.ports.entropy),
        }
    }

    pub(crate) fn operator(&self) -> CallContext {
        CallContext {
            caller: Caller::operator(),
            at: self.clock.now(),
            request_id: RequestId::parse("test").unwrap(),
            address: None,
        }
    }

    pub(crate) async fn disable(&self, name: &str) {
        let name = UserName::parse(name).unwrap();
        let users = self.users();
        users
            .set_state(&self.operator(), &name, UserState::Disabled)
            .await
            .unwrap();
    }

    pub(crate) async fn rotate_keys(&self) {
        let rotate = RotateKeys {
            create: CreateKeyPair {
                registry: Arc::clone(&self.ports.registry),
                vault: Arc::clone(&self.ports.vault),
                entropy: Arc::clone(&self.ports.entropy),
            },
        };
        let algorithm = Algorithm::DEFAULT;
        rotate
            .run(&self.operator(), Scope::Shared, algorithm)
            .await
            .unwrap();
    }

    /// The API key of a user.
    pub(crate) fn key(&self, user: &str) -> &str {
        let found = self.keys.iter().find(|(name, _)| *name == user);
        &found.unwrap().1
    }

    /// `Authorization: ApiKey user:key`
    pub(crate) fn credentials(&self, user: &str) -> String {
        format!("Authorization: ApiKey {user}:{}", self.key(user))
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.running.address()
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address()).await.unwrap()
    }

    /// Sends a request as it stands, and reads the answer.
    pub(crate) async fn send(&self, head: &str, body: &[u8]) -> Answer {
        transcript::exchange(self.connect().await, head, body).await
    }

    /// Sends a request without credentials to any path.
    pub(crate) async fn ask(&self, method: &str, path: &str) -> Answer {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        self.send(&head, b"").await
    }

    /// Stops the server as a signal does.
    pub(crate) async fn stop(self) {
        self.running.stop().await.unwrap();
    }

    /// Sends a request with headers and a body; the path is below the base of version 1.
    pub(crate) async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[&str],
        body: &[u8],
    ) -> Answer {
        let mut head = format!("{method} {BASE}/{path} HTTP/1.1\r\nHost: elsewhere.example\r\n");
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("Connection: close\r\n\r\n");
        self.send(&head, body).await
    }

    pub(crate) async fn get(&self, user: &str, path: &str) -> Answer {
        self.request("GET", path, &[&self.credentials(user)], b"")
            .await
    }

    /// POSTs as the old client does.
    pub(crate) async fn post(&self, user: &str, path: &str, body: impl AsRef<[u8]>) -> Answer {
        let headers = [
            &*self.credentials(user),
            "Content-Type: application/json; charset=utf-8",
        ];
        self.request("POST", path, &headers, body.as_ref()).await
    }

    /// Uploads `a.txt` as alice; its id.
    pub(crate) async fn upload(&self) -> String {
        let answer = self.post("alice", "upload_url/", A_TXT).await;
        answer.json()["document_id"].as_str().unwrap().to_owned()
    }

    /// Shares a document of alice's.
    pub(crate) async fn share(&self, id: &str, with: &str) -> Answer {
        let body = format!(r#"{{"document_id": "{id}", "username": "{with}"}}"#);
        self.post("alice", "share/", body).await
    }

    /// How many documents are stored.
    pub(crate) async fn documents(&self) -> usize {
        let filter = DocumentFilter::Every;
        let page = self.store.list(&filter, &Default::default()).await;
        page.unwrap().items.len()
    }

    /// The actions of the audit log in order of their names (all happen at one moment), those of
    /// the test's own operator left out.
    pub(crate) async fn audit(&self) -> Vec<String> {
        let filter = AuditFilter::default();
        let page: Page<_, _> = self
            .store
            .list_audit(&filter, &Default::default())
            .await
            .unwrap();
        let mut actions: Vec<_> = page
            .items
            .into_iter()
            .filter(|entry| entry.actor.kind() == "user")
            .map(|entry| entry.action.to_string())
            .collect();
        actions.sort();
        actions
    }
}

/// What the old client sends for a text of ten bytes.
pub(crate) const A_TXT: &str = r#"{"document_metadata": {"name": "a.txt", "content_length": 10, "content_type": "text/plain", "compressed": false, "encryption_type": "AES|CBC"}}"#;

/// A key pair and the master key that seals it. Making one takes a while, so tests share it.
struct KeyMaterial {
    ring: SecretBytes,
    pair: KeyPair,
    private_half: SealedPrivateHalf,
}

impl KeyMaterial {
    async fn shared() -> &'static Self {
        static SHARED: OnceCell<KeyMaterial> = OnceCell::const_new();
        SHARED.get_or_init(Self::make).await
    }

    async fn make() -> Self {
        let ring = MasterKeyRing::new(MasterKey::generate().unwrap()).to_text();
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(BEGINNING)));
        let store = Arc::new(MemoryStore::new(Arc::clone(&clock) as _));
        let private_keys = Arc::new(MemoryPrivateKeys::default());
        let vault = SealedVault::new(
            Arc::clone(&store) as _,
            Arc::clone(&private_keys) as _,
            MasterKeyRing::parse(&ring).unwrap(),
            SealedVaultConfig::default(),
        );
        let rotate = RotateKeys {
            create: CreateKeyPair {
                registry: store,
                vault: Arc::new(vault.unwrap()) as Arc<dyn KeyVault>,
                entropy: Arc::new(SystemEntropy),
            },
        };
        let context = CallContext {
            caller: Caller::system(),
            at: clock.now(),
            request_id: RequestId::parse("test").unwrap(),
            address: None,
        };
        let made = rotate
            .ensure_active(&context, Scope::Shared, Algorithm::DEFAULT)
            .await;
        let pair = made.unwrap().unwrap();
        let private_half = private_keys.get(pair.serial).await.unwrap().unwrap();
        Self {
            ring,
            pair,
            private_half,
        }
    }

    fn ring(&self) -> MasterKeyRing {
        MasterKeyRing::parse(&self.ring).unwrap()
    }

    async fn install(&self, store: &MemoryStore, private_keys: &MemoryPrivateKeys) {
        use crypt_keeper_domain::model::{AuditAction, AuditEntry, Record};
        let context = CallContext {
            caller: Caller::system(),
            at: Timestamp::from_millis(BEGINNING),
            request_id: RequestId::parse("test").unwrap(),
            address: None,
        };
        let record = Record::from(AuditEntry::new(
            &context,
            AuditAction::KeyPairCreated,
            [0; 10],
        ));
        private_keys
            .put(self.pair.serial, &self.private_half)
            .await
            .unwrap();
        store.insert_pair(&self.pair, &record).await.unwrap();
    }
}
