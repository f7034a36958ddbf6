//! A whole store is copied into another.

mod log;
mod partitions;

use std::ops::ControlFlow;
use std::sync::Arc;

use crypt_keeper_domain::Error;
use crypt_keeper_domain::memory::{Fault, MemoryStore, MemoryVault, SeededEntropy};
use crypt_keeper_domain::model::{
    AuditAction, DocumentId, DocumentState, KeyPairChange, KeyState, PageLimit, PageRequest,
    UserState,
};
use crypt_keeper_domain::ports::{
    Accounts as _, DocumentChange, DocumentFilter, KeyRegistry as _, KeyVault, MetadataStore as _,
    Purpose, RegistryChange,
};
use crypt_keeper_domain::usecase::{
    Copied, CopiedHolds, CopiedKeys, CopiedKind, CopyProgress, CopySide, CopyStore, CopyWatch,
    CreateKeyPair, EnsureKeyPair, NotCopied, RewrappedKeys, RotateKeys,
};
use crypt_keeper_secret::ExposeSecret as _;
use futures_util::FutureExt as _;

use crate::house::{House, user_name};

fn side(house: &House) -> CopySide {
    let store = &house.store;
    CopySide {
        accounts: store.clone(),
        audit: store.clone(),
        registry: store.clone(),
        transfer: store.clone(),
        partitions: store.clone(),
        holds: CopiedHolds {
            holds: store.clone(),
            transfer: store.clone(),
            documents: Arc::new(store.held()),
        },
    }
}

/// Another house, whose serials are others.
fn another() -> House {
    let house = House::empty();
    let entropy = Arc::new(SeededEntropy::new(8));
    House {
        vault: Arc::new(MemoryVault::new(house.store.clone(), entropy.clone())),
        entropy,
        ..house
    }
}

fn copy(source: &House, target: &House, keys: CopiedKeys) -> CopyStore {
    CopyStore {
        source: side(source),
        target: side(target),
        keys,
        entropy: target.entropy.clone(),
    }
}

/// Remembers what it is told, and does something at one moment.
#[derive(Default)]
struct Watch<'a> {
    told: Vec<(CopiedKind, String, String)>,
    stop_at: Option<CopiedKind>,
    before_comparing: Option<&'a (dyn Fn() + Sync)>,
}

