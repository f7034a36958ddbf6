use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use crypt_keeper_crypto::{MasterKeyId, MasterKeyRing};
use crypt_keeper_domain::ports::PrivateKeys;
use tokio::time::Instant;

use super::source::FileVersion;
use super::{MasterKeySource, MasterKeySourceError, ReloadError};
use crate::census::needed_keys;

/// How often a command is asked again without being told to: it may have a person, a network or a
/// hardware module behind it. A file is looked at whenever there is a reason to.
const COMMAND_INTERVAL: Duration = Duration::from_secs(10);

/// The ring in force in this process. A change of master key goes on under a running service: the
/// ring is read again when its file has changed, when a private half is sealed under a key that it
/// lacks, before anything is sealed, and when the operator says so. Cheap to clone.
#[derive(Clone)]
pub struct MasterKeys(Arc<Inner>);

struct Inner {
    source: Option<MasterKeySource>,
    ring: RwLock<Arc<MasterKeyRing>>,
    /// Held while the source is read: many who miss the same key cause one reading.
    last_read: tokio::sync::Mutex<LastRead>,
    listeners: Mutex<Vec<Listener>>,
}

type Listener = Box<dyn Fn(&MasterKeyRing) + Send + Sync>;

#[derive(Clone, Copy)]
struct LastRead {
    at: Instant,
    version: Option<FileVersion>,
}

/// What a reading of the source has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// Another ring, which is in force now.
    Changed,
    /// The ring that was in force already.
    Unchanged,
}

/// How much reason there is to read the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The operator says so: it is read in any case.
    Told,
    /// It may have changed: a file is read if it has, a command if it was not asked lately.
    MayHaveChanged,
    /// Only a look at the file: a command is not asked.
    Routine,
}

impl MasterKeys {
    /// Reads the ring from its source.
    ///
    /// # Errors
    /// [`MasterKeySourceError`].
    pub async fn read(source: MasterKeySource) -> Result<Self, MasterKeySourceError> {
        let version = source.version();
        let ring = source.read().await?;
        Ok(Self::new(ring, Some(source), version))
    }

    fn new(
        ring: MasterKeyRing,
        source: Option<MasterKeySource>,
        version: Option<FileVersion>,
    ) -> Self {
        let at = Instant::now();
        Self(Arc::new(Inner {
            source,
            ring: RwLock::new(Arc::new(ring)),
            last_read: tokio::sync::Mutex::new(LastRead { at, version }),
            listeners: Mutex::default(),
        }))
    }

    /// The ring in force.
    #[must_use]
    pub fn current(&self) -> Arc<MasterKeyRing> {
        let ring = self.0.ring.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&ring)
    }

    /// Where it is read from; `None` for a ring that was given and never changes.
    #[must_use]
    pub fn source(&self) -> Option<&MasterKeySource> {
        self.0.source.as_ref()
    }

    /// Has `listener` told of every ring that comes into force after this.
    pub fn on_change(&self, listener: impl Fn(&MasterKeyRing) + Send + Sync + 'static) {
        let listeners = self.0.listeners.lock();
        listeners
            .unwrap_or_else(PoisonError::into_inner)
            .push(Box::new(listener));
    }

    /// Reads the source if there is reason to. A ring that lacks a key which a private half in
    /// `store` is sealed under is refused: with it, a service that works would soon work no more.
    /// Without a store nothing is sealed under it.
    pub(crate) async fn reload(
        &self,
        reason: Reason,
        store: Option<&dyn PrivateKeys>,
    ) -> Result<Reloaded, ReloadError> {
        let Some(source) = &self.0.source else {
            return Ok(Reloaded::Unchanged);
        };
        let mut last_read = self.0.last_read.lock().await;
        // Looked at before it is read: a change in between is found the next time.
        let version = source.version();
        if !is_due(reason, source, *last_read, version) {
            return Ok(Reloaded::Unchanged);
        }
        if matches!(source, MasterKeySource::Command(..)) {
            // A command that fails is not asked again at once either.
            last_read.at = Instant::now();
        }
        let ring = source.read().await?;
        let current = self.current();
        let reloaded = if ring.to_text() == current.to_text() {
            Reloaded::Unchanged
        } else {
            if let Some(store) = store {
                refuse_if_needed(&current, &ring, store).await?;
            }
            self.install(ring);
            Reloaded::Changed
        };
        *last_read = LastRead {
            at: Instant::now(),
            version,
        };
        Ok(reloaded)
    }

    fn install(&self, ring: MasterKeyRing) {
        let ring = Arc::new(ring);
        let mut current = self.0.ring.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::clone(&ring);
        drop(current);
        let listeners = self.0.listeners.lock();
        for listener in &*listeners.unwrap_or_else(PoisonError::into_inner) {
            listener(&ring);
        }
    }
}

fn is_due(
    reason: Reason,
    source: &MasterKeySource,
    last: LastRead,
    version: Option<FileVersion>,
) -> bool {
    match (reason, source) {
        (Reason::Told, _) => true,
        (_, MasterKeySource::File(_) | MasterKeySource::SealedFile(..)) => {
            version.is_none() || version != last.version
        }
        (Reason::MayHaveChanged, MasterKeySource::Command(..)) => {
            last.at.elapsed() >= COMMAND_INTERVAL
        }
        (Reason::Routine, MasterKeySource::Command(..)) => false,
    }
}

async fn refuse_if_needed(
    current: &MasterKeyRing,
    next: &MasterKeyRing,
    store: &dyn PrivateKeys,
) -> Result<(), ReloadError> {
    let dropped: Vec<MasterKeyId> = current
        .keys()
        .map(crypt_keeper_crypto::MasterKey::id)
        .filter(|id| next.get(*id).is_none())
        .collect();
    if dropped.is_empty() {
        return Ok(());
    }
    let needed = needed_keys(store).await?;
    match dropped.into_iter().find(|id| needed.contains(id)) {
        Some(id) => Err(ReloadError::StillNeeded(id)),
        None => Ok(()),
    }
}

/// A ring that never changes.
impl From<MasterKeyRing> for MasterKeys {
    fn from(ring: MasterKeyRing) -> Self {
        Self::new(ring, None, None)
    }
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.current().keys().map(|key| key.id()).collect();
        f.debug_struct("MasterKeys")
            .field("source", &self.0.source)
            .field("ids", &ids)
            .finish_non_exhaustive()
    }
}
