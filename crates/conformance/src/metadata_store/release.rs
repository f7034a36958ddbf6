use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::model::{
    ApiKey, AuditAction, Document, DocumentState, KeyPair, KeyState, Principal, RetentionClass,
    Rights, Scope, User, UserState,
};
use crypt_keeper_domain::ports::{Change, DocumentChange, Release, ReleaseOutcome, StoreError};
use futures_util::FutureExt;

use crate::concurrency::{Acts, Race};
use crate::{Scene, StoreHarness};

/// Longer than any law runs.
const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

/// A release is recorded while everything allows it, and refused as soon as one thing does not:
/// entry, its expiry, its rights, document, user, API key, key pair, each on its own. What is
/// refused leaves no audit entry.
pub async fn release_is_recorded_or_refused(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    entry_decides(&scene).await;
    document_decides(&scene).await;
    user_and_api_key_decide(&scene).await;
    key_pair_decides(&scene).await;
    a_repetition_is_harmless(&scene).await;
}

/// A document of Alice's that Bob may read.
struct Case {
    bob: User,
    key: ApiKey,
    pair: KeyPair,
    document: Document,
}

impl Case {
    async fn new(scene: &Scene<'_>, rights: Rights) -> Self {
        let alice = scene.user("alice").await;
        let bob = scene.user("bob").await;
        let key = scene.api_key(bob.id).await;
        let pair = scene.pair(Scope::Customer(alice.id), KeyState::Active);
        let pair = pair.await;
        let document = scene.document(alice.id, &pair).await;
        scene.share(&document, bob.id, rights).await;
        Self {
            bob,
            key,
            pair,
            document,
        }
    }

    /// Tries a release to Bob, altered by `alter`; holds the audit log to the answer.
    async fn tries(&self, scene: &Scene<'_>, alter: impl FnOnce(&mut Release)) -> ReleaseOutcome {
        let (mut release, record) = scene.release(&self.document, &self.key);
        alter(&mut release);
        let outcome = scene.store.record_release(&release, &record).await;
        let outcome = outcome.expect("record_release");
        let recorded = scene.is_recorded(&record).await;
        assert_eq!(recorded, outcome == ReleaseOutcome::Recorded);
        outcome
    }

    async fn is_released(&self, scene: &Scene<'_>) {
        assert_eq!(self.tries(scene, |_| ()).await, ReleaseOutcome::Recorded);
    }

    async fn is_refused(&self, scene: &Scene<'_>, why: &str) {
        let outcome = self.tries(scene, |_| ()).await;
        assert_eq!(outcome, ReleaseOutcome::Refused, "{why}");
    }
}

async fn entry_decides(scene: &Scene<'_>) {
    let case = Case::new(scene, Rights::V1_SHARE).await;
    let (bob, id) = (Principal::User(case.bob.id), case.document.id);
    let stranger = Principal::User(scene.make.user_id());
    case.is_released(scene).await;
    let outcomes = [
        case.tries(scene, |it| it.principals = vec![stranger, bob])
            .await,
        case.tries(scene, |it| it.need = Rights::V1_SHARE).await,
    ];
    assert_eq!(outcomes, [ReleaseOutcome::Recorded; 2]);
    let elsewhere = scene
        .make
        .document_id(RetentionClass::DEFAULT, scene.make.at());
    let outcomes = [
        case.tries(scene, |it| it.principals = vec![stranger]).await,
        case.tries(scene, |it| it.principals = Vec::new()).await,
        case.tries(scene, |it| it.need = Rights::SHARE).await,
        case.tries(scene, |it| it.need = Rights::READ.union(Rights::SHARE))
            .await,
        case.tries(scene, |it| it.document = elsewhere).await,
    ];
    assert_eq!(outcomes, [ReleaseOutcome::Refused; 5]);

    // Rights of several entries are not added up.
    let carol = scene.user("carol").await;
    scene.share(&case.document, carol.id, Rights::SHARE).await;
    let both = |it: &mut Release| {
        it.principals = vec![bob, Principal::User(carol.id)];
        it.need = Rights::READ.union(Rights::SHARE);
    };
    assert_eq!(case.tries(scene, both).await, ReleaseOutcome::Refused);

    let end = scene.make.at().plus(HOUR);
    let mut until = scene.make.entry(&case.document, case.bob.id, Rights::READ);
    until.expires_at = Some(end);
    assert_eq!(scene.grant(&until).await, Change::Changed);
    case.is_released(scene).await;
    let late = case.tries(scene, |it| it.at = end).await;
    assert_eq!(late, ReleaseOutcome::Refused, "the entry has expired");

    let record = scene.make.record_on(AuditAction::EntryRevoked, id);
    let revoked = scene.store.revoke(id, bob, &record).await;
    assert_eq!(revoked.unwrap(), Change::Changed);
    case.is_refused(scene, "the entry was revoked").await;
}

