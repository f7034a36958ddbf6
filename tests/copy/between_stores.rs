//! From any store to any other.

use crypt_keeper_tests::{Blobs, Installation, Metadata, Parts};

use crate::{moves, target};

#[test]
fn an_installation_moves_from_sqlite_to_postgres_and_a_bucket() {
    let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Minio) else {
        return;
    };
    moves(Installation::new(&Parts::embedded()), target(&parts));
}

#[test]
fn an_installation_moves_from_sqlite_to_dynamodb() {
    let Some(parts) = Parts::find(Metadata::DynamoDb, Blobs::Local) else {
        return;
    };
    moves(Installation::new(&Parts::embedded()), target(&parts));
}

#[test]
fn an_installation_moves_from_dynamodb_and_a_bucket_to_sqlite() {
    let Some(parts) = Parts::find(Metadata::DynamoDb, Blobs::Versitygw) else {
        return;
    };
    let mut source = Installation::new(&parts);
    source.set_up();
    moves(source, Installation::new(&Parts::embedded()));
}

#[test]
fn an_installation_moves_from_postgres_to_dynamodb_and_keeps_its_bucket() {
    let (Some(from), Some(to)) = (
        Parts::find(Metadata::Postgres, Blobs::Minio),
        Parts::find(Metadata::DynamoDb, Blobs::Minio),
    ) else {
        return;
    };
    let mut source = Installation::new(&from);
    source.set_up();
    let mut target = target(&to);
    let bucket = source.setting("BLOBS__S3__BUCKET").to_owned();
    target.set("BLOBS__S3__BUCKET", &bucket);
    moves(source, target);
}
