//! Where the two commands are.

use std::path::PathBuf;
use std::sync::OnceLock;

/// The built commands.
#[derive(Debug)]
pub struct Binaries {
    /// `crypt-keeper`.
    pub server: PathBuf,
    /// `ckc`.
    pub ckc: PathBuf,
}

/// The commands, as new as the tests.
///
/// # Panics
/// If they cannot be built.
pub fn binaries() -> &'static Binaries {
    static BINARIES: OnceLock<Binaries> = OnceLock::new();
    BINARIES.get_or_init(|| {
        let built = |name| {
            crypt_keeper_test_services::binary(name).unwrap_or_else(|error| panic!("{error}"))
        };
        Binaries {
            server: built("crypt-keeper"),
            ckc: built("ckc"),
        }
    })
}
