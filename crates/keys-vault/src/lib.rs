//! Key vaults whose private halves lie in HashiCorp Vault, or in OpenBao, which speaks the same
//! protocol.
//!
//! | | the private half | an unwrap |
//! |---|---|---|
//! | [`kv_vault`] | in KV version 2, at `<mount>/crypt-keeper/keys/<serial>`; Vault's barrier seals it | in this process, which keeps it opened for a while |
//! | [`TransitVault`] | a Transit key that never leaves Vault | one call |
//!
//! Both talk through a [`VaultSession`], which logs in, renews, logs in again where a token has gone,
//! and gives up in time. Policies for each kind of work are in `deploy/vault/`.
//!
//! No error of this crate holds a text of Vault's or a secret: what the client library answers is
//! sorted into [`CallError`], a closed set with words of its own. The library itself logs every
//! failed call; whoever sets up a log must switch the targets `vaultrs` and `rustify` off.
//!
//! What cannot be had: the HTTP library's buffers, in which private halves and unwrapped document
//! keys arrive, are freed and not wiped.

mod call;
mod classify;
mod config;
mod kv;
mod mounts;
mod policies;
mod session;
mod transit;
mod transit_seal;

pub use call::{CallError, LoginError};
pub use config::{
    Auth, AuthMethod, InvalidAddress, InvalidPath, MountPath, SessionConfig, VaultAddress,
};
pub use crypt_keeper_keys::{
    BreakerConfig, CacheConfig, CacheStats, Circuit, LocalVault, PairInspection, ReadyScope,
    VaultConfig, Workers,
};
pub use kv::{KvHalves, kv_vault};
pub use policies::{Excess, Lines, MissingLine, Place, Policy, PolicyReport, Rights};
pub use session::{SealStatus, StartError, TokenReport, VaultSession, WrappedSecretId};
pub use transit::{TransitConfig, TransitVault};
pub use transit_seal::{InvalidKeyPath, SealError, TransitKeyPath, TransitSeal};
