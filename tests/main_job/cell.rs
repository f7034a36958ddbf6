//! The combinations of backends: what has the metadata, the objects, the private halves.

use std::fmt;

use crypt_keeper_test_services::openbao;
use crypt_keeper_tests::{Blobs, Engine, KeysInVault, Metadata, Parts, Server};

const METADATA: [Metadata; 3] = [Metadata::Sqlite, Metadata::Postgres, Metadata::DynamoDb];
const BLOBS: [Blobs; 3] = [Blobs::Local, Blobs::Minio, Blobs::Versitygw];
const KEYS: [Keys; 3] = [Keys::Sealed, Keys::VaultKv, Keys::VaultTransit];

/// Where private halves are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// In a database, sealed under a master key.
    Sealed,
    /// In a KV mount of an OpenBao.
    VaultKv,
    /// In a Transit mount of an OpenBao.
    VaultTransit,
}

/// One combination. The configuration refuses none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) metadata: Metadata,
    pub(crate) blobs: Blobs,
    pub(crate) keys: Keys,
}

impl Cell {
    /// Every combination.
    pub(crate) fn all() -> Vec<Self> {
        let pairs = METADATA
            .into_iter()
            .flat_map(|metadata| BLOBS.into_iter().map(move |blobs| (metadata, blobs)));
        pairs
            .flat_map(|(metadata, blobs)| {
                KEYS.into_iter().map(move |keys| Self {
                    metadata,
                    blobs,
                    keys,
                })
            })
            .collect()
    }

    /// As few as can be so that each two values of two axes meet: the cells of a Latin square.
    pub(crate) fn covering() -> Vec<Self> {
        let mut cells = Vec::new();
        for (row, metadata) in METADATA.into_iter().enumerate() {
            for (column, blobs) in BLOBS.into_iter().enumerate() {
                cells.push(Self {
                    metadata,
                    blobs,
                    keys: KEYS[(row + column) % KEYS.len()],
                });
            }
        }
        cells
    }

    /// A service on these, all its own: data folder, database or tables, bucket, mounts. `None` if
    /// a server cannot be had and tests may be skipped.
    pub(crate) fn start(self) -> Option<(Server, Option<KeysInVault>)> {
        let parts = Parts::find(self.metadata, self.blobs)?;
        let engine = match self.keys {
            Keys::Sealed => return Some((Server::start(&parts), None)),
            Keys::VaultKv => Engine::Kv,
            Keys::VaultTransit => Engine::Transit,
        };
        let keys = KeysInVault::create(engine, &openbao()?);
        let server = Server::start_installation(keys.set_up(&parts));
        Some((server, Some(keys)))
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metadata = match self.metadata {
            Metadata::Sqlite => "sqlite",
            Metadata::Postgres => "postgres",
            Metadata::DynamoDb => "dynamodb",
        };
        let blobs = match self.blobs {
            Blobs::Local => "local",
            Blobs::Minio => "minio",
            Blobs::Versitygw => "versitygw",
        };
        let keys = match self.keys {
            Keys::Sealed => "sealed",
            Keys::VaultKv => "vault-kv",
            Keys::VaultTransit => "vault-transit",
        };
        write!(f, "{metadata:<9} {blobs:<10} {keys:<13}")
    }
}

#[test]
fn the_whole_matrix_has_each_cell_once() {
    let all = Cell::all();
    assert_eq!(all.len(), 27);
    for (number, cell) in all.iter().enumerate() {
        assert!(!all[..number].contains(cell), "{cell} is there twice");
    }
}

#[test]
fn each_two_values_meet_in_the_covering_cells_of_the_matrix() {
    let cells = Cell::covering();
    assert_eq!(cells.len(), 9);
    for wanted in Cell::all() {
        let met = |same: fn(&Cell, &Cell) -> bool| cells.iter().any(|cell| same(cell, &wanted));
        assert!(
            met(|a, b| a.metadata == b.metadata && a.blobs == b.blobs)
                && met(|a, b| a.metadata == b.metadata && a.keys == b.keys)
                && met(|a, b| a.blobs == b.blobs && a.keys == b.keys),
            "two of {wanted} never meet"
        );
    }
}
