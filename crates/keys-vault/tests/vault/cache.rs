//! Documents released by several instances that hold private halves: how often Vault is asked, by its
//! own count, and what becomes of downloads while it is away. The TTLs go by a clock that the test
//! moves; Vault, and the time that a request takes, are real.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crypt_keeper_domain::Error;
use crypt_keeper_domain::memory::{ManualClock, MemoryBlobs, MemoryStore, SeededEntropy};
use crypt_keeper_domain::model::{
    Algorithm, AuditAction, CallContext, Caller, DocumentId, RequestId, RetentionClasses, Scope,
    Timestamp,
};
use crypt_keeper_domain::ports::{Accounts, Clock, Condition, Probe};
use crypt_keeper_domain::usecase::{
    CreateKeyPair, RequestDownload, RequestUpload, RotateKeys, ScopePolicy, UploadLimits,
};
use crypt_keeper_keys_vault::{
    CacheConfig, CacheStats, Circuit, KvHalves, LocalVault, VaultConfig, VaultSession, kv_vault,
};
use crypt_keeper_secret::DocumentKey;
use crypt_keeper_test_services::{Fault, FaultProxy, OpenBao, OpenBaoOptions, require_or_skip};
use futures_util::future::join_all;

use crate::support::{ALL_ROLES, NOON, Site};

const TTL: Duration = CacheConfig::DEFAULT.soft_ttl;
const HARD_TTL: Duration = CacheConfig::DEFAULT.hard_ttl;
const INSTANT: Duration = Duration::from_micros(1);
const PAIRS: u64 = 5;
const INSTANCES: u64 = 2;
/// What a request may take on a busy machine that waits for no one.
const AT_ONCE: Duration = Duration::from_millis(1_500);
/// How soon after Vault's return all is well.
const BACK_WITHIN: Duration = Duration::from_secs(10);

fn own_server() -> Option<OpenBao> {
    require_or_skip("OpenBao", OpenBao::start(&OpenBaoOptions::default()))
}

struct Instance {
    vault: Arc<LocalVault<KvHalves>>,
    download: RequestDownload,
}

/// One document under each of a few key pairs, and instances of the service that release them.
struct World {
    clock: Arc<ManualClock>,
    store: Arc<MemoryStore>,
    entropy: Arc<SeededEntropy>,
    blobs: Arc<MemoryBlobs>,
    user: CallContext,
    documents: Vec<(DocumentId, DocumentKey)>,
    instances: Vec<Instance>,
}

impl World {
    async fn new(site: &Site) -> Self {
        let now = Arc::new(ManualClock::new(Timestamp::from_micros(NOON)));
        let store = Arc::new(MemoryStore::new(now.clone()));
        let entropy = Arc::new(SeededEntropy::new(7));
        let make = crypt_keeper_conformance::fixtures::Fixtures::new(Timestamp::from_micros(NOON));
        let user = make.user("alice");
        let key = make.api_key(user.id);
        let record = make.record(AuditAction::UserCreated);
        store.insert_user(&user, &record).await.unwrap();
        let record = make.record(AuditAction::ApiKeyCreated);
        store.insert_api_key(&key, &record).await.unwrap();
        let mut world = Self {
            clock: Arc::new(ManualClock::new(Timestamp::EPOCH)),
            store,
            blobs: Arc::new(MemoryBlobs::new(now, entropy.clone())),
            entropy,
            user: context(Caller::user(user.id, key.id)),
            documents: Vec::new(),
            instances: Vec::new(),
        };
        for _ in 0..INSTANCES {
            let instance = world.instance(site.session(), site);
            world.instances.push(instance);
        }
        for _ in 0..PAIRS {
            world.rotate_and_upload().await;
        }
        world
    }

    fn instance(&self, session: Arc<VaultSession>, site: &Site) -> Instance {
        let config = VaultConfig {
            registry_life: Duration::ZERO,
            clock: self.clock.clone(),
            ..VaultConfig::default()
        };
        let vault = kv_vault(session, site.kv_mount(), self.store.clone(), config);
        let vault = Arc::new(vault.unwrap());
        Instance {
            download: RequestDownload {
                store: self.store.clone(),
                vault: vault.clone(),
                blobs: self.blobs.clone(),
                entropy: self.entropy.clone(),
                url_life: Duration::from_secs(600),
            },
            vault,
        }
    }

