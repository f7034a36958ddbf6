use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use crypt_keeper_test_services as services;

use super::*;
use crate::config::DynamoDbConfig;
use crate::items::{key, number};
use crate::tables::{Kind, TableNames};

/// Three collections whose items tell their number: 900 of them, every 100th of kind 1.
async fn collections() -> Option<(Calls, Vec<String>)> {
    let access = services::dynamodb()?;
    let config = DynamoDbConfig {
        region: None,
        endpoint: Some(access.endpoint.clone()),
        table_prefix: access.fresh_prefix().unwrap(),
    };
    let credentials = Credentials::builder()
        .access_key_id(&access.access_key)
        .secret_access_key(&access.secret_key)
        .provider_name("tests")
        .build();
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(aws_config::Region::new(access.region.clone()))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    let calls = Calls {
        client: config.client(&sdk).unwrap(),
        tables: TableNames::new(&config.table_prefix),
    };
    let table = calls.tables.audit();
    let within = std::time::Duration::from_secs(20);
    calls
        .make_table(&table, Kind::Sorted, within)
        .await
        .unwrap();
    let hashes = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
    let puts = (0..900).map(|at: i64| {
        // The first collection has two thirds of them.
        let hash = ["a", "b", "a", "c", "a", "a"][usize::try_from(at % 6).unwrap()];
        let mut item = key(hash, format!("{at:03}"));
        item.insert("kind".to_owned(), number(i64::from(at % 100 == 0)));
        let put = calls.client.put_item().table_name(&table);
        put.set_item(Some(item)).send()
    });
    for put in puts.collect::<Vec<_>>() {
        put.await.unwrap();
    }
    Some((calls, hashes))
}

fn numbers(taken: &Taken) -> Vec<i64> {
    let number = |item: &Item| item["item"].as_s().unwrap().parse().unwrap();
    taken.items.iter().map(number).collect()
}

/// Bounded, a walk looks at little at a time, goes on where it stopped, and sees each item once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bounded_walk_stops_and_goes_on() {
    let Some((calls, hashes)) = collections().await else {
        return;
    };
    let table = calls.tables.audit();
    for descending in [false, true] {
        for filtered in [false, true] {
            let mut expected: Vec<i64> = (0..900).step_by(if filtered { 100 } else { 1 }).collect();
            if descending {
                expected.reverse();
            }
            let filter = Filter::default().and("{name} = {value}", "kind", number(1));
            let mut range = Range::of_table(table.clone(), hashes.clone());
            range.descending = descending;
            range.filter = filtered.then_some(filter);
            for (count, looking_at) in [(1000, 1), (1000, 700), (3, 1), (4, usize::MAX)] {
                let (mut all, mut calls_made) = (Vec::new(), 0);
                let mut range = range.clone();
                loop {
                    let mut merged = range.clone().merge(&calls);
                    let taken = merged.take_within(count, looking_at).await.unwrap();
                    assert!(merged.looked_at() <= looking_at.saturating_add(3 * MOST));
                    assert!(taken.items.len() <= count);
                    let found = numbers(&taken);
                    let is_full = found.len() == count;
                    let last = found.last().map(|last| format!("{last:03}"));
                    all.extend(found);
                    calls_made += 1;
                    assert!(calls_made < 1000, "no end");
                    let next = taken.stopped_at.or(last.filter(|_| is_full));
                    match next {
                        None => break,
                        Some(next) if descending => range.before = Some(next),
                        Some(next) => range.after = Some(next),
                    }
                }
                let case = format!("{descending} {filtered} {count} {looking_at}");
                assert_eq!(all, expected, "{case}");
                assert!(looking_at > 1 || calls_made > 1, "{case}: never stopped");
            }
        }
    }
    let delete = calls.client.delete_table().table_name(&table);
    delete.send().await.unwrap();
}
