//! Whole expiries, stopped at any of their steps.

use crypt_keeper_conformance::expiry_laws;

use crate::support::Site;

expiry_laws!(Site::new());
