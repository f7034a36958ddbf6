//! What `crypt-keeper doctor` says of HashiCorp Vault, or of OpenBao, in good days and bad ones.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

mod desk;
mod login;
mod master_key;
mod policies;
mod server;
