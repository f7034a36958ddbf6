//! Two servers on one store behind a balancer: one of them is killed, again and again, and clients
//! notice no more than a connection that they have to make once more.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

mod clients;
mod kills;
mod record;
mod shared;
mod terminals;

use std::time::Duration;

use crypt_keeper_test_services::{FaultProxy, cycles};
use crypt_keeper_tests::{Blobs, Metadata, Parts, Server, announce, random_below};

use record::Record;
use shared::Shared;

/// How many scripts of 2017 are at work, each with a connection for each request.
const SCRIPTS: usize = 4;
/// How many people type `ckc`.
const TERMINALS: usize = 2;

#[test]
fn nothing_is_lost_when_one_of_two_servers_on_postgres_is_killed_in_all_cycles() {
    if let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Minio) {
        one_of_two_is_killed(&parts, "PostgreSQL");
    }
}

#[test]
fn nothing_is_lost_when_one_of_two_servers_on_dynamodb_is_killed_in_all_cycles() {
    if let Some(parts) = Parts::find(Metadata::DynamoDb, Blobs::Minio) {
        one_of_two_is_killed(&parts, "DynamoDB");
    }
}

fn one_of_two_is_killed(parts: &Parts, on: &str) {
    let mut first = Server::start(parts);
    let mut second = Server::start_installation(first.installation.twin());
    let addresses = [first.address(), second.address()];
    let balancer = FaultProxy::balance(&addresses).unwrap();
    let (alice, bob) = (first.user("alice"), first.user("bob"));
    let shared = Shared::new(balancer.address(), alice, bob);
    let mut killed = [0; 2];
    let record = std::thread::scope(|scope| {
        // Also if this fails: the scope waits for them.
        let _stop = shared.stop_on_drop();
        let scripts = (0..SCRIPTS).map(|_| scope.spawn(|| clients::work(&shared)));
        let terminals = (0..TERMINALS).map(|_| scope.spawn(|| terminals::work(&shared)));
        let workers: Vec<_> = scripts.chain(terminals).collect();
        for _ in 0..cycles(5) {
            shared.wait_for_uploads(SCRIPTS + TERMINALS);
            std::thread::sleep(Duration::from_millis(random_below(300)));
            let (victim, number) = match random_below(2) {
                0 => (&mut first, 0),
                _ => (&mut second, 1),
            };
            shared.kills.kill(victim);
            killed[number] += 1;
            // The other one serves them all.
            shared.wait_for_uploads(SCRIPTS + TERMINALS);
            victim.start_again();
            let before = balancer.connections_to(victim.address());
            shared.wait_until("it is taken in again", || {
                balancer.connections_to(victim.address()) > before
            });
        }
        shared.stop();
        let mut record = Record::default();
        for worker in workers {
            record.add(worker.join().unwrap());
        }
        record
    });
    assert_eq!(shared.wrong(), [""; 0]);
    record::is_kept(&record, &shared, [&first, &second]);
    announce(&format!(
        "two servers on {on}, kills: {} and {}; {} acknowledged uploads, {} shares, {} downloads, \
         none lost or refused; {} connections broke and were made again",
        killed[0],
        killed[1],
        record.documents.len(),
        record.shares(),
        record.downloads,
        shared.broken(),
    ));
}