async fn document_decides(scene: &Scene<'_>) {
    let case = Case::new(scene, Rights::READ).await;
    let mut version = 1;
    let mut change = async |change: DocumentChange| {
        let id = case.document.id;
        let record = scene.make.record_on(AuditAction::DocumentChanged, id);
        let changed = scene.store.change(id, version, &change, &record).await;
        assert_eq!(changed.unwrap(), Change::Changed);
        version += 1;
    };
    change(DocumentChange::State(DocumentState::Available)).await;
    case.is_released(scene).await;

    let end = scene.make.at().plus(HOUR);
    change(DocumentChange::ExpiresAt(Some(end))).await;
    case.is_released(scene).await;
    let late = case.tries(scene, |it| it.at = end).await;
    assert_eq!(late, ReleaseOutcome::Refused, "the document has expired");
    change(DocumentChange::ExpiresAt(None)).await;
    case.is_released(scene).await;

    change(DocumentChange::State(DocumentState::Deleted)).await;
    case.is_refused(scene, "the document is deleted").await;
}

async fn user_and_api_key_decide(scene: &Scene<'_>) {
    let case = Case::new(scene, Rights::READ).await;
    let bob = case.bob.id;
    let strangers = scene.user("stranger").await;
    let strangers = scene.api_key(strangers.id).await;
    let unknown = scene.make.api_key(bob);
    let outcomes = [
        case.tries(scene, |it| it.api_key = strangers.id).await,
        case.tries(scene, |it| it.api_key = unknown.id).await,
        case.tries(scene, |it| it.user = scene.make.user_id()).await,
    ];
    assert_eq!(outcomes, [ReleaseOutcome::Refused; 3]);

    for (state, action) in [
        (UserState::Disabled, AuditAction::UserDisabled),
        (UserState::Active, AuditAction::UserEnabled),
    ] {
        let record = scene.make.record(action);
        let changed = scene.accounts.set_user_state(bob, state, &record).await;
        assert_eq!(changed.unwrap(), Change::Changed);
        if state == UserState::Disabled {
            case.is_refused(scene, "the user is disabled").await;
        } else {
            case.is_released(scene).await;
        }
    }

    let end = scene.make.at().plus(HOUR);
    let mut expiring = scene.make.api_key(bob);
    expiring.expires_at = Some(end);
    scene.insert_api_key(&expiring).await;
    let early = case.tries(scene, |it| it.api_key = expiring.id).await;
    assert_eq!(early, ReleaseOutcome::Recorded);
    let late = |it: &mut Release| (it.api_key, it.at) = (expiring.id, end);
    let late = case.tries(scene, late).await;
    assert_eq!(late, ReleaseOutcome::Refused, "the API key has expired");

    let record = scene.make.record(AuditAction::ApiKeyRevoked);
    let at = scene.make.at();
    let revoked = scene.accounts.revoke_api_key(case.key.id, at, &record);
    assert_eq!(revoked.await.unwrap(), Change::Changed);
    case.is_refused(scene, "the API key was revoked").await;
}

