use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::Error;
use crypt_keeper_domain::memory::{
    ManualClock, MemoryBlobs, MemoryStore, MemoryVault, SeededEntropy,
};
use crypt_keeper_domain::model::{
    Actor, ApiKeyId, ApiKeyToken, AuditAction, AuditEntry, CallContext, Caller, DocumentId,
    DocumentMetadata, EncryptionFormat, KeyPair, KeyPairChange, KeyState, PageLimit, PageRequest,
    Principal, Record, RequestId, RetentionClasses, Rights, Scope, Timestamp, User, UserName,
    UserState,
};
use crypt_keeper_domain::ports::{
    AuditFilter, AuditLog, Change, Clock, DocumentChange, EntropyExt, KeyRegistry, KeyVault,
    MetadataStore, RegistryChange,
};
use crypt_keeper_domain::usecase::{
    AdministerApiKeys, AdministerUsers, Authenticate, CreateKeyPair, DownloadGrant,
    InspectDocuments, ListShares, RequestDownload, RequestUpload, RotateKeys, Rotation,
    ScopePolicy, Share, UploadGrant, UploadLimits,
};

/// 2026-03-01T12:00:00.000001Z
const NOON: i64 = 1_772_366_400_000_001;

/// The service as a whole, in memory.
pub(crate) struct House {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) entropy: Arc<SeededEntropy>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) vault: Arc<MemoryVault>,
    pub(crate) blobs: Arc<MemoryBlobs>,
}

/// A user with an API key.
pub(crate) struct Person {
    pub(crate) user: User,
    pub(crate) token: ApiKeyToken,
}

