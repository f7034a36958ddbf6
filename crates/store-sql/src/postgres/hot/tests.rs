//! The plans of the statements of every request: rows are found by their keys, also where the
//! planner knows nothing of the tables yet. And they are prepared once.

use std::sync::Arc;

use crypt_keeper_conformance::fixtures::Fixtures;
use crypt_keeper_domain::model::{
    KeyState, Lifetime, Partition, Principal, Rights, Scope, Timestamp,
};
use crypt_keeper_domain::ports::{Accounts as _, ApiKeyInsert, Partitions as _, UserInsert};
use diesel_async::RunQueryDsl as _;

use super::*;
use crate::postgres::tests::{Rig, plan};
use crate::rows::{DocumentRow, EntryRow, KeyPairRow, Place};
use crate::schema::{documents, entries, key_pairs};

#[derive(diesel::QueryableByName)]
struct Line {
    #[diesel(sql_type = diesel::sql_types::Text, column_name = "QUERY PLAN")]
    line: String,
}

#[derive(diesel::QueryableByName)]
struct Name {
    #[diesel(sql_type = diesel::sql_types::Text)]
    name: String,
}

/// How a statement goes that the connection has prepared, and that begins so.
async fn carry_out(conn: &mut Conn, beginning: &str, parameters: &str) -> String {
    let prepared = format!(
        "SELECT name FROM pg_prepared_statements WHERE starts_with(statement, '{beginning}')"
    );
    let prepared: Name = diesel::sql_query(prepared).get_result(conn).await.unwrap();
    let name = prepared.name;
    let explain = format!("EXPLAIN (ANALYZE, COSTS OFF) EXECUTE {name} ({parameters})");
    let lines: Vec<Line> = diesel::sql_query(explain).load(conn).await.unwrap();
    let lines: Vec<_> = lines.into_iter().map(|line| line.line).collect();
    lines.join("\n")
}

/// The tables of documents and entries that a plan which was carried out has looked into.
fn looked_into(plan: &str) -> Vec<&str> {
    let mut tables: Vec<_> = plan
        .lines()
        .filter(|line| line.contains(" Scan using ") && !line.contains("(never executed)"))
        .filter_map(|line| line.split(" on ").nth(1)?.split(' ').next())
        .filter(|table| table.starts_with("documents") || table.starts_with("entries"))
        .collect();
    tables.sort_unstable();
    tables
}

