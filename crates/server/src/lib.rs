//! The Crypt-Keeper service.
