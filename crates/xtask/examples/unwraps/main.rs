//! How many document keys a key vault unwraps a second, for `cargo xtask bench vault`. The registry is
//! in memory, so that what is measured is the vault. Built for release; started by
//! `crates/xtask/src/bench`. One JSON object a line: of each algorithm, reading the private half each
//! time, and holding it.
//!
//! - `unwraps sealed FOLDER CONCURRENCY SECONDS`: private halves sealed in SQLite
//! - `unwraps vault-kv|vault-transit ADDRESS MOUNT TOKEN-FILE CONCURRENCY SECONDS`

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crypt_keeper_crypto::{MasterKey, MasterKeyRing};
use crypt_keeper_domain::memory::{ManualClock, MemoryStore, SeededEntropy};
use crypt_keeper_domain::model::{
    Algorithm, CallContext, Caller, DocumentId, RequestId, RetentionClass, Scope, Timestamp,
    WrappedKey,
};
use crypt_keeper_domain::ports::{
    Entropy as _, EntropyExt as _, KeyVault, Purpose, VaultError, WrapContext,
};
use crypt_keeper_domain::usecase::{CreateKeyPair, RotateKeys};
use crypt_keeper_keys_sealed::{CacheConfig, SealedVault, SealedVaultConfig as VaultConfig};
use crypt_keeper_keys_vault::{
    Auth, AuthMethod, SessionConfig, TransitConfig, TransitVault, VaultSession, kv_vault,
};
use crypt_keeper_secret::DocumentKey;
use crypt_keeper_store_sql::SqlitePrivateKeys;
use tokio::runtime::Handle;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The default, and what it replaced.
const ALGORITHMS: [Algorithm; 2] = [Algorithm::HpkeXWing, Algorithm::RsaOaep256];
/// So many documents take turns.
const DOCUMENTS: usize = 64;
/// 2026-03-01T12:00:00Z
const NOON: u64 = 1_772_366_400_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let done = runtime.map_err(Into::into).and_then(|runtime| {
        runtime.block_on(async {
            match arguments.as_slice() {
                ["sealed", folder, concurrency, seconds] => {
                    sealed(Path::new(folder), Load::parse(concurrency, seconds)?).await
                }
                [backend, address, mount, token_file, concurrency, seconds] => {
                    let load = Load::parse(concurrency, seconds)?;
                    let session = session(address, token_file)?;
                    match *backend {
                        "vault-kv" => kv(session, mount, load).await,
                        "vault-transit" => transit(session, mount, load).await,
                        _ => Err("vault-kv or vault-transit is needed".into()),
                    }
                }
                _ => Err("see the head of crates/xtask/examples/unwraps/main.rs".into()),
            }
        })
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _nobody_listens = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Clone, Copy)]
struct Load {
    concurrency: usize,
    time: Duration,
}

impl Load {
    fn parse(concurrency: &str, seconds: &str) -> Result<Self> {
        Ok(Self {
            concurrency: concurrency.parse()?,
            time: Duration::from_secs(seconds.parse()?),
        })
    }
}

fn registry() -> Arc<MemoryStore> {
    let clock = ManualClock::new(Timestamp::from_millis(NOON));
    Arc::new(MemoryStore::new(Arc::new(clock)))
}

fn configs(algorithm: Algorithm) -> [(&'static str, VaultConfig); 2] {
    [
        ("read each time", CacheConfig::OFF),
        ("held", CacheConfig::DEFAULT),
    ]
    .map(|(how, cache)| {
        let config = VaultConfig {
            algorithm,
            cache,
            ..VaultConfig::default()
        };
        (how, config)
    })
}

async fn sealed(folder: &Path, load: Load) -> Result<()> {
    let store = SqlitePrivateKeys::open(&folder.join("keys.db"), Handle::current()).await?;
    store.migrate().await?;
    let store = Arc::new(store);
    let ring = MasterKeyRing::new(MasterKey::generate()?);
    for algorithm in ALGORITHMS {
        for (how, config) in configs(algorithm) {
            let registry = registry();
            let vault = SealedVault::new(registry.clone(), store.clone(), ring.clone(), config)?;
            measure(registry, Arc::new(vault), algorithm, how, load).await?;
        }
    }
    store.shutdown().await;
    Ok(())
}

fn session(address: &str, token_file: &str) -> Result<Arc<VaultSession>> {
    let method = AuthMethod::Token {
        file: PathBuf::from(token_file),
    };
    let config = SessionConfig {
        address: address.parse()?,
        namespace: None,
        ca_file: None,
        auth: Auth {
            method,
            mount: None,
        },
        patience: SessionConfig::PATIENCE,
    };
    Ok(VaultSession::start(config)?)
}

async fn kv(session: Arc<VaultSession>, mount: &str, load: Load) -> Result<()> {
    for algorithm in ALGORITHMS {
        for (how, config) in configs(algorithm) {
            let registry = registry();
            let vault = kv_vault(session.clone(), mount.parse()?, registry.clone(), config)?;
            measure(registry, Arc::new(vault), algorithm, how, load).await?;
        }
    }
    Ok(())
}

async fn transit(session: Arc<VaultSession>, mount: &str, load: Load) -> Result<()> {
    let registry = registry();
    let config = TransitConfig::default();
    let vault = TransitVault::new(session, mount.parse()?, registry.clone(), config);
    let algorithm = vault.algorithm();
    measure(registry, Arc::new(vault), algorithm, "one call each", load).await
}

/// A pair, documents wrapped under it, and as many tasks that unwrap them in turns.
async fn measure(
    registry: Arc<MemoryStore>,
    vault: Arc<dyn KeyVault>,
    algorithm: Algorithm,
    how: &str,
    load: Load,
) -> Result<()> {
    // Vaults that share a store need serials of their own.
    let entropy = Arc::new(SeededEntropy::new(next()));
    let rotate = RotateKeys {
        create: CreateKeyPair {
            registry,
            vault: Arc::clone(&vault),
            entropy: entropy.clone(),
        },
    };
    let context = CallContext {
        caller: Caller::operator(),
        at: Timestamp::from_millis(NOON),
        request_id: RequestId::from_random(entropy.bytes()?),
        address: None,
    };
    rotate.run(&context, Scope::Shared, algorithm).await?;
    let mut documents: Vec<(DocumentId, WrappedKey)> = Vec::new();
    for _ in 0..DOCUMENTS {
        let id = DocumentId::new(RetentionClass::DEFAULT, context.at, entropy.bytes()?);
        let key = DocumentKey::try_fill(|bytes| entropy.fill(bytes))?;
        let wrap = WrapContext {
            document: id,
            scope: Scope::Shared,
            refused: None,
        };
        documents.push((id, vault.wrap(&key, &wrap).await?));
    }
    let documents = Arc::new(documents);
    let began = Instant::now();
    let tasks: Vec<_> = (0..load.concurrency)
        .map(|number| {
            let (vault, documents) = (Arc::clone(&vault), Arc::clone(&documents));
            tokio::spawn(async move {
                let mut count = 0_u64;
                let mut at = number;
                while began.elapsed() < load.time {
                    let (id, wrapped) = &documents[at % documents.len()];
                    vault.unwrap(wrapped, *id, Purpose::Release).await?;
                    at += 1;
                    count += 1;
                }
                Ok::<_, VaultError>(count)
            })
        })
        .collect();
    let mut count = 0;
    for task in tasks {
        count += task.await??;
    }
    let line = serde_json::json!({
        "algorithm": algorithm.as_str(),
        "how": how,
        "per_second": count as f64 / began.elapsed().as_secs_f64(),
    });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

/// A number that no other call gets.
fn next() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed)
}
