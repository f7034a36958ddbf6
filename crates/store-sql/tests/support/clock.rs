//! The clock that stores are judged by.

use crypt_keeper_domain::model::Timestamp;

/// The machine's clock, which is also SQLite's and that of a PostgreSQL on the same machine.
#[expect(
    clippy::disallowed_methods,
    reason = "the databases go by the machine's clock, so their tests do"
)]
pub(crate) fn machine_clock() -> Timestamp {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
}