#[tokio::test]
async fn rows_are_found_by_their_keys() {
    let Some(rig) = Rig::new().await else {
        return;
    };
    let make = Fixtures::new(Timestamp::from_millis(1_772_366_400_000));
    let pair = make.pair(Scope::Shared, KeyState::Active);
    let user = make.user_id();
    let document = make.document(user, &pair);
    let key = make.api_key(user);
    let principals: Arc<[Principal]> = [Principal::User(user)].into();
    let release = Release {
        document: document.id,
        need: Rights::READ,
        principals: principals.to_vec(),
        user,
        api_key: key.id,
        at: make.at(),
    };
    let audit = make.record(crypt_keeper_domain::model::AuditAction::DocumentReleased);

    let mut conn = rig
        .connector
        .connect(Purpose::GatheredLookups)
        .await
        .unwrap();
    let keys = plan(&mut conn, api_key::Statement::new(&[key.id])).await;
    let found = plan(
        &mut conn,
        find::Statement::new(&[(Place::Partitions.key(document.id), principals)]),
    )
    .await;
    let request = Arc::new(release::Request::new(Place::Partitions, &release, &audit));
    let released = plan(&mut conn, release::Statement::new(&[request])).await;
    for (plan, indexes) in [
        (&keys, &["api_keys_pkey", "users_pkey"][..]),
        (
            &found,
            &["documents_0_until_", "key_pairs_pkey", "entries_0_until_"],
        ),
        (
            &released,
            &[
                "documents_0_until_",
                "key_pairs_pkey",
                "entries_0_until_",
                "users_pkey",
                "api_keys_pkey",
            ],
        ),
    ] {
        for index in indexes {
            assert!(plan.contains(&format!("using {index}")), "{index}:\n{plan}");
        }
        assert!(!plan.contains("Seq Scan"), "{plan}");
        assert!(!plan.contains("JIT"), "{plan}");
    }
    // Both indexes of entries hold the whole key: one row is looked up in either.
    for plan in [&found, &released] {
        let lookup = plan.lines().filter(|line| line.contains("Index Cond"));
        let whole = lookup.filter(|line| {
            ["principal_id =", "principal_kind =", "document_id ="]
                .iter()
                .all(|column| line.contains(column))
        });
        assert_eq!(whole.count(), 1, "{plan}");
    }
    // Each is locked where it is looked up, and joins come in the order in which they are written.
    let steps = released.lines().map(str::trim_start);
    let order: Vec<_> = steps
        .filter_map(|step| step.strip_prefix("->  "))
        .filter_map(|step| match step.split_once(" on ") {
            Some(("Subquery Scan", of)) => of.split(' ').next(),
            _ => step.starts_with("LockRows").then_some("lock"),
        })
        .collect();
    let expected = ["d", "e", "p", "u", "k"];
    let expected: Vec<_> = expected.iter().flat_map(|of| [*of, "lock"]).collect();
    assert_eq!(order, expected, "{released}");

    let mut conn = rig
        .connector
        .connect(Purpose::GatheredInserts)
        .await
        .unwrap();
    let entry = make.owner_entry(&document);
    let request = insert::Request::new(Place::Partitions, &document, &entry, &audit);
    let request = Arc::new(request);
    let inserted = plan(&mut conn, insert::Statement::new(&[request])).await;
    assert!(
        inserted.contains("Conflict Arbiter Indexes: documents_pkey"),
        "{inserted}"
    );
    assert!(inserted.contains("LockRows"), "{inserted}");
    rig.drop().await;
}

#[tokio::test]
async fn a_statement_is_prepared_once() {
    let Some(rig) = Rig::new().await else {
        return;
    };
    let make = Fixtures::new(Timestamp::from_millis(1_772_366_400_000));
    let mut conn = rig
        .connector
        .connect(Purpose::GatheredLookups)
        .await
        .unwrap();
    for count in 1..=5 {
        let batch = (0..count)
            .map(|_| make.api_key(make.user_id()).id)
            .collect();
        api_key::FindApiKey::run(&mut conn, batch).await.unwrap();
        let pair = make.pair(Scope::Shared, KeyState::Active);
        let batch = (0..count)
            .map(|_| make.document(make.user_id(), &pair).id)
            .map(|id| (Place::Partitions.key(id), Arc::default()))
            .collect();
        find::Find::run(&mut conn, batch).await.unwrap();
    }
    let prepared: Vec<i64> = diesel::select(diesel::dsl::sql::<diesel::sql_types::BigInt>(
        "(SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%unnest%' \
          AND statement NOT LIKE '%pg_prepared_statements%')",
    ))
    .load(&mut conn)
    .await
    .unwrap();
    assert_eq!(prepared, [2]);
    rig.drop().await;
}

