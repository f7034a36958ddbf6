//! The database role of a server that only accepts uploads: what it can do, and what the database
//! itself refuses it, whatever the server would like.

use std::time::Duration;

use crypt_keeper_conformance::{Scene, uphold};
use crypt_keeper_domain::model::{AuditAction, Document, KeyState, RetentionClass, Rights, Scope};
use crypt_keeper_domain::ports::{
    Accounts, Change, InsertOutcome, KeyRegistry, MetadataStore, Partitions as _, StoreError,
};
use crypt_keeper_store_sql::{PostgresPrivateKeys, PostgresStore};

use crate::database::{Client, options};
use crate::{Store, store};

const ROLES: &str = include_str!("../../../../deploy/postgres/roles.sql");
const PASSWORD: &str = "known-to-tests";

/// The store as the ingest role sees it, and the URL of that role.
async fn ingest(harness: &Store) -> (PostgresStore, String) {
    let keys = PostgresPrivateKeys::connect(options(&harness.database.url())).await;
    keys.unwrap().migrate().await.unwrap();
    let mut owner = harness.database.client().await;
    // A role is of the whole server: other tests may be giving it the same at this moment.
    for statement in [
        ROLES,
        &format!("ALTER ROLE crypt_keeper_ingest PASSWORD '{PASSWORD}'"),
    ] {
        let mut tries = 0;
        while let Some(refusal) = owner.refusal(statement).await {
            assert!(tries < 50 && refusal.starts_with("XX000"), "{refusal}");
            tries += 1;
            owner.run("ROLLBACK").await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let url = harness.database.url();
    let (scheme, rest) = url.split_once("://").unwrap();
    let (_, place) = rest.split_once('@').unwrap();
    let url = format!("{scheme}://crypt_keeper_ingest:{PASSWORD}@{place}");
    let store = PostgresStore::connect_for_ingest(options(&url)).await;
    (store.unwrap(), url)
}

async fn insert(
    store: &PostgresStore,
    scene: &Scene<'_>,
    document: &Document,
) -> Result<InsertOutcome, StoreError> {
    let entry = scene.make.owner_entry(document);
    let record = scene
        .make
        .record_on(AuditAction::DocumentCreated, document.id);
    store.insert(document, &entry, &record).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_stores_documents_as_everybody_else_does() {
    uphold(store().await, async |harness| {
        let (ingest, _) = ingest(harness).await;
        let scene = Scene::new(harness);
        let pair = scene.pair(Scope::Shared, KeyState::Active).await;
        let old = scene.pair(Scope::Shared, KeyState::Deactivated).await;
        let alice = scene.user("alice").await;
        let key = scene.api_key(alice.id).await;

        // What a request looks up before.
        let partitions = ingest.list_partitions().await.unwrap();
        assert!(!partitions.is_empty(), "of this month, at least");
        let found = ingest.find_api_key(key.id).await.unwrap();
        assert_eq!(found.map(|(_, user)| user.id), Some(alice.id));
        let active = ingest.active_pair(&Scope::Shared, pair.algorithm).await;
        assert_eq!(active.unwrap().map(|pair| pair.serial), Some(pair.serial));

        // Many at once: they are gathered into few statements.
        let documents: Vec<_> = (0..40)
            .map(|_| scene.make.document(alice.id, &pair))
            .collect();
        let inserts = documents.iter().map(|one| insert(&ingest, &scene, one));
        for outcome in futures_util::future::join_all(inserts).await {
            assert_eq!(outcome.unwrap(), InsertOutcome::Inserted);
        }
        for document in &documents {
            let found = scene.find(document.id, &[alice.id]).await.unwrap();
            assert_eq!(found.document, *document);
            assert_eq!(found.entries, [scene.make.owner_entry(document)]);
        }
        let mut owner = harness.database.client().await;
        let counted = owner
            .texts("SELECT count(*) FROM audit WHERE action = 'document.created'")
            .await;
        assert_eq!(counted, ["40"]);

        // And is told the same when it may not.
        let again = insert(&ingest, &scene, &documents[0]).await;
        assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
        let retired = scene.make.document(alice.id, &old);
        let outcome = insert(&ingest, &scene, &retired).await.unwrap();
        assert_eq!(outcome, InsertOutcome::KeyPairNotActive);
        let early = scene.now().minus(Duration::from_secs(3600));
        let id = scene.make.document_id(RetentionClass::DEFAULT, early);
        let late = scene.make.document_with_id(id, alice.id, &pair);
        let outcome = insert(&ingest, &scene, &late).await.unwrap();
        assert_eq!(outcome, InsertOutcome::OutsideWindow);
        let counted = owner.texts("SELECT count(*) FROM entries").await;
        assert_eq!(counted, ["40"], "what was refused left nothing");
        ingest.shutdown().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_waits_for_whoever_retires_a_key_pair() {
    uphold(store().await, async |harness| {
        let (ingest, _) = ingest(harness).await;
        let scene = Scene::new(harness);
        let pair = scene.pair(Scope::Shared, KeyState::Active).await;
        let owner = scene.make.user_id();
        for (end, expected) in [
            ("ROLLBACK", InsertOutcome::Inserted),
            ("COMMIT", InsertOutcome::KeyPairNotActive),
        ] {
            let mut other = harness.database.client().await;
            other
                .run("BEGIN; UPDATE key_pairs SET state = 'deactivated'")
                .await;
            let document = scene.make.document(owner, &pair);
            let inserted = insert(&ingest, &scene, &document);
            tokio::pin!(inserted);
            let early = tokio::time::timeout(Duration::from_millis(150), &mut inserted).await;
            assert!(early.is_err(), "the insert did not wait");
            other.run(end).await;
            assert_eq!(inserted.await.unwrap(), expected, "{end}");
        }
        ingest.shutdown().await;
    })
    .await;
}

/// A copy as holds make them, by way of the table that the role may insert into.
const PLANTED_COPY: &str = "INSERT INTO documents (retention_class, id, state, version, owner, name, \
       content_length, content_type, compressed, format, wrap_algorithm, key_serial, wrapped_key, \
       key_commitment, object_key, created_at, hold, key_exposed, expires_early) \
     VALUES (256, gen_random_uuid(), 'pending', 1, gen_random_uuid(), 'x', \
       1, 'x', false, 'x', 'x', 1, '', \
       '', 'x', now(), true, false, false)";

/// Everything that would let whoever holds this role read a document or let somebody read it.
const FORBIDDEN: &[&str] = &[
    "SELECT sealed FROM crypt_keeper_keys.private_keys",
    "SELECT count(*) FROM crypt_keeper_keys.private_keys",
    "SELECT wrapped_key FROM documents",
    "SELECT name FROM documents",
    "SELECT * FROM entries",
    "SELECT * FROM audit",
    "INSERT INTO entries SELECT retention_class, id, 'user', gen_random_uuid(), 63, \
       gen_random_uuid(), now(), NULL FROM documents",
    "UPDATE entries SET rights = 63",
    "DELETE FROM entries",
    "UPDATE documents SET owner = gen_random_uuid()",
    "DELETE FROM documents",
    "UPDATE key_pairs SET state = 'active'",
    "INSERT INTO key_pairs SELECT * FROM key_pairs",
    "SELECT * FROM key_pairs FOR SHARE",
    "DELETE FROM key_pairs",
    "UPDATE users SET state = 'active'",
    "INSERT INTO users SELECT * FROM users",
    "INSERT INTO api_keys SELECT * FROM api_keys",
    "UPDATE api_keys SET revoked_at = NULL",
    "SELECT * FROM holds",
    "INSERT INTO holds VALUES (0, gen_random_uuid(), 'x', now(), now())",
    "DELETE FROM holds",
    PLANTED_COPY,
    "UPDATE audit SET action = 'x'",
    "DELETE FROM audit",
    "TRUNCATE audit",
    "DELETE FROM __diesel_schema_migrations",
    "CREATE TABLE public.mine (n int)",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "ALTER FUNCTION ingest_lock_key_pairs(bigint[]) SECURITY INVOKER",
    "SET ROLE postgres",
];
/// Insufficient privilege (PostgreSQL's documentation, Appendix A).
const REFUSED: &str = "42501";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_refuses_it_all_else() {
    uphold(store().await, async |harness| {
        let (ingest, url) = ingest(harness).await;
        let scene = Scene::new(harness);
        let pair = scene.pair(Scope::Shared, KeyState::Active).await;
        let (alice, mallory) = (scene.user("alice").await, scene.user("mallory").await);
        let document = scene.document(alice.id, &pair).await;

        let mut client = Client::connect(&url).await;
        for statement in FORBIDDEN {
            let refusal = client.refusal(statement).await;
            let refusal = refusal.unwrap_or_else(|| panic!("{statement} was done"));
            assert!(refusal.starts_with(REFUSED), "{statement}: {refusal}");
        }
        // The functions do no more for it than an upload needs.
        let id = document.id.uuid();
        let class = document.id.class().number();
        let enter = format!("SELECT * FROM ingest_enter_owners('{{{class}}}', '{{{id}}}')");
        let refusal = client.refusal(&enter).await.unwrap();
        assert!(
            refusal.contains("an owner is entered with his document, and not later"),
            "{refusal}"
        );
        // Names of its own before ours change nothing.
        client
            .run(
                "CREATE TEMPORARY TABLE key_pairs (serial bigint, scope text, algorithm text, \
                   state text);
                 INSERT INTO key_pairs VALUES (7, 'shared', 'x', 'active');
                 SET search_path = pg_temp, public",
            )
            .await;
        let locked = client
            .texts("SELECT serial FROM public.ingest_lock_key_pairs('{7}')")
            .await;
        assert_eq!(locked, [""; 0]);

        // The same by way of the store: nothing is granted, nothing is read.
        let entry = scene.make.entry(&document, mallory.id, Rights::V1_SHARE);
        let record = scene.make.record_on(AuditAction::EntryGranted, document.id);
        let granted = ingest.grant(&entry, &record).await;
        assert!(
            matches!(granted, Err(StoreError::Backend(_))),
            "{granted:?}"
        );
        let found = ingest.entries(document.id).await;
        assert!(matches!(found, Err(StoreError::Backend(_))), "{found:?}");
        let not_owners = scene.make.document(alice.id, &pair);
        let entry = scene.make.entry(&not_owners, mallory.id, Rights::OWNER);
        let record = scene
            .make
            .record_on(AuditAction::DocumentCreated, not_owners.id);
        let inserted = ingest.insert(&not_owners, &entry, &record).await;
        assert!(matches!(inserted, Err(StoreError::Backend(_))));
        assert!(scene.find(not_owners.id, &[mallory.id]).await.is_none());
        assert_eq!(
            scene.grant(&scene.make.owner_entry(&document)).await,
            Change::Unchanged,
            "the owner's entry is as it was"
        );
        ingest.shutdown().await;
    })
    .await;
}

/// Whoever has no right to the functions has none by them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_functions_are_not_everybodys() {
    uphold(store().await, async |harness| {
        let mut owner = harness.database.client().await;
        let public = owner
            .texts(
                "SELECT p.proname FROM pg_proc p WHERE p.proname LIKE 'ingest%' AND \
                 has_function_privilege('pg_monitor', p.oid, 'EXECUTE')",
            )
            .await;
        assert_eq!(public, [""; 0]);
        let all = owner
            .texts("SELECT proname FROM pg_proc WHERE proname LIKE 'ingest%' ORDER BY 1")
            .await;
        assert_eq!(all, ["ingest_enter_owners", "ingest_lock_key_pairs"]);
    })
    .await;
}