impl CopyWatch for Watch<'_> {
    fn not_copied(&mut self, kind: CopiedKind, row: &str, why: &NotCopied) {
        let why = format!("{why:?}");
        self.told.push((kind, row.to_owned(), why));
    }

    fn progress(&mut self, progress: &CopyProgress) -> ControlFlow<()> {
        if progress.verifying
            && let Some(act) = self.before_comparing.take()
        {
            act();
        }
        if self.stop_at == Some(progress.kind) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

async fn run(copy: &CopyStore, house: &House, watch: &mut Watch<'_>) -> Result<Copied, Error> {
    copy.run(&house.operator(), watch).await
}

/// A house with people, documents in two states, shares, two key pairs.
async fn furnished() -> (House, Vec<DocumentId>) {
    let house = House::new().await;
    let (alice, _bob) = (house.person("alice").await, house.person("bob").await);
    let disabled = house.person("zoë").await;
    house.disable(&disabled).await;
    house.revoke_key(&disabled).await;
    let mut documents = Vec::new();
    for number in 0..5 {
        if number == 3 {
            house.rotate().await.unwrap();
        }
        let id = house.uploaded(&alice).await;
        house.share(&alice, id, "bob").await.unwrap();
        documents.push(id);
    }
    let deleted = DocumentChange::State(DocumentState::Deleted);
    house.change_document(documents[0], deleted).await;
    (house, documents)
}

async fn documents(store: &MemoryStore) -> Vec<crypt_keeper_domain::model::Document> {
    let page = PageRequest {
        after: None,
        limit: PageLimit::MAX,
    };
    store
        .list(&DocumentFilter::Every, &page)
        .await
        .unwrap()
        .items
}

#[tokio::test]
async fn a_copy_goes_on_after_every_fault_and_is_equal_in_the_end() {
    let (source, ids) = furnished().await;
    let target = another();
    let copy = copy(&source, &target, CopiedKeys::SameVault);
    assert!(!copy.is_one_store().await.unwrap());
    let mut faults = 0;
    let done = loop {
        target.store.faults().fail_after(faults, Fault::Unavailable);
        let done = run(&copy, &source, &mut Watch::default()).await;
        target.store.faults().heal();
        match done {
            Ok(done) => break done,
            Err(Error::Unavailable(_)) => faults += 1,
            Err(error) => panic!("{error:?}"),
        }
    };
    assert!(faults > 10, "{faults}");
    assert!(done.is_whole(), "{done:?}");
    assert_eq!(done.kinds.len(), CopiedKind::ALL.len());
    assert_eq!(
        documents(&target.store).await,
        documents(&source.store).await
    );
    assert_eq!(
        target.store.list_pairs().await.unwrap(),
        source.store.list_pairs().await.unwrap()
    );
    assert_eq!(target.audit().await, source.audit().await);
    for id in ids {
        let of = async |house: &House| house.store.entries(id).await.unwrap();
        assert_eq!(of(&target).await, of(&source).await);
    }
    // There is nothing left to do, and nothing is done.
    let again = run(&copy, &source, &mut Watch::default()).await.unwrap();
    assert!(again.is_whole() && again.kinds.iter().all(|kind| kind.copied == 0));
    // Both digests are of what was there at first.
    for (one, other) in done.kinds.iter().zip(&again.kinds) {
        assert_eq!(one.source_digest, other.target_digest, "{}", one.kind);
    }
}

#[tokio::test]
async fn a_copy_that_is_told_to_stop_says_so_and_goes_on_later() {
    let (source, _) = furnished().await;
    let target = another();
    let copy = copy(&source, &target, CopiedKeys::SameVault);
    let mut watch = Watch {
        stop_at: Some(CopiedKind::Documents),
        ..Watch::default()
    };
    let done = run(&copy, &source, &mut watch).await.unwrap();
    assert!(done.stopped && !done.is_whole());
    assert!(target.audit().await.is_empty(), "the log comes last");
    let done = run(&copy, &source, &mut Watch::default()).await.unwrap();
    assert!(done.is_whole(), "{done:?}");
}

#[tokio::test]
async fn what_changes_meanwhile_is_found() {
    let (source, _) = furnished().await;
    let target = another();
    let copy = copy(&source, &target, CopiedKeys::SameVault);
    let change = || {
        let made = async {
            let user = source
                .store
                .find_user(&user_name("bob"))
                .await
                .unwrap()
                .unwrap();
            let record = source.record(AuditAction::UserDisabled);
            let state = UserState::Disabled;
            source
                .store
                .set_user_state(user.id, state, &record)
                .await
                .unwrap();
        };
        made.now_or_never().unwrap();
    };
    let mut watch = Watch {
        before_comparing: Some(&change),
        ..Watch::default()
    };
    let done = run(&copy, &source, &mut watch).await.unwrap();
    assert!(!done.is_whole());
    let differing: Vec<_> = done.kinds.iter().filter(|kind| !kind.is_equal()).collect();
    let kinds: Vec<_> = differing.iter().map(|kind| kind.kind).collect();
    assert_eq!(kinds, [CopiedKind::Users, CopiedKind::Audit]);
    assert!(differing.iter().all(|kind| kind.source_changed));
    // The changed user is not overwritten; the new line of the log is copied.
    let mut watch = Watch::default();
    let done = run(&copy, &source, &mut watch).await.unwrap();
    assert_eq!((done.failed, watch.told.len()), (1, 1));
    assert_eq!(watch.told[0].0, CopiedKind::Users);
    let unequal = done.kinds.iter().filter(|kind| !kind.is_equal());
    assert_eq!(unequal.count(), 1);
}

fn rewrapped(source: &House, target: &House, to: Arc<MemoryVault>) -> CopiedKeys {
    CopiedKeys::Rewrapped(RewrappedKeys {
        from: source.vault.clone(),
        to: to.clone(),
        ensure: EnsureKeyPair {
            rotate: RotateKeys {
                create: CreateKeyPair {
                    registry: target.store.clone(),
                    vault: to,
                    entropy: target.entropy.clone(),
                },
            },
            algorithm: MemoryVault::ALGORITHM,
        },
    })
}

#[tokio::test]
async fn keys_are_wrapped_anew_and_what_does_not_open_is_told() {
    let (source, ids) = furnished().await;
    // The first three are under the pair that was rotated out, which is found compromised.
    let second = source.store.find(ids[1], &[]).await.unwrap().unwrap();
    let old = second.document.wrapped_key.serial;
    let pairs = source.store.list_pairs().await.unwrap();
    let left = pairs.iter().find(|pair| pair.serial == old).unwrap();
    let change = KeyPairChange {
        seen_version: left.version,
        after: left
            .become_state(KeyState::Compromised, source.now())
            .unwrap(),
    };
    let record = source.record(AuditAction::KeyPairCompromised);
    let changed = source.store.change_pairs(&[change], &[record]).await;
    assert_eq!(changed.unwrap(), RegistryChange::Changed);
    let target = another();
    let keys = rewrapped(&source, &target, target.vault.clone());
    let copy = copy(&source, &target, keys);
    let done = run(&copy, &source, &mut Watch::default()).await.unwrap();
    assert!(done.is_whole(), "{done:?}");

    let copied = documents(&target.store).await;
    let originals = documents(&source.store).await;
    for (there, original) in copied.iter().zip(&originals) {
        let id = original.id;
        if id == ids[0] {
            assert_eq!(there, original, "a deleted document says what once was");
            continue;
        }
        let open = async |vault: &MemoryVault, wrapped| {
            vault.unwrap(wrapped, id, Purpose::Rewrap).await.unwrap()
        };
        let key = open(&target.vault, &there.wrapped_key).await;
        let expected = open(&source.vault, &original.wrapped_key).await;
        assert!(key.expose_secret() == expected.expose_secret());
        assert_eq!(there.key_exposed, original.wrapped_key.serial == old);
    }
    // The pairs of the source are left behind; the log says which documents left which.
    for pair in target.store.list_pairs().await.unwrap() {
        let is_of_source = pairs.iter().any(|one| one.serial == pair.serial);
        assert_eq!(pair.state == KeyState::Destroyed, is_of_source, "{pair:?}");
    }
    let log = target.audit().await;
    let rewraps = log
        .iter()
        .filter(|entry| entry.action == AuditAction::DocumentRewrapped);
    assert_eq!(rewraps.count(), 4);
    let again = run(&copy, &source, &mut Watch::default()).await.unwrap();
    assert!(again.is_whole() && again.kinds.iter().all(|kind| kind.copied == 0));

    // Under a suspended pair nothing opens, and nothing is lost silently.
    let other = another();
    source.set_pair_state(KeyState::Suspended).await;
    let keys = rewrapped(&source, &other, other.vault.clone());
    let copy = self::copy(&source, &other, keys);
    let mut watch = Watch::default();
    let done = run(&copy, &source, &mut watch).await.unwrap();
    assert_eq!(
        (done.failed, done.is_whole()),
        (2, false),
        "{:?}",
        watch.told
    );
    for (kind, row, why) in &watch.told {
        assert_eq!(*kind, CopiedKind::Documents);
        assert!(
            ids[3..].iter().any(|id| row.contains(&id.to_string())),
            "{row}"
        );
        assert!(why.starts_with("KeyPairStopped"), "{why}");
    }
    let compared = done
        .kinds
        .iter()
        .find(|kind| kind.kind == CopiedKind::Documents);
    let compared = compared.unwrap();
    assert_eq!((compared.source, compared.target), (5, 3));
}

#[tokio::test]
async fn nothing_but_pairs_is_copied_where_one_of_them_cannot_be() {
    let (source, _) = furnished().await;
    // It has an active pair of its own.
    let target = another();
    target.rotate().await.unwrap();
    let copy = copy(&source, &target, CopiedKeys::SameVault);
    let mut watch = Watch::default();
    let done = run(&copy, &source, &mut watch).await.unwrap();
    assert!(done.blocked && !done.is_whole());
    assert_eq!(watch.told.len(), 1);
    assert!(documents(&target.store).await.is_empty());
    let one = self::copy(&source, &source, CopiedKeys::SameVault);
    assert!(one.is_one_store().await.unwrap());
}
