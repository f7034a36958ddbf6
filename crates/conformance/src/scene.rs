use std::sync::Arc;

use crypt_keeper_domain::model::{
    ApiKey, AuditAction, AuditEntry, AuditId, Document, DocumentId, Entry, KeyPair, KeyPairChange,
    KeyState, Lifetime, Page, PageLimit, PageRequest, Partition, Record, Rights, Scope, Timestamp,
    User, UserId, UserName,
};
use crypt_keeper_domain::ports::{
    Accounts, ApiKeyInsert, AuditFilter, AuditLog, Change, DocumentFilter, Found, InsertOutcome,
    KeyRegistry, MetadataStore, RegistryChange, Release, UserInsert,
};

use crate::StoreHarness;
use crate::fixtures::Fixtures;

/// A store with the people, key pairs and documents that a law needs, made through its ports.
pub struct Scene<'a> {
    harness: &'a dyn StoreHarness,
    /// Documents and entries.
    pub store: Arc<dyn MetadataStore>,
    /// Users and API keys.
    pub accounts: Arc<dyn Accounts>,
    /// The audit log.
    pub audit: Arc<dyn AuditLog>,
    /// The key pairs.
    pub registry: Arc<dyn KeyRegistry>,
    /// Values to store.
    pub make: Fixtures,
}

impl<'a> Scene<'a> {
    /// An empty scene.
    #[must_use]
    pub fn new(harness: &'a dyn StoreHarness) -> Self {
        Self {
            harness,
            store: harness.metadata_store(),
            accounts: harness.accounts(),
            audit: harness.audit_log(),
            registry: harness.key_registry(),
            make: Fixtures::new(harness.now()),
        }
    }