    async fn rotate_and_upload(&mut self) {
        let vault = self.instances[0].vault.clone();
        let rotate = RotateKeys {
            create: CreateKeyPair {
                registry: self.store.clone(),
                vault: vault.clone(),
                entropy: self.entropy.clone(),
            },
        };
        let operator = context(Caller::operator());
        let rotation = rotate.run(&operator, Scope::Shared, Algorithm::DEFAULT);
        rotation.await.unwrap();
        let upload = RequestUpload {
            store: self.store.clone(),
            vault,
            blobs: self.blobs.clone(),
            entropy: self.entropy.clone(),
            scope: ScopePolicy::Shared,
            retention: RetentionClasses::default(),
            first_pair: None,
            limits: UploadLimits::default(),
        };
        let make = crypt_keeper_conformance::fixtures::Fixtures::new(Timestamp::from_micros(NOON));
        let granted = upload
            .run(&self.user, make.metadata("a.txt"))
            .await
            .unwrap();
        self.documents.push((granted.id, granted.key));
    }

    async fn download(&self, instance: &Instance, number: usize) -> Result<(), Error> {
        let (id, key) = &self.documents[number];
        let granted = instance.download.run(&self.user, *id).await?;
        assert_eq!(granted.key, *key);
        Ok(())
    }

    /// Each document from each instance, all at once, `times` times.
    async fn download_all(&self, times: usize) -> Vec<Result<(), Error>> {
        let all = self.instances.iter().flat_map(|instance| {
            let each = (0..self.documents.len() * times).map(|at| at % self.documents.len());
            each.map(|number| self.download(instance, number))
        });
        join_all(all).await
    }

