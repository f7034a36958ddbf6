//! What key vaults share.
//!
//! [`LocalVault`] is the [`KeyVault`](crypt_keeper_domain::ports::KeyVault) that unwraps in this
//! process: it fetches a private half from wherever a [`PrivateHalves`] keeps it, opens it once,
//! holds it parsed for as long as [`CacheConfig`] has it, and uses it on threads of its own. Which
//! pair is active, and what state a pair is in, comes from [`Pairs`], the registry remembered for
//! moments; a vault whose private halves never leave another machine uses that alone.
//! [`IngestVault`] wraps, and has no private halves at all.

mod cache;
mod carry;
mod create;
mod error;
mod ingest;
mod inspect;
mod key_cache;
mod monotonic;
mod opened;
mod pairs;
mod pool;
mod private_halves;
mod probe;
mod ready_scope;
mod rewrapping;
mod sweep;
mod unwrapping;
mod vault;
mod wrapping;

pub use carry::{CarriesHalves, HalfCopy};
pub use error::{PairError, in_one_line};
pub use ingest::IngestVault;
pub use inspect::PairInspection;
pub use key_cache::{BreakerConfig, CacheConfig, CacheStats, Circuit};
pub use monotonic::MonotonicClock;
pub use pairs::{
    ActivePair, KnownPair, PairIdentity, Pairs, parse_transit_public_half, require_same_algorithm,
};
pub use pool::Workers;
pub use private_halves::PrivateHalves;
pub use probe::tell_readiness;
pub use ready_scope::ReadyScope;
pub use vault::{LocalVault, VaultConfig};
pub use wrapping::{Wraps, wrap};