/// What has expired by the store's clock is refused to a caller whose clock was set back, however
/// far: document, entry, API key, each on its own.
pub async fn a_release_is_judged_by_the_stores_clock_if_that_is_later(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let (over, later) = (scene.now().minus(SECOND), scene.now().plus(HOUR));
    for back in [SECOND * 2, HOUR, HOUR * 24 * 365] {
        let case = Case::new(&scene, Rights::READ).await;
        let id = case.document.id;
        let at_back = |it: &mut Release| it.at = scene.now().minus(back);
        // Somebody else: nobody has more than two live API keys.
        let carol = scene.user("carol").await;
        scene.share(&case.document, carol.id, Rights::READ).await;
        for (end, expected) in [
            (later, ReleaseOutcome::Recorded),
            (over, ReleaseOutcome::Refused),
        ] {
            let mut key = scene.make.api_key(carol.id);
            key.expires_at = Some(end);
            scene.insert_api_key(&key).await;
            let by_key = |it: &mut Release| {
                at_back(it);
                (it.user, it.api_key) = (carol.id, key.id);
                it.principals = vec![Principal::User(carol.id)];
            };
            let outcome = case.tries(&scene, by_key).await;
            assert_eq!(outcome, expected, "API key, {back:?} back");

            let mut entry = scene.make.entry(&case.document, case.bob.id, Rights::READ);
            entry.expires_at = Some(end);
            assert_eq!(scene.grant(&entry).await, Change::Changed);
            let outcome = case.tries(&scene, at_back).await;
            assert_eq!(outcome, expected, "entry, {back:?} back");
        }
        let entry = scene.make.entry(&case.document, case.bob.id, Rights::READ);
        assert_eq!(scene.grant(&entry).await, Change::Changed);
        for (version, end, expected) in [
            (1, later, ReleaseOutcome::Recorded),
            (2, over, ReleaseOutcome::Refused),
        ] {
            let change = DocumentChange::ExpiresAt(Some(end));
            let record = scene.make.record_on(AuditAction::DocumentChanged, id);
            let changed = scene.store.change(id, version, &change, &record).await;
            assert_eq!(changed.expect("change"), Change::Changed);
            let outcome = case.tries(&scene, at_back).await;
            assert_eq!(outcome, expected, "document, {back:?} back");
        }
    }
}

async fn key_pair_decides(scene: &Scene<'_>) {
    let case = Case::new(scene, Rights::READ).await;
    let mut pair = case.pair.clone();
    for state in KeyState::ALL {
        pair = scene.set_pair_state(&pair, *state).await;
        let found = scene.find(case.document.id, &[]).await.unwrap();
        assert_eq!(found.key_state, *state);
        if state.may_release() {
            case.is_released(scene).await;
        } else {
            case.is_refused(scene, state.as_str()).await;
        }
    }
}

async fn a_repetition_is_harmless(scene: &Scene<'_>) {
    let case = Case::new(scene, Rights::READ).await;
    let (release, record) = scene.release(&case.document, &case.key);
    let first = scene.store.record_release(&release, &record).await;
    assert_eq!(first.unwrap(), ReleaseOutcome::Recorded);
    let again = scene.store.record_release(&release, &record).await;
    assert!(
        matches!(
            again,
            Ok(ReleaseOutcome::Recorded) | Err(StoreError::Conflict)
        ),
        "{again:?}"
    );
    let released = AuditAction::DocumentReleased;
    assert_eq!(scene.count(released, case.document.id).await, 1);
}

/// How often revoke and releases race.
const ROUNDS: usize = 24;
/// Releases that ask at the same time.
const RELEASERS: usize = 4;
/// More releases than a racer gets to before the revoke.
const ATTEMPTS: usize = 400;

/// However many releases race with a revoke: none is recorded after it was acknowledged.
pub async fn no_release_after_a_revoke(harness: &dyn StoreHarness) {
    let scene = Scene::new(harness);
    let case = Case::new(&scene, Rights::V1_SHARE).await;
    let (bob, id) = (Principal::User(case.bob.id), case.document.id);
    let released = AuditAction::DocumentReleased;
    let mut recorded = 0;
    for round in 0..ROUNDS {
        if round > 0 {
            let share = scene.share(&case.document, case.bob.id, Rights::V1_SHARE);
            share.await;
        }
        let mut race = Race::start((0..RELEASERS).map(|_| releases(&scene, &case)));
        race.warm_up(round % 6).await;
        let record = scene.make.record_on(AuditAction::EntryRevoked, id);
        let answer = scene.store.revoke(id, bob, &record).await;
        race.stopped();
        assert_eq!(answer.expect("revoke"), Change::Changed);

        let at_the_revoke = scene.count(released, id).await;
        recorded += race.finish().await;
        let in_the_end = scene.count(released, id).await;
        assert_eq!(at_the_revoke, in_the_end, "recorded after the revoke");
        assert_eq!(in_the_end, recorded, "recorded and acknowledged differ");
    }
    assert!(recorded > 0, "nothing raced");
}

fn releases(scene: &Scene<'_>, case: &Case) -> Acts {
    let release = || {
        let store = Arc::clone(&scene.store);
        let (release, record) = scene.release(&case.document, &case.key);
        async move {
            let outcome = store.record_release(&release, &record).await;
            outcome.expect("record_release") == ReleaseOutcome::Recorded
        }
        .boxed()
    };
    (0..ATTEMPTS).map(|_| release()).collect()
}
