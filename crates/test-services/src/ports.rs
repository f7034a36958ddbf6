//! TCP ports of servers, all on 127.0.0.1.
//!
//! A port that the kernel hands out for "any" comes from the range of outgoing connections: while a
//! test has its server stopped, any connection of this machine may take it. So ports are taken
//! below that range, each reserved by a file lock for as long as its server may start again.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};

use crate::cache::Cache;
use crate::error::{Error, Result};

/// Below Linux's ip_local_port_range, which starts at 32768.
const FIRST: u16 = 21_000;
const LAST: u16 = 30_999;

/// A port that no other run of these tests takes while this value lives: for a server that must come
/// back on the port that it had.
#[derive(Debug)]
pub struct PortLease {
    port: u16,
    _lock: File,
}

impl PortLease {
    /// A free port.
    ///
    /// # Errors
    /// [`Error::NoPort`] if all are taken; [`Error::File`] if the reservation cannot be written.
    pub fn free() -> Result<Self> {
        Self::take(&Cache::open()?)
    }

    pub(crate) fn take(cache: &Cache) -> Result<Self> {
        let folder = cache.folder("ports")?;
        let count = LAST - FIRST + 1;
        // Processes that start together begin apart.
        let start = u16::try_from(std::process::id() % u32::from(count)).unwrap_or(0);
        for step in 0..count {
            let port = FIRST + (start + step) % count;
            let path = folder.join(port.to_string());
            let lock = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)
                .map_err(|source| Error::file("open", &path, source))?;
            if lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok(Self { port, _lock: lock });
            }
        }
        Err(Error::NoPort {
            first: FIRST,
            last: LAST,
        })
    }

    /// Its number.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_differ_and_a_listening_port_is_not_leased() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().to_owned()).unwrap();
        let first = PortLease::take(&cache).unwrap();
        let second = PortLease::take(&cache).unwrap();
        assert_ne!(first.port(), second.port());
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, first.port())).unwrap();
        let port = first.port();
        drop(first);
        assert_ne!(PortLease::take(&cache).unwrap().port(), port);
        drop(taken);
    }
}
