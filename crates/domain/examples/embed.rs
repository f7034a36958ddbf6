//! Another service embeds the domain and brings an adapter of its own: its object store, in
//! `embed/archive.rs`, which `crates/conformance/tests/embed.rs` holds to the laws of the port.
//! Run it with `cargo run -p crypt-keeper-domain --example embed`.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::memory::{ManualClock, MemoryStore, MemoryVault, SeededEntropy};
use crypt_keeper_domain::model::*;
use crypt_keeper_domain::ports::{Clock, EntropyExt};
use crypt_keeper_domain::usecase::*;
use crypt_keeper_secret::ExposeSecret;

#[path = "embed/archive.rs"]
mod archive;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // In earnest: a clock that runs, the machine's entropy, a store and a vault that last.
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_772_366_400_000)));
    let entropy = Arc::new(SeededEntropy::new(1));
    let store = Arc::new(MemoryStore::new(clock.clone()));
    let vault = Arc::new(MemoryVault::new(store.clone(), entropy.clone()));
    let archive = archive::Archive::new(clock.clone(), entropy.clone());
    let archive = Arc::new(archive);
    let request_id = RequestId::from_random(entropy.bytes()?);
    let context = |caller| CallContext {
        caller,
        at: clock.now(),
        request_id: request_id.clone(),
        address: None,
    };

    let system = context(Caller::system());
    let create = CreateKeyPair {
        registry: store.clone(),
        vault: vault.clone(),
        entropy: entropy.clone(),
    };
    let rotate = RotateKeys { create };
    rotate
        .run(&system, Scope::Shared, MemoryVault::ALGORITHM)
        .await?;
    let users = AdministerUsers {
        accounts: store.clone(),
        entropy: entropy.clone(),
    };
    let alice = users.create(&system, UserName::parse("alice")?).await?;
    let keys = AdministerApiKeys {
        accounts: store.clone(),
        entropy: entropy.clone(),
    };
    let key = keys.create(&system, &alice.name, None).await?;
    let authenticate = Authenticate {
        accounts: store.clone(),
    };
    let key = key.token.expose_secret();
    let alice = authenticate.run("alice", key, clock.now()).await?;
    let alice = context(alice);

    let upload = RequestUpload {
        store: store.clone(),
        vault: vault.clone(),
        blobs: archive.clone(),
        entropy: entropy.clone(),
        scope: ScopePolicy::Shared,
        retention: RetentionClasses::default(),
        first_pair: None,
        limits: UploadLimits::default(),
    };
    let format = EncryptionFormat::default();
    let metadata = DocumentMetadata::new("report.pdf", 9, "application/pdf", false, format)
        .map_err(crypt_keeper_domain::Error::Invalid)?;
    let up = upload.run(&alice, metadata).await?;
    let put = archive.serve("PUT", up.url.as_str(), b"encrypted").await;
    assert_eq!(put.0, 200);

    let download = RequestDownload {
        store,
        vault,
        blobs: archive.clone(),
        entropy,
        url_life: Duration::from_secs(600),
    };
    let down = download.run(&alice, up.id).await?;
    let got = archive.serve("GET", down.url.as_str(), &[]).await;
    assert_eq!((got.0, &got.2[..]), (200, &b"encrypted"[..]));
    assert_eq!(down.key, up.key, "the key that it was encrypted with");
    Ok(())
}

#[test]
fn the_example_runs() -> Result<(), Box<dyn Error>> {
    main()
}