impl House {
    /// Without users and key pairs.
    pub(crate) fn empty() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(NOON)));
        let entropy = Arc::new(SeededEntropy::new(7));
        let store = Arc::new(MemoryStore::new(clock.clone()));
        Self {
            vault: Arc::new(MemoryVault::new(store.clone(), entropy.clone())),
            blobs: Arc::new(MemoryBlobs::new(clock.clone(), entropy.clone())),
            clock,
            entropy,
            store,
        }
    }

    /// With an active key pair.
    pub(crate) async fn new() -> Self {
        let house = Self::empty();
        house.rotate().await.expect("the first key pair");
        house
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What an operator acts with.
    pub(crate) fn operator(&self) -> CallContext {
        self.context(Caller::operator(), None)
    }

    /// What a person acts with.
    pub(crate) fn of(&self, person: &Person) -> CallContext {
        let caller = Caller::user(person.user.id, person.token.id());
        self.context(caller, Some("192.0.2.7".to_owned()))
    }

    fn context(&self, caller: Caller, address: Option<String>) -> CallContext {
        CallContext {
            caller,
            at: self.now(),
            request_id: RequestId::from_random(self.entropy.bytes().unwrap()),
            address,
        }
    }

    pub(crate) fn users(&self) -> AdministerUsers {
        AdministerUsers {
            accounts: self.store.clone(),
            entropy: self.entropy.clone(),
        }
    }

    pub(crate) fn api_keys(&self) -> AdministerApiKeys {
        AdministerApiKeys {
            accounts: self.store.clone(),
            entropy: self.entropy.clone(),
        }
    }

    pub(crate) fn authenticate(&self) -> Authenticate {
        Authenticate {
            accounts: self.store.clone(),
        }
    }

    pub(crate) fn request_upload(&self) -> RequestUpload {
        RequestUpload {
            store: self.store.clone(),
            vault: self.vault.clone(),
            blobs: self.blobs.clone(),
            entropy: self.entropy.clone(),
            scope: ScopePolicy::Shared,
            retention: RetentionClasses::default(),
            first_pair: None,
            limits: UploadLimits::default(),
        }
    }

    pub(crate) fn request_download(&self) -> RequestDownload {
        RequestDownload {
            store: self.store.clone(),
            vault: self.vault.clone(),
            blobs: self.blobs.clone(),
            entropy: self.entropy.clone(),
            url_life: Duration::from_secs(600),
        }
    }

    pub(crate) fn inspect(&self) -> InspectDocuments {
        InspectDocuments {
            store: self.store.clone(),
            accounts: self.store.clone(),
        }
    }

    pub(crate) fn create_key_pair(&self) -> CreateKeyPair {
        self.create_key_pair_in(self.vault.clone())
    }

    pub(crate) fn create_key_pair_in(&self, vault: Arc<dyn KeyVault>) -> CreateKeyPair {
        CreateKeyPair {
            registry: self.store.clone(),
            vault,
            entropy: self.entropy.clone(),
        }
    }

    pub(crate) fn rotate_keys(&self) -> RotateKeys {
        RotateKeys {
            create: self.create_key_pair(),
        }
    }

    /// A new user with a new API key.
    pub(crate) async fn person(&self, name: &str) -> Person {
        let operator = self.operator();
        let name = user_name(name);
        let user = self.users().create(&operator, name.clone()).await;
        let key = self.api_keys().create(&operator, &name, None).await;
        Person {
            user: user.expect("create"),
            token: key.expect("create").token,
        }
    }

    pub(crate) async fn upload(&self, who: &Person, name: &str) -> Result<UploadGrant, Error> {
        let upload = self.request_upload();
        upload.run(&self.of(who), metadata(name)).await
    }

    /// The id of a new document.
    pub(crate) async fn uploaded(&self, who: &Person) -> DocumentId {
        let grant = self.upload(who, "report.pdf").await;
        grant.expect("upload").id
    }

    pub(crate) async fn download(
        &self,
        who: &Person,
        id: DocumentId,
    ) -> Result<DownloadGrant, Error> {
        self.request_download().run(&self.of(who), id).await
    }

    pub(crate) async fn share(
        &self,
        who: &Person,
        id: DocumentId,
        with: &str,
    ) -> Result<(), Error> {
        let share = self.share_documents();
        let context = self.of(who);
        share.run(&context, id, with, Rights::V1_SHARE).await
    }

    pub(crate) fn share_documents(&self) -> Share {
        Share {
            store: self.store.clone(),
            accounts: self.store.clone(),
            entropy: self.entropy.clone(),
        }
    }

    pub(crate) async fn shares(&self, who: &Person, id: DocumentId) -> Result<Vec<String>, Error> {
        let list = ListShares {
            store: self.store.clone(),
            accounts: self.store.clone(),
        };
        let names = list.run(&self.of(who), id).await?;
        Ok(names.iter().map(ToString::to_string).collect())
    }

    pub(crate) async fn rotate(&self) -> Result<Rotation, Error> {
        let operator = self.operator();
        self.rotate_keys()
            .run(&operator, Scope::Shared, MemoryVault::ALGORITHM)
            .await
    }

    pub(crate) async fn active_pair(&self) -> KeyPair {
        let active = self
            .store
            .active_pair(&Scope::Shared, MemoryVault::ALGORITHM)
            .await;
        active.unwrap().expect("an active pair")
    }

    /// A record of an act that no use case has yet.
    pub(crate) fn record(&self, action: AuditAction) -> Record {
        let random = self.entropy.bytes().unwrap();
        Record::from(AuditEntry::new(&self.operator(), action, random))
    }

    pub(crate) async fn set_pair_state(&self, state: KeyState) {
        let pair = self.active_pair().await;
        let change = KeyPairChange {
            seen_version: pair.version,
            after: pair.become_state(state, self.now()).expect("allowed"),
        };
        let record = self.record(AuditAction::KeyPairChanged);
        let changed = self.store.change_pairs(&[change], &[record]).await;
        assert_eq!(changed.unwrap(), RegistryChange::Changed);
    }

    pub(crate) async fn change_document(&self, id: DocumentId, change: DocumentChange) {
        let version = self.store.find(id, &[]).await.unwrap().unwrap();
        let version = version.document.version;
        let record = self.record(AuditAction::DocumentChanged);
        let changed = self.store.change(id, version, &change, &record).await;
        assert_eq!(changed.unwrap(), Change::Changed);
    }

    pub(crate) async fn revoke(&self, id: DocumentId, whom: &Person) {
        let principal = Principal::User(whom.user.id);
        let record = self.record(AuditAction::EntryRevoked);
        let changed = self.store.revoke(id, principal, &record).await;
        assert_eq!(changed.unwrap(), Change::Changed);
    }

    pub(crate) async fn disable(&self, whom: &Person) {
        let users = self.users();
        let state = UserState::Disabled;
        let changed = users
            .set_state(&self.operator(), &whom.user.name, state)
            .await;
        assert!(changed.unwrap());
    }

    pub(crate) async fn revoke_key(&self, whom: &Person) {
        let id = whom.token.id();
        let changed = self.api_keys().revoke(&self.operator(), id).await;
        assert!(changed.unwrap());
    }

    /// The audit log, the oldest entry first.
    pub(crate) async fn audit(&self) -> Vec<AuditEntry> {
        let page = PageRequest {
            after: None,
            limit: PageLimit::MAX,
        };
        let page = self.store.list_audit(&AuditFilter::default(), &page).await;
        let mut entries = page.unwrap().items;
        // Entries of one moment are in the order of their random bits; a stable sort by time and
        // kind makes transcripts the same whatever the seed.
        entries.sort_by_key(|entry| (entry.at, entry.action));
        entries
    }

    /// How many entries of the audit log speak of acts on key pairs.
    pub(crate) async fn key_pair_acts(&self) -> usize {
        let mut after = None;
        let mut count = 0;
        loop {
            let limit = PageLimit::MAX;
            let page = PageRequest { after, limit };
            let page = self.store.list_audit(&AuditFilter::default(), &page).await;
            let page = page.unwrap();
            let on_pairs = |entry: &&AuditEntry| entry.action.as_str().starts_with("key_pair.");
            count += page.items.iter().filter(on_pairs).count();
            match page.next {
                Some(next) => after = Some(next),
                None => return count,
            }
        }
    }

    /// The audit log since `since`, one line an entry, people and keys by name.
    pub(crate) async fn log_since(&self, since: Timestamp, people: &[&Person]) -> Vec<String> {
        let names: HashMap<_, _> = people
            .iter()
            .map(|person| (person.user.id, person.user.name.as_str()))
            .collect();
        let keys: HashMap<ApiKeyId, String> = people
            .iter()
            .map(|person| (person.token.id(), format!("{}'s key", person.user.name)))
            .collect();
        let name = |id| *names.get(&id).unwrap_or(&"somebody");
        let mut lines = Vec::new();
        for entry in self.audit().await {
            if entry.at < since {
                continue;
            }
            let who = match entry.actor {
                Actor::User { id, api_key } => format!("{} by {}", name(id), keys[&api_key]),
                Actor::Operator => "operator".to_owned(),
                Actor::System => "system".to_owned(),
            };
            let mut line = format!("{who}: {}", entry.action);
            if let Some(Principal::User(id)) = entry.principal {
                line += &format!(", entry of {}", name(id));
            }
            if let Some(rights) = entry.rights {
                line += &format!(", {rights}");
            }
            if let Some(id) = entry.user {
                line += &format!(", user {}", name(id));
            }
            if let Some(id) = entry.api_key {
                line += &format!(", {}", keys.get(&id).map_or("a key", String::as_str));
            }
            lines.push(line);
        }
        lines
    }
}

