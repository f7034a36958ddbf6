//! A master key that is itself sealed by Transit of HashiCorp Vault, or of OpenBao: the file alone
//! opens nothing.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

mod desk;
mod life;
mod moving_in;
mod outage;
mod refusals;
mod roles;
