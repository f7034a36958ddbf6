//! `services up|down|status`: servers that stay up between test runs.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crypt_keeper_test_services::{Cache, ProcessIdentity, Signal};
use serde::{Deserialize, Serialize};

use crate::servers::Kind;
use crate::step::{Failure, Result, print, tell};

const PATIENCE: Duration = Duration::from_secs(20);

/// What `up` remembers of one server.
#[derive(Debug, Deserialize, Serialize)]
struct Entry {
    name: String,
    address: String,
    pid: u32,
    started: u64,
    folder: PathBuf,
    /// Name and value; they hold the keys of a test server.
    variables: Vec<(String, String)>,
}

impl Entry {
    fn process(&self) -> ProcessIdentity {
        ProcessIdentity {
            pid: self.pid,
            started: self.started,
        }
    }
}

/// The file that remembers, locked while it is in use.
struct State {
    path: PathBuf,
    entries: Vec<Entry>,
    _lock: File,
}

impl State {
    fn open() -> Result<Self> {
        let cache = Cache::open()?;
        let lock = cache.lock("services-state")?;
        let path = cache.folder("run")?.join("services.json");
        let entries = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                Failure::Said(format!(
                    "error: {} is damaged ({error}): stop the servers it names, then remove it",
                    path.display()
                ))
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(cannot("read", &path, &error)),
        };
        Ok(Self {
            path,
            entries,
            _lock: lock,
        })
    }

    fn save(&self) -> Result<()> {
        let text = serde_json::to_vec_pretty(&self.entries)
            .map_err(|error| Failure::Said(format!("error: {error}")))?;
        let temporary = self.path.with_extension("unfinished");
        let write = || {
            let mut file = File::options()
                .create(true)
                .truncate(true)
                .write(true)
                .mode(0o600)
                .open(&temporary)?;
            file.write_all(&text)?;
            fs::rename(&temporary, &self.path)
        };
        write().map_err(|error| cannot("write", &self.path, &error))
    }
}

/// Starts what does not run, and prints the lines that name all of it to a shell.
pub(crate) fn up() -> Result<()> {
    let mut state = State::open()?;
    let mut failed = Vec::new();
    for kind in Kind::ALL {
        let runs = |entry: &Entry| entry.name == kind.name() && entry.process().is_running();
        if state.entries.iter().any(runs) {
            continue;
        }
        state.entries.retain(|entry| entry.name != kind.name());
        let server = match kind.start(true) {
            Ok(server) => server,
            Err(error) => {
                tell(format!("error: {} cannot be had: {error}", kind.name()));
                failed.push(kind.name());
                continue;
            }
        };
        let (address, variables) = (server.address(), server.variables(kind));
        let (process, folder) = server.leave_running()?;
        tell(format!(
            "started {} at {address} (process {})",
            kind.name(),
            process.pid
        ));
        state.entries.push(Entry {
            name: kind.name().to_owned(),
            address,
            pid: process.pid,
            started: process.started,
            folder,
            variables,
        });
        // At once: what is forgotten is never stopped.
        state.save()?;
    }
    for (name, value) in state.entries.iter().flat_map(|entry| &entry.variables) {
        print(format!("export {name}='{value}'"));
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Failure::Said(format!(
            "error: not started: {}",
            failed.join(", ")
        )))
    }
}

/// Stops what `up` started, and nothing else.
pub(crate) fn down() -> Result<()> {
    let mut state = State::open()?;
    let mut left = Vec::new();
    for entry in std::mem::take(&mut state.entries) {
        if stop(&entry) {
            remove(&entry.folder);
        } else {
            tell(format!(
                "error: {} (process {}) does not end",
                entry.name, entry.pid
            ));
            left.push(entry);
        }
    }
    state.entries = left;
    state.save()?;
    if state.entries.is_empty() {
        Ok(())
    } else {
        Err(Failure::Said(
            "error: not every server could be stopped".into(),
        ))
    }
}

/// Lists what `up` started.
pub(crate) fn status() -> Result<()> {
    let state = State::open()?;
    for kind in Kind::ALL {
        let known = state.entries.iter().find(|entry| entry.name == kind.name());
        print(match known {
            Some(entry) if entry.process().is_running() => {
                format!(
                    "{:<12} running  {} (process {})",
                    entry.name, entry.address, entry.pid
                )
            }
            Some(entry) => format!(
                "{:<12} gone     process {} has ended",
                entry.name, entry.pid
            ),
            None => format!("{:<12} stopped", kind.name()),
        });
    }
    Ok(())
}

fn stop(entry: &Entry) -> bool {
    let process = entry.process();
    if !process.is_running() {
        tell(format!("{} had ended already", entry.name));
        return true;
    }
    // PostgreSQL's "fast" is SIGINT; its SIGTERM waits for the last client.
    let polite = if entry.name == Kind::Postgres.name() {
        Signal::INT
    } else {
        Signal::TERM
    };
    for signal in [polite, Signal::KILL] {
        if !process.signal(signal) || process.wait_until_gone(PATIENCE) {
            break;
        }
    }
    let gone = !process.is_running();
    if gone {
        tell(format!("stopped {} (process {})", entry.name, entry.pid));
    }
    gone
}

fn remove(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tell(format!(
            "warning: cannot remove {}: {error}",
            folder.display()
        ));
    }
}

fn cannot(doing: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::Said(format!("error: cannot {doing} {}: {error}", path.display()))
}