    /// What the store's clock shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.harness.now()
    }

    /// A stored user.
    pub async fn user(&self, name: &str) -> User {
        let user = self.make.user(name);
        let record = self.make.record(AuditAction::UserCreated);
        let outcome = self.accounts.insert_user(&user, &record).await;
        assert_eq!(outcome.expect("insert_user"), UserInsert::Inserted);
        user
    }

    /// A stored live API key.
    pub async fn api_key(&self, user: UserId) -> ApiKey {
        let key = self.make.api_key(user);
        self.insert_api_key(&key).await;
        key
    }

    /// Stores an API key.
    pub async fn insert_api_key(&self, key: &ApiKey) {
        let record = self.make.record(AuditAction::ApiKeyCreated);
        let outcome = self.accounts.insert_api_key(key, &record).await;
        assert_eq!(outcome.expect("insert_api_key"), ApiKeyInsert::Inserted);
    }

    /// A stored key pair in any state.
    pub async fn pair(&self, scope: Scope, state: KeyState) -> KeyPair {
        let pair = self.make.pair(scope, state);
        let record = self.make.record(AuditAction::KeyPairCreated);
        let outcome = self.registry.insert_pair(&pair, &record).await;
        assert_eq!(outcome.expect("insert_pair"), RegistryChange::Changed);
        pair
    }

    /// Puts a key pair into another state, whether its life allows that or not.
    pub async fn set_pair_state(&self, pair: &KeyPair, state: KeyState) -> KeyPair {
        let mut after = pair.clone();
        after.state = state;
        after.version += 1;
        let change = KeyPairChange {
            seen_version: pair.version,
            after: after.clone(),
        };
        let record = self.make.record(AuditAction::KeyPairChanged);
        let outcome = self.registry.change_pairs(&[change], &[record]).await;
        assert_eq!(outcome.expect("change_pairs"), RegistryChange::Changed);
        after
    }

    /// A stored pending document.
    pub async fn document(&self, owner: UserId, pair: &KeyPair) -> Document {
        let document = self.make.document(owner, pair);
        self.insert(&document).await;
        document
    }

    /// Stores a document with its owner's entry.
    pub async fn insert(&self, document: &Document) {
        let outcome = self.try_insert(document).await;
        assert_eq!(outcome, InsertOutcome::Inserted);
    }

    /// Makes a partition, if the store has them, for documents without a limit to their lives.
    pub async fn partition(&self, partition: Partition) {
        if let Some(partitions) = self.harness.partitions() {
            let (lifetime, at) = (Lifetime::UNLIMITED, self.make.at());
            let made = partitions.ensure_partition(partition, lifetime, at).await;
            made.expect("ensure_partition");
        }
    }

    /// Tries to store a document with its owner's entry, in its partition.
    pub async fn try_insert(&self, document: &Document) -> InsertOutcome {
        self.partition(document.id.partition()).await;
        let entry = self.make.owner_entry(document);
        let record = self
            .make
            .record_on(AuditAction::DocumentCreated, document.id);
        let outcome = self.store.insert(document, &entry, &record).await;
        outcome.expect("insert")
    }

    /// Grants an entry; what became of it.
    pub async fn grant(&self, entry: &Entry) -> Change {
        let record = self
            .make
            .record_on(AuditAction::EntryGranted, entry.document);
        self.store.grant(entry, &record).await.expect("grant")
    }

    /// Shares a document with a user who has no entry yet.
    pub async fn share(&self, document: &Document, user: UserId, rights: Rights) -> Entry {
        let entry = self.make.entry(document, user, rights);
        assert_eq!(self.grant(&entry).await, Change::Changed);
        entry
    }

    /// The release of a document to a user who shows a key.
    #[must_use]
    pub fn release(&self, document: &Document, key: &ApiKey) -> (Release, Record) {
        let release = Release {
            document: document.id,
            need: Rights::READ,
            principals: vec![crypt_keeper_domain::model::Principal::User(key.user)],
            user: key.user,
            api_key: key.id,
            at: self.make.at(),
        };
        let record = self
            .make
            .record_on(AuditAction::DocumentReleased, document.id);
        (release, record)
    }

    /// What `find` sees with the eyes of `users`.
    pub async fn find(&self, id: DocumentId, users: &[UserId]) -> Option<Found> {
        let principals: Vec<_> = users
            .iter()
            .map(|user| crypt_keeper_domain::model::Principal::User(*user))
            .collect();
        self.store.find(id, &principals).await.expect("find")
    }

    /// Waits until lists are complete.
    pub async fn settle(&self) {
        let bound = self.harness.list_bound();
        if !bound.is_zero() {
            tokio::time::sleep(bound).await;
        }
    }

    /// One page of documents.
    pub async fn page(
        &self,
        filter: &DocumentFilter,
        after: Option<DocumentId>,
        limit: usize,
    ) -> Page<Document, DocumentId> {
        let limit = PageLimit::clamped(limit);
        let page = self.store.list(filter, &PageRequest { after, limit }).await;
        page.expect("list")
    }

    /// The ids of all documents that a filter selects.
    pub async fn list(&self, filter: &DocumentFilter) -> Vec<DocumentId> {
        self.settle().await;
        let mut ids = Vec::new();
        let mut after = None;
        loop {
            let page = self.page(filter, after, 1000).await;
            ids.extend(page.items.iter().map(|document| document.id));
            match page.next {
                Some(next) => after = Some(next),
                None => return ids,
            }
        }
    }

    /// One page of the audit log.
    pub async fn audit_page(
        &self,
        filter: &AuditFilter,
        after: Option<AuditId>,
        limit: usize,
    ) -> Page<AuditEntry, AuditId> {
        let limit = PageLimit::clamped(limit);
        let page = self
            .audit
            .list_audit(filter, &PageRequest { after, limit })
            .await;
        page.expect("list_audit")
    }

    /// All audit entries that a filter selects, the newest first.
    pub async fn audit(&self, filter: &AuditFilter) -> Vec<AuditEntry> {
        self.settle().await;
        let mut entries = Vec::new();
        let mut after = None;
        loop {
            let page = self.audit_page(filter, after, 1000).await;
            entries.extend(page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => return entries,
            }
        }
    }

    /// How often the audit log says that `action` was done to a document.
    pub async fn count(&self, action: AuditAction, document: DocumentId) -> usize {
        let filter = AuditFilter {
            document: Some(document),
            action: Some(action),
            ..AuditFilter::default()
        };
        self.audit(&filter).await.len()
    }

    /// Whether the audit log has the entry of a record.
    pub async fn is_recorded(&self, record: &Record) -> bool {
        let filter = AuditFilter {
            action: Some(record.audit.action),
            ..AuditFilter::default()
        };
        self.audit(&filter).await.contains(&record.audit)
    }

    /// One page of users.
    pub async fn user_page(&self, after: Option<UserName>, limit: usize) -> Page<User, UserName> {
        let limit = PageLimit::clamped(limit);
        let page = self
            .accounts
            .list_users(&PageRequest { after, limit })
            .await;
        page.expect("list_users")
    }
}
