//! Which backends this program has.

use crate::config::{BlobsBackend, KeysBackend, MasterKey, MetadataBackend, Settings};
use crate::error::StartError;

/// Refuses backends that this program was built without, before anything is opened or made.
///
/// # Errors
/// [`StartError::NotCompiledIn`] names the first of them, and its cargo feature.
pub fn check_compiled_in(settings: &Settings) -> Result<(), StartError> {
    let (has_store, store, store_feature) = match settings.metadata.backend {
        MetadataBackend::Sqlite => (cfg!(feature = "sqlite"), "sqlite", "sqlite"),
        MetadataBackend::Postgres(_) => (cfg!(feature = "postgres"), "postgres", "postgres"),
        MetadataBackend::DynamoDb(_) => (cfg!(feature = "dynamo"), "dynamodb", "dynamo"),
    };
    let has_objects = match settings.blobs.backend {
        BlobsBackend::Local => true,
        BlobsBackend::S3(_) => cfg!(feature = "s3"),
    };
    let has_keys = match settings.keys.backend {
        KeysBackend::Sealed => true,
        KeysBackend::VaultKv | KeysBackend::VaultTransit => cfg!(feature = "vault"),
    };
    let has_key_store = settings.keys.sealed_url.is_none() || cfg!(feature = "postgres");
    let master_key = settings.keys.master_key.as_ref();
    let ring_is_sealed = matches!(master_key, Some(MasterKey::SealedFile { .. }));
    let lacking = [
        (has_store, "metadata.backend", store, store_feature),
        (
            has_key_store,
            "keys.sealed.url",
            "postgres://..",
            "postgres",
        ),
        (has_objects, "blobs.backend", "s3", "s3"),
        (
            !ring_is_sealed || cfg!(feature = "vault"),
            "keys.master_key_transit",
            "transit",
            "vault",
        ),
        (
            has_keys,
            "keys.backend",
            settings.keys.backend.as_str(),
            "vault",
        ),
    ];
    match lacking.into_iter().find(|(is_there, ..)| !is_there) {
        None => Ok(()),
        Some((_, key, backend, feature)) => Err(StartError::NotCompiledIn {
            key,
            backend,
            feature,
        }),
    }
}
