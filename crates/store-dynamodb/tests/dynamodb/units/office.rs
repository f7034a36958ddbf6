//! A server's process whose calls are metered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use crypt_keeper_conformance::Scene;
use crypt_keeper_domain::PartitionGate;
use crypt_keeper_domain::memory::{MemoryBlobs, SeededEntropy};
use crypt_keeper_domain::model::{
    Algorithm, ApiKey, ApiKeyToken, AuditAction, CallContext, Document, DocumentId, KeyCommitment,
    KeyPair, KeyState, PublicHalf, RequestId, RetentionClasses, Rights, Scope, Serial, User,
    WrappedKey,
};
use crypt_keeper_domain::ports::{
    KeyRegistry as _, KeyVault, MetadataStore, Purpose, RegistryChange, VaultError, WrapContext,
};
use crypt_keeper_domain::usecase::{
    Authenticate, RequestDownload, RequestUpload, ScopePolicy, Share, UploadLimits,
};
use crypt_keeper_secret::{DocumentKey, ExposeSecret as _};
use crypt_keeper_store_dynamodb::DynamoDbStore;

use super::meter::{Consumed, Meter};
use crate::support::Site;

/// Of X-Wing (draft-connolly-cfrg-xwing-kem), the default: a public key, and an encapsulated one with
/// a document key and a tag.
const PUBLIC_HALF: usize = 1216;
const WRAPPED: usize = 1120 + 32 + 16;

/// A vault of one pair whose wraps have the length of real ones.
#[derive(Debug)]
struct Vault {
    pair: KeyPair,
    keys: Mutex<HashMap<DocumentId, DocumentKey>>,
}

pub(super) fn wrapped(pair: &KeyPair) -> WrappedKey {
    WrappedKey {
        algorithm: pair.algorithm,
        serial: pair.serial,
        scope: pair.scope.clone(),
        bytes: vec![7; WRAPPED],
        commitment: KeyCommitment::from_bytes([7; 32]),
    }
}

#[async_trait]
impl KeyVault for Vault {
    async fn create(&self, _: Serial, _: &Scope, _: Algorithm) -> Result<PublicHalf, VaultError> {
        Err(VaultError::Backend("it has its pair".into()))
    }

    async fn destroy(&self, serial: Serial) -> Result<(), VaultError> {
        Err(VaultError::Refused(serial))
    }

    async fn wrap(&self, key: &DocumentKey, of: &WrapContext) -> Result<WrappedKey, VaultError> {
        self.keys.lock().unwrap().insert(of.document, key.clone());
        Ok(wrapped(&self.pair))
    }

    async fn unwrap(
        &self,
        _: &WrappedKey,
        document: DocumentId,
        _: Purpose,
    ) -> Result<DocumentKey, VaultError> {
        let key = self.keys.lock().unwrap().get(&document).cloned();
        key.ok_or_else(|| VaultError::Corrupt("another document".into()))
    }
}

/// A server's process whose calls are metered, and a scene that is made without the meter.
pub(super) struct Office<'a> {
    pub(super) scene: Scene<'a>,
    site: &'a Site,
    pub(super) meter: Meter,
    pub(super) store: Arc<DynamoDbStore>,
    entropy: Arc<SeededEntropy>,
}

impl<'a> Office<'a> {
    pub(super) fn new(site: &'a Site) -> Self {
        let scene = Scene::new(site);
        let meter = Meter::start(site.upstream());
        let store = site.through(meter.address());
        let seed = u64::from_be_bytes(scene.make.bytes());
        Self {
            scene,
            site,
            meter,
            store,
            entropy: Arc::new(SeededEntropy::new(seed)),
        }
    }

    /// A stored key pair with halves of their real length.
    pub(super) async fn pair(&self, scope: Scope) -> KeyPair {
        let make = &self.scene.make;
        let pair = KeyPair {
            algorithm: Algorithm::HpkeXWing,
            public_half: PublicHalf::new(make.many_bytes(PUBLIC_HALF)),
            ..make.pair(scope, KeyState::Active)
        };
        let record = make.record(AuditAction::KeyPairCreated);
        let inserted = self.site.store.insert_pair(&pair, &record).await;
        assert_eq!(inserted.unwrap(), RegistryChange::Changed);
        pair
    }