    async fn must_serve(&self, times: usize) {
        let begin = Instant::now();
        for answer in self.download_all(times).await {
            answer.unwrap();
        }
        self.settle().await;
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "{:?}",
            begin.elapsed()
        );
    }

    /// Waits for the reads in the background.
    async fn settle(&self) {
        for instance in &self.instances {
            let begin = Instant::now();
            while instance.vault.cache_stats().under_way > 0 {
                assert!(begin.elapsed() < Duration::from_secs(10));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }

    fn stats(&self) -> Vec<CacheStats> {
        let of = |instance: &Instance| instance.vault.cache_stats();
        self.instances.iter().map(of).collect()
    }

    /// Time goes by, in small steps, until a download works on each instance again.
    async fn await_service(&self) {
        let begin = (Instant::now(), self.clock.now());
        loop {
            let answers = self.download_all(1).await;
            if answers.iter().all(Result::is_ok) {
                return;
            }
            let step = Duration::from_millis(100);
            self.clock.advance(step);
            tokio::time::sleep(step / 2).await;
            let (real, told) = (begin.0.elapsed(), self.clock.now().since(begin.1));
            assert!(
                real < BACK_WITHIN && told < BACK_WITHIN,
                "{real:?}, {told:?}: {answers:?}"
            );
        }
    }
}

fn context(caller: Caller) -> CallContext {
    CallContext {
        caller,
        at: Timestamp::from_micros(NOON),
        request_id: RequestId::parse("test").unwrap(),
        address: None,
    }
}

/// The answer to whether Vault can take the load: it depends on keys, instances and TTL alone.
#[tokio::test]
async fn vault_is_read_from_as_often_as_keys_instances_and_ttl_have_it_whatever_the_traffic() {
    const PERIODS: u32 = 10;
    let Some(server) = own_server() else { return };
    let site = Site::on(server.access());
    let world = World::new(&site).await;
    let reads = || server.access().routed("read", &site.kv).unwrap();
    // So many steps in a TTL, and in each so many downloads of each document from each instance.
    for (steps, downloads) in [(10, 1), (25, 2)] {
        // A TTL that nobody counts: each entry's next read lies within the next.
        for _ in 0..steps {
            world.clock.advance(TTL / steps);
            world.must_serve(1).await;
        }
        let before = reads();
        for _ in 0..PERIODS * steps {
            world.clock.advance(TTL / steps);
            world.must_serve(downloads).await;
        }
        let counted = reads() - before;
        let predicted = PAIRS * INSTANCES * u64::from(PERIODS);
        let downloaded = PAIRS * INSTANCES * u64::from(PERIODS * steps) * downloads as u64;
        assert!(
            counted.abs_diff(predicted) * 5 <= predicted,
            "{counted} reads for {downloaded} downloads, {predicted} predicted"
        );
    }
    for stats in world.stats() {
        assert_eq!((stats.misses, stats.read_failures), (PAIRS, 0), "{stats:?}");
    }
}

/// Half an hour without Vault, then until nothing that is held may be used any more.
async fn outlives_an_outage(
    world: &World,
    server: &mut OpenBao,
    begin: impl FnOnce(&mut OpenBao),
    says: &str,
) {
    world.must_serve(1).await;
    // As old as it gets before it is read anew.
    world.clock.advance(TTL * 9 / 10 - INSTANT);
    world.must_serve(1).await;
    let read_at = world.clock.now().minus(TTL * 9 / 10 - INSTANT);
    begin(server);
    let step = Duration::from_secs(30);
    for _ in 0..60 {
        world.clock.advance(step);
        world.must_serve(1).await;
    }
    for instance in &world.instances {
        let stats = instance.vault.cache_stats();
        assert!(
            stats.stale_hits > 0 && stats.refresh_failures > 0,
            "{stats:?}"
        );
        match instance.vault.check().await.unwrap() {
            Condition::Degraded(message) => assert!(message.contains(says), "{message}"),
            Condition::Good => panic!("good, while Vault is away"),
        }
    }
    // The last moment.
    let elapsed = world.clock.now().since(read_at);
    world.clock.advance(HARD_TTL - elapsed - INSTANT);
    world.must_serve(1).await;
    world.clock.advance(INSTANT);
    let begin = Instant::now();
    for answer in world.download_all(2).await {
        assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    }
    assert!(
        begin.elapsed() < 2 * CacheConfig::DEFAULT.patience,
        "{:?}",
        begin.elapsed()
    );
    for instance in &world.instances {
        let refused = instance.vault.check().await.unwrap_err();
        assert!(refused.to_string().contains(says), "{refused}");
        let stats = instance.vault.cache_stats();
        assert_eq!(
            (stats.entries, stats.circuit),
            (0, Circuit::Open),
            "{stats:?}"
        );
    }
    server.stop().unwrap();
    server.start_again().unwrap();
    world.await_service().await;
    for instance in &world.instances {
        assert_eq!(instance.vault.check().await.unwrap(), Condition::Good);
        assert_eq!(instance.vault.cache_stats().circuit, Circuit::Closed);
    }
}

#[tokio::test]
async fn a_sealed_vault_fails_no_download_of_what_is_held_for_half_an_hour() {
    let Some(mut server) = own_server() else {
        return;
    };
    let site = Site::on(server.access());
    let world = World::new(&site).await;
    let seal = |server: &mut OpenBao| server.seal().unwrap();
    outlives_an_outage(&world, &mut server, seal, "Vault is sealed: unseal it").await;
}

#[tokio::test]
async fn a_killed_vault_fails_no_download_of_what_is_held_for_half_an_hour() {
    let Some(mut server) = own_server() else {
        return;
    };
    let site = Site::on(server.access());
    let world = World::new(&site).await;
    let kill = |server: &mut OpenBao| server.kill().unwrap();
    outlives_an_outage(&world, &mut server, kill, "Vault cannot be reached").await;
}

/// A Vault that is back before the hard TTL is asked again on its own, and nothing was lost.
#[tokio::test]
async fn after_a_short_outage_all_is_read_anew() {
    let Some(mut server) = own_server() else {
        return;
    };
    let site = Site::on(server.access());
    let world = World::new(&site).await;
    world.must_serve(1).await;
    server.kill().unwrap();
    world.clock.advance(TTL);
    world.must_serve(1).await;
    server.start_again().unwrap();
    let back = world.clock.now();
    for _ in 0..6 {
        world.clock.advance(Duration::from_secs(30));
        world.must_serve(1).await;
    }
    for stats in world.stats() {
        let since = world.clock.now().since(back);
        assert!(stats.oldest.unwrap() < since, "{stats:?}");
        assert_eq!(
            (stats.misses, stats.circuit),
            (PAIRS, Circuit::Closed),
            "{stats:?}"
        );
    }
}

#[tokio::test]
async fn a_slow_vault_delays_no_download_of_what_is_held() {
    const SLOW: Duration = Duration::from_secs(5);
    let Some(site) = Site::shared() else { return };
    let mut world = World::new(&site).await;
    let proxy = FaultProxy::start(site.access.socket().unwrap()).unwrap();
    let mut config = site.config(&site.token(ALL_ROLES));
    config.address = format!("http://{}", proxy.address()).parse().unwrap();
    let session = VaultSession::start(config).unwrap();
    let holds = world.instance(session.clone(), &site);
    world.instances = vec![holds];
    world.must_serve(1).await;
    let holds_nothing = world.instance(session, &site);

    proxy.set(Fault::Delay(SLOW)).unwrap();
    world.clock.advance(TTL);
    for _ in 0..3 {
        let begin = Instant::now();
        for answer in world.download_all(4).await {
            answer.unwrap();
        }
        assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());
        let begin = Instant::now();
        world.instances[0].vault.check().await.unwrap();
        assert!(begin.elapsed() < AT_ONCE, "{:?}", begin.elapsed());
    }
    // Who holds nothing is told in time.
    let begin = Instant::now();
    let refused = world.download(&holds_nothing, 0).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert!(begin.elapsed() < CacheConfig::DEFAULT.patience + AT_ONCE);
    proxy.set(Fault::None).unwrap();
    world.instances.push(holds_nothing);
    world.await_service().await;
}
