//! A service with a retention class of thirty days in daily partitions.

use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::memory::MemoryVault;
use crypt_keeper_domain::model::{
    DocumentId, KeyPair, KeyPairChange, Lifetime, Partition, PartitionEntry, RetentionClass,
    RetentionClasses, RetentionPolicy, Scope,
};
use crypt_keeper_domain::ports::{KeyRegistry, MetadataStore, Partitions};
use crypt_keeper_domain::usecase::{
    CountDocuments, DestroyKeys, DownloadGrant, EnsureKeyPair, ExpirePartitions, KeepUpPartitions,
    PlaceHold, RemoveHold, RequestDownload, RequestUpload, RetirePartitionPairs,
    ScheduleDestruction, ScopePolicy, SweepDocuments,
};
use crypt_keeper_domain::{Error, PartitionGate};

use crate::house::{House, Person, metadata};

pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);
pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const CLASS: u8 = 7;

/// The house, and what minds its calendar.
pub(super) struct Calendar {
    pub(super) house: House,
    pub(super) gate: Arc<PartitionGate>,
    pub(super) retention: RetentionClasses,
}

impl Calendar {
    pub(super) fn new() -> Self {
        let house = House::empty();
        let policy = RetentionPolicy {
            class: RetentionClass::new(CLASS),
            name: "thirty-days".parse().unwrap(),
            lifetime: Lifetime::limited(30 * DAY).unwrap(),
        };
        let name = policy.name.clone();
        Self {
            gate: Arc::new(gate_of(&house, true)),
            retention: RetentionClasses::new(vec![policy], Some(&name)).unwrap(),
            house,
        }
    }

    pub(super) fn first_pair(&self) -> EnsureKeyPair {
        EnsureKeyPair {
            rotate: self.house.rotate_keys(),
            algorithm: MemoryVault::ALGORITHM,
        }
    }

    pub(super) fn request_upload(&self) -> RequestUpload {
        RequestUpload {
            store: self.gate.clone(),
            scope: ScopePolicy::Partition,
            retention: self.retention.clone(),
            first_pair: Some(self.first_pair()),
            ..self.house.request_upload()
        }
    }

    /// Uploads a document of the class, and its object with it.
    pub(super) async fn upload(&self, who: &Person) -> DocumentId {
        let context = self.house.of(who);
        let grant = self.request_upload().run(&context, metadata("x")).await;
        let grant = grant.expect("upload");
        let put = self
            .house
            .blobs
            .request("PUT", grant.url.as_str(), b"ciphertext");
        assert!((200..300).contains(&put.status), "{put:?}");
        grant.id
    }

    pub(super) async fn download(
        &self,
        who: &Person,
        id: DocumentId,
    ) -> Result<DownloadGrant, Error> {
        let download = RequestDownload {
            store: self.gate.clone(),
            ..self.house.request_download()
        };
        download.run(&self.house.of(who), id).await
    }

    pub(super) fn keep_up(&self) -> KeepUpPartitions {
        KeepUpPartitions {
            partitions: self.house.store.clone(),
            retention: self.retention.clone(),
            first_pair: Some(self.first_pair()),
        }
    }

    fn count(&self) -> CountDocuments {
        CountDocuments {
            store: self.gate.clone(),
        }
    }

    pub(super) fn expire(&self) -> ExpirePartitions {
        ExpirePartitions {
            partitions: self.house.store.clone(),
            blobs: self.house.blobs.clone(),
            retire: RetirePartitionPairs {
                partitions: self.house.store.clone(),
                registry: self.house.store.clone(),
                entropy: self.house.entropy.clone(),
            },
            schedule: ScheduleDestruction {
                registry: self.house.store.clone(),
                count: self.count(),
                entropy: self.house.entropy.clone(),
            },
            destroy: DestroyKeys {
                registry: self.house.store.clone(),
                vault: self.house.vault.clone(),
                count: self.count(),
                entropy: self.house.entropy.clone(),
            },
            destroy_wait: KeyPair::DESTROY_WAIT,
            drain: Duration::from_secs(660),
        }
    }

    pub(super) fn sweep(&self) -> SweepDocuments {
        SweepDocuments {
            sweeps: self.house.store.clone(),
            store: self.gate.clone(),
            blobs: self.house.blobs.clone(),
            entropy: self.house.entropy.clone(),
        }
    }

    pub(super) fn place_hold(&self) -> PlaceHold {
        PlaceHold {
            store: self.gate.clone(),
            holds: self.house.store.clone(),
            objects: self.house.blobs.clone(),
            vault: self.house.vault.clone(),
            first_pair: self.first_pair(),
            entropy: self.house.entropy.clone(),
            url_life: Duration::from_secs(600),
        }
    }

    pub(super) fn remove_hold(&self) -> RemoveHold {
        RemoveHold {
            holds: self.house.store.clone(),
            blobs: self.house.blobs.clone(),
            partitions: self.house.store.clone(),
            entropy: self.house.entropy.clone(),
        }
    }

    /// The document as its row has it.
    pub(super) async fn gate_document(
        &self,
        id: DocumentId,
    ) -> crypt_keeper_domain::model::Document {
        self.gate
            .find(id, &[])
            .await
            .unwrap()
            .expect("a document")
            .document
    }

    /// How many objects of a document there are outside the folder of holds.
    pub(super) fn objects_of(&self, id: DocumentId) -> usize {
        self.house
            .blobs
            .count(&crypt_keeper_domain::model::ObjectPrefix::document(id))
    }

    pub(super) fn pass(&self, time: Duration) {
        self.house.clock.advance(time);
    }

    pub(super) async fn entry(&self, partition: Partition) -> PartitionEntry {
        let found = self.house.store.find_partition(partition).await.unwrap();
        found.expect("a partition")
    }

    /// The pairs of a partition, the oldest first.
    pub(super) async fn pairs(&self, partition: Partition) -> Vec<KeyPair> {
        let mut pairs = self.house.store.list_pairs().await.unwrap();
        pairs.retain(|pair| pair.scope == Scope::Partition(partition));
        pairs
    }

    /// Whether the document's row is anywhere.
    pub(super) async fn has_row(&self, id: DocumentId) -> bool {
        let find =
            |store: Arc<dyn MetadataStore>| async move { store.find(id, &[]).await.unwrap() };
        let held = Arc::new(self.house.store.held());
        find(self.house.store.clone()).await.is_some() || find(held).await.is_some()
    }

    pub(super) async fn change_pair(&self, change: KeyPairChange) {
        let action = crypt_keeper_domain::model::AuditAction::KeyPairChanged;
        let record = self.house.record(action);
        self.house
            .store
            .change_pairs(&[change], &[record])
            .await
            .unwrap();
    }
}

pub(super) fn gate_of(house: &House, may_make: bool) -> PartitionGate {
    PartitionGate::new(
        house.store.clone(),
        Arc::new(house.store.held()),
        house.store.clone(),
        house.clock.clone(),
        may_make,
    )
}

pub(super) fn partition(class: u8, start: &str) -> Partition {
    format!("{class}/{start}").parse().unwrap()
}