pub(crate) fn user_name(name: &str) -> UserName {
    UserName::parse(name).expect("a valid name")
}

pub(crate) fn metadata(name: &str) -> DocumentMetadata {
    let format = EncryptionFormat::parse(EncryptionFormat::AES256_GCM_HKDF_1MB).unwrap();
    DocumentMetadata::new(name, 1234, "application/pdf", false, format).expect("valid metadata")
}

/// The name of the error that a use case answered.
pub(crate) fn refusal<T: std::fmt::Debug>(answer: Result<T, Error>) -> &'static str {
    match answer.expect_err("it should have been refused") {
        Error::Unauthenticated => "Unauthenticated",
        Error::Forbidden => "Forbidden",
        Error::NoSuchDocument => "NoSuchDocument",
        Error::NoSuchUser => "NoSuchUser",
        Error::NoSuchApiKey => "NoSuchApiKey",
        Error::NoSuchKeyPair(_) => "NoSuchKeyPair",
        Error::UserNameTaken => "UserNameTaken",
        Error::TooManyApiKeys { .. } => "TooManyApiKeys",
        Error::Invalid(_) => "Invalid",
        Error::Conflict => "Conflict",
        Error::NoKeyPair(_) => "NoKeyPair",
        Error::KeyPairStopped(_) => "KeyPairStopped",
        Error::KeyPairState { .. } => "KeyPairState",
        Error::AnotherKeyPairIsActive(_) => "AnotherKeyPairIsActive",
        Error::KeyPairNeeded { .. } => "KeyPairNeeded",
        Error::KeyPairRests { .. } => "KeyPairRests",
        Error::WaitTooShort => "WaitTooShort",
        Error::DestructionNotDue { .. } => "DestructionNotDue",
        Error::DestructionHasBegun(_) => "DestructionHasBegun",
        Error::NoSuchPartition(_) => "NoSuchPartition",
        Error::PartitionNotEnded { .. } => "PartitionNotEnded",
        Error::NoSuchHold(_) => "NoSuchHold",
        Error::HoldTooLate(_) => "HoldTooLate",
        Error::HoldIncomplete { .. } => "HoldIncomplete",
        Error::ClockSkew => "ClockSkew",
        Error::Unavailable(_) => "Unavailable",
        Error::Corrupt(_) => "Corrupt",
        Error::Internal(_) => "Internal",
    }
}
