//! The objects as they lie in the store, past the service.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use tokio::runtime::Runtime;

use crate::Installation;
use crate::opened::{settings, static_credentials};
use crypt_keeper_server::config::BlobsBackend;

/// The objects of an installation, seen by somebody who may do anything to them. It blocks: not for
/// use within a runtime.
#[derive(Debug)]
pub struct StoredObjects {
    place: Place,
}

#[derive(Debug)]
enum Place {
    Folder(PathBuf),
    Bucket {
        client: Client,
        name: String,
        runtime: Runtime,
    },
}

impl StoredObjects {
    /// Those of this installation.
    ///
    /// # Panics
    /// If its settings do not say where they are.
    #[must_use]
    pub fn of(installation: &Installation) -> Self {
        let place = match settings(installation).blobs.backend {
            BlobsBackend::Local => Place::Folder(installation.data().join("blobs/objects")),
            BlobsBackend::S3(s3) => {
                let sdk = static_credentials(installation);
                let region = s3.region.expect("a region");
                let config = aws_sdk_s3::config::Builder::from(&sdk)
                    .region(aws_sdk_s3::config::Region::new(region))
                    .endpoint_url(s3.endpoint.expect("an endpoint"))
                    .force_path_style(s3.path_style)
                    .build();
                Place::Bucket {
                    client: Client::from_conf(config),
                    name: s3.bucket,
                    runtime: Runtime::new().expect("a runtime"),
                }
            }
        };
        Self { place }
    }

    /// The keys of all.
    ///
    /// # Panics
    /// If the store does not answer.
    #[must_use]
    pub fn keys(&self) -> BTreeSet<String> {
        match &self.place {
            Place::Folder(folder) => files(folder),
            Place::Bucket {
                client,
                name,
                runtime,
            } => runtime.block_on(async {
                let listed = client.list_objects_v2().bucket(name).into_paginator();
                let listed = listed.send().try_collect().await.expect("a listing");
                let objects = listed.iter().flat_map(|page| page.contents());
                let keys = objects.filter_map(|object| object.key().map(str::to_owned));
                keys.collect()
            }),
        }
    }

    /// The bytes of one.
    ///
    /// # Panics
    /// If it is not there.
    #[must_use]
    pub fn read(&self, key: &str) -> Vec<u8> {
        match &self.place {
            Place::Folder(folder) => fs::read(folder.join(key)).expect("an object"),
            Place::Bucket {
                client,
                name,
                runtime,
            } => runtime.block_on(async {
                let got = client.get_object().bucket(name).key(key).send().await;
                let body = got.expect("an object").body.collect().await;
                body.expect("a whole object").to_vec()
            }),
        }
    }

    /// Puts one.
    ///
    /// # Panics
    /// If the store refuses.
    pub fn put(&self, key: &str, bytes: &[u8]) {
        match &self.place {
            Place::Folder(folder) => {
                let file = folder.join(key);
                fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
                fs::write(file, bytes).expect("a written object");
            }
            Place::Bucket {
                client,
                name,
                runtime,
            } => runtime.block_on(async {
                let put = client.put_object().bucket(name).key(key);
                let body = ByteStream::from(bytes.to_vec());
                put.body(body).send().await.expect("a written object");
            }),
        }
    }

    /// A backup: a copy of all.
    ///
    /// # Panics
    /// As [`read`](Self::read).
    #[must_use]
    pub fn back_up(&self) -> BTreeMap<String, Vec<u8>> {
        let keys = self.keys().into_iter();
        keys.map(|key| (key.clone(), self.read(&key))).collect()
    }

    /// Puts back what a backup holds; what came after it stays.
    ///
    /// # Panics
    /// As [`put`](Self::put).
    pub fn restore(&self, backup: &BTreeMap<String, Vec<u8>>) {
        for (key, bytes) in backup {
            self.put(key, bytes);
        }
    }
}

/// Everything below a folder, as keys.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                left.push(path);
            } else {
                let key = path.strip_prefix(folder).expect("below it");
                found.insert(key.to_str().expect("a key").to_owned());
            }
        }
    }
    found
}