    /// A stored document with `entries` in its access list.
    pub(super) async fn document(&self, pair: &KeyPair, entries: usize) -> Document {
        let make = &self.scene.make;
        let mut document = make.document(make.user_id(), pair);
        document.wrapped_key = wrapped(pair);
        self.scene.insert(&document).await;
        for _ in 1..entries {
            let reader = make.user_id();
            self.scene.share(&document, reader, Rights::READ).await;
        }
        document
    }

    pub(super) async fn meter<T>(&self, act: impl Future<Output = T>) -> (T, Consumed) {
        self.meter.take();
        let answer = act.await;
        (answer, self.meter.take())
    }

    pub(super) async fn user(&self, name: &str) -> (User, ApiKeyToken) {
        let user = self.scene.user(name).await;
        let token = ApiKeyToken::generate(&*self.entropy).unwrap();
        let key = ApiKey {
            id: token.id(),
            digest: token.digest(),
            ..self.scene.make.api_key(user.id)
        };
        self.scene.insert_api_key(&key).await;
        (user, token)
    }
}

/// What answers requests, by way of the meter.
pub(super) struct Requests<'a> {
    office: &'a Office<'a>,
    authenticate: Authenticate,
    upload: RequestUpload,
    download: RequestDownload,
    share: Share,
}

impl<'a> Requests<'a> {
    pub(super) fn new(office: &'a Office<'a>, pair: &KeyPair) -> Self {
        let store = &office.store;
        let clock = Arc::clone(&office.site.clock);
        let entropy = Arc::clone(&office.entropy);
        let gate: Arc<dyn MetadataStore> = Arc::new(PartitionGate::new(
            Arc::clone(store) as _,
            Arc::new(store.held()),
            Arc::clone(store) as _,
            Arc::clone(&clock) as _,
            true,
        ));
        let vault = Arc::new(Vault {
            pair: pair.clone(),
            keys: Mutex::default(),
        });
        let blobs = Arc::new(MemoryBlobs::new(clock, Arc::clone(&entropy) as _));
        let limits = UploadLimits::default();
        Self {
            office,
            authenticate: Authenticate {
                accounts: Arc::clone(store) as _,
            },
            upload: RequestUpload {
                store: Arc::clone(&gate),
                vault: Arc::clone(&vault) as _,
                blobs: Arc::clone(&blobs) as _,
                entropy: Arc::clone(&entropy) as _,
                scope: ScopePolicy::Shared,
                retention: RetentionClasses::default(),
                first_pair: None,
                limits,
            },
            download: RequestDownload {
                store: Arc::clone(&gate),
                vault,
                blobs,
                entropy: Arc::clone(&entropy) as _,
                url_life: limits.url_life,
            },
            share: Share {
                store: gate,
                accounts: Arc::clone(store) as _,
                entropy,
            },
        }
    }

    /// Every request begins with this.
    async fn context(&self, (user, token): &(User, ApiKeyToken)) -> CallContext {
        let at = self.office.scene.now();
        let (name, key) = (user.name.as_str(), token.expose_secret());
        CallContext {
            caller: self.authenticate.run(name, key, at).await.unwrap(),
            at,
            request_id: RequestId::from_random(self.office.scene.make.bytes()),
            address: Some("192.0.2.10".to_owned()),
        }
    }

    pub(super) async fn upload(&self, by: &(User, ApiKeyToken)) -> DocumentId {
        let context = self.context(by).await;
        let metadata = self.office.scene.make.metadata("report.pdf");
        self.upload.run(&context, metadata).await.unwrap().id
    }

    pub(super) async fn download(&self, by: &(User, ApiKeyToken), id: DocumentId) {
        let context = self.context(by).await;
        self.download.run(&context, id).await.unwrap();
    }

    pub(super) async fn share(&self, by: &(User, ApiKeyToken), id: DocumentId, with: &User) {
        let context = self.context(by).await;
        let shared = self
            .share
            .run(&context, id, with.name.as_str(), Rights::READ);
        shared.await.unwrap();
    }
}
