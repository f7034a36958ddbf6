//! A key vault whose private halves lie in a store of their own, sealed under a master key that
//! comes from outside of it.
//!
//! [`SealedVault`] is the [`KeyVault`](crypt_keeper_domain::ports::KeyVault) over a
//! [`KeyRegistry`](crypt_keeper_domain::ports::KeyRegistry) and a
//! [`PrivateKeys`](crypt_keeper_domain::ports::PrivateKeys). A private half is opened once, kept
//! parsed, and used on threads of the vault's own; [`master_key`] is where the master key comes
//! from.

mod carry;
mod census;
mod error;
mod follow;
pub mod master_key;
mod private_halves;
mod reseal;
mod vault;

pub use census::Census;
pub use crypt_keeper_keys::{
    CacheConfig, CacheStats, CarriesHalves, Circuit, HalfCopy, IngestVault, PairInspection,
    ReadyScope, VaultConfig as SealedVaultConfig, Workers,
};
pub use reseal::{ResealStep, Resealed};
pub use vault::SealedVault;
