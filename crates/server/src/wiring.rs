//! The only place that names adapters, and the only one with `cfg(feature)`.
//!
//! Commands take what they need and no more: [`Stores`] needs no master key, [`Vault::open`] needs
//! one for sealed private halves, [`open_blobs`] where the service signs URLs itself.

mod compiled_in;
mod copying;
mod databases;
#[cfg(feature = "dynamo")]
mod dynamodb;
#[cfg(feature = "vault")]
mod hashicorp;
mod master_keys;
mod objects;
mod vault;
mod vault_report;

use std::sync::Arc;

use crypt_keeper_domain::ports::{Clock, Entropy, KeyVault, Probe};
pub use crypt_keeper_keys_sealed::{
    CacheStats, Census, Circuit, IngestVault, PairInspection, ResealStep, Resealed, SealedVault,
};

pub use compiled_in::check_compiled_in;
pub use copying::{KeyRoute, carry_halves};
pub use databases::{Applied, Database, DatabaseError, Missing, SchemaStatus, Stores};
pub use master_keys::{
    MasterKeySource, MasterKeySourceError, MasterKeys, ReloadError, Reloaded, RingFile,
    RingFollower, check_master_keys, make_configured_master_key, make_master_key, read_master_keys,
};
#[cfg(feature = "s3")]
pub use objects::S3;
pub use objects::{Objects, open_blobs, open_blobs_for_ingest};
pub use vault::{Vault, needs_master_key, open_sealed};
pub use vault_report::{
    LineRights, MountState, PolicyRights, VaultLogin, VaultReport, VaultRights, VaultStatus,
    WrappedState, examine_vault,
};

use crate::config::Settings;
use crate::ports::Ports;

/// The HTTP face of the local folder, for the route that serves its signed URLs.
pub mod local_objects {
    pub use crypt_keeper_blobs_local::{
        GET_HEADERS, GetPermit, LocalBlobs, PATH_PREFIX, Permit, PutError, PutPermit,
        RequestedRange, UrlRefused, requested_range,
    };
}

/// What a server of the role `ingest` wraps with: public halves alone.
#[must_use]
pub fn ingest_vault(settings: &Settings, stores: &Stores) -> Arc<IngestVault> {
    let config = vault::vault_config(settings);
    Arc::new(IngestVault::new(Arc::clone(&stores.registry), &config))
}

/// All ports of the service.
#[must_use]
pub fn ports<V: KeyVault + Probe>(
    stores: &Stores,
    vault: &Arc<V>,
    objects: &Objects,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Ports {
    let mut probes = vec![Arc::clone(&stores.probe), Arc::clone(vault) as _];
    probes.extend(objects.probe.clone());
    Ports {
        store: Arc::clone(&stores.store),
        accounts: Arc::clone(&stores.accounts),
        audit: Arc::clone(&stores.audit),
        registry: Arc::clone(&stores.registry),
        vault: Arc::clone(vault) as _,
        blobs: Arc::clone(&objects.blobs),
        probes,
        clock,
        entropy,
    }
}