/// Of any number of partitions, those that a batch has ids of, as the statements are really sent:
/// prepared once, over arrays.
#[tokio::test]
async fn a_lookup_touches_one_partition() {
    let Some(rig) = Rig::new().await else {
        return;
    };
    let make = Fixtures::new(Timestamp::from_millis(1_772_366_400_000));
    let pair = make.pair(Scope::Shared, KeyState::Active);
    let account = make.user("alice");
    let key = make.api_key(account.id);
    let record = make.record(crypt_keeper_domain::model::AuditAction::UserCreated);
    let inserted = rig.store.insert_user(&account, &record).await;
    assert_eq!(inserted.unwrap(), UserInsert::Inserted);
    let record = make.record(crypt_keeper_domain::model::AuditAction::ApiKeyCreated);
    let inserted = rig.store.insert_api_key(&key, &record).await;
    assert_eq!(inserted.unwrap(), ApiKeyInsert::Inserted);
    let user = account.id;
    let principals: Arc<[Principal]> = [Principal::User(user)].into();
    let mut conn = rig
        .connector
        .connect(Purpose::GatheredLookups)
        .await
        .unwrap();
    diesel::insert_into(key_pairs::table)
        .values(KeyPairRow::from(&pair))
        .execute(&mut conn)
        .await
        .unwrap();
    let mut keys = Vec::new();
    let mut month: Partition = "0/20300101".parse().unwrap();
    for _ in 0..36 {
        rig.store
            .ensure_partition(month, Lifetime::UNLIMITED, make.at())
            .await
            .unwrap();
        let id = make.document_id(month.class(), month.starts_at());
        let document = make.document_with_id(id, user, &pair);
        let entry = make.owner_entry(&document);
        diesel::insert_into(documents::table)
            .values(DocumentRow::from(&document))
            .execute(&mut conn)
            .await
            .unwrap();
        diesel::insert_into(entries::table)
            .values(EntryRow::from(&entry))
            .execute(&mut conn)
            .await
            .unwrap();
        keys.push(Place::Partitions.key(id));
        month = month.next().unwrap();
    }
    // Once as a request does, so that it is prepared.
    let batch = vec![(keys[0], Arc::clone(&principals))];
    let answers = find::Find::run(&mut conn, batch).await.unwrap();
    assert_eq!(
        answers[0].as_ref().unwrap().as_ref().unwrap().entries.len(),
        1
    );
    let user = user.uuid();
    let found = async |conn: &mut Conn, first: usize, last: usize| {
        let (first, last) = (keys[first].1.0, keys[last].1.0);
        let span = format!("0::smallint, 0::smallint, '{first}', '{last}'");
        let parameters = format!(
            "'{{1,2}}', '{{0,0}}', '{{{first},{last}}}', '{{user,user}}', '{{{user},{user}}}', \
             {span}, {span}"
        );
        carry_out(conn, "SELECT asked.n", &parameters).await
    };
    let plan = found(&mut conn, 17, 17).await;
    let one = ["documents_0_20310601", "entries_0_20310601"];
    assert_eq!(looked_into(&plan), one, "{plan}");
    // Of 36, the first one, two made ahead, and that of held copies, the others are not even opened.
    assert_eq!(plan.matches("Subplans Removed: 39").count(), 2, "{plan}");
    let plan = found(&mut conn, 0, 35).await;
    let both = [
        "documents_0_20300101",
        "documents_0_20321201",
        "entries_0_20300101",
        "entries_0_20321201",
    ];
    assert_eq!(looked_into(&plan), both, "{plan}");

    let id = keys[17].1.0;
    let release = Release {
        document: DocumentId::from_uuid(id).unwrap(),
        need: Rights::READ,
        principals: principals.to_vec(),
        user: key.user,
        api_key: key.id,
        at: make.at(),
    };
    let audit = make.record(crypt_keeper_domain::model::AuditAction::DocumentReleased);
    let request = Arc::new(release::Request::new(Place::Partitions, &release, &audit));
    let answers = release::RecordRelease::run(&mut conn, vec![request]).await;
    assert!(matches!(
        answers.unwrap()[..],
        [Ok(ReleaseOutcome::Recorded)]
    ));
    let nothing = ", '{}'".repeat(15);
    let span = format!("0::smallint, 0::smallint, '{id}', '{id}'");
    let parameters = format!(
        "'{{1}}', '{{0}}', '{{{id}}}', '{{user}}', '{{{user}}}', '{{2}}', '{{{user}}}', \
         '{{{}}}', '{{2026-03-01}}', {span}, {span}{nothing}",
        key.id
    );
    let plan = carry_out(&mut conn, "WITH allowed", &parameters).await;
    assert_eq!(looked_into(&plan), one, "{plan}");
    assert_eq!(plan.matches("Subplans Removed: 39").count(), 2, "{plan}");
    rig.drop().await;
}
