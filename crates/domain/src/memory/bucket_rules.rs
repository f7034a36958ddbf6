use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::FaultSwitch;
use crate::model::{BucketState, CorsRule, LifecycleRule, Seen, Versioning};
use crate::ports::{BlobError, BucketChange, BucketRules, Written};

/// The rules of a bucket in memory.
#[derive(Debug)]
pub struct MemoryBucketRules {
    faults: FaultSwitch,
    state: Mutex<BucketState>,
    refuses_upload_rules: bool,
    writes: Mutex<u64>,
}

impl MemoryBucketRules {
    /// A bucket as it is made.
    #[must_use]
    pub fn new() -> Self {
        Self::with(BucketState::fresh())
    }

    /// A bucket that is so already. What it has not, it never will have.
    #[must_use]
    pub fn with(state: BucketState) -> Self {
        Self {
            faults: FaultSwitch::default(),
            state: Mutex::new(state),
            refuses_upload_rules: false,
            writes: Mutex::default(),
        }
    }

    /// Refuses every lifecycle with a rule for unfinished uploads, as MinIO does.
    #[must_use]
    pub fn refusing_upload_rules(mut self) -> Self {
        self.refuses_upload_rules = true;
        self
    }

    /// What makes it fail.
    #[must_use]
    pub fn faults(&self) -> &FaultSwitch {
        &self.faults
    }

    /// How often something was written.
    #[must_use]
    pub fn writes(&self) -> u64 {
        *self.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, BucketState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn replace<T>(
        &self,
        part: impl FnOnce(&mut BucketState) -> &mut Seen<T>,
        change: impl FnOnce(&mut T),
    ) -> Written {
        *self.writes.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        match part(&mut self.state()) {
            Seen::Is(found) => {
                change(found);
                Written::Done
            }
            Seen::NotImplemented => Written::NotImplemented,
            Seen::Refused(why) => Written::Refused(why.clone()),
        }
    }
}

impl Default for MemoryBucketRules {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl BucketRules for MemoryBucketRules {
    async fn look(&self) -> Result<BucketState, BlobError> {
        self.faults.pass()?;
        Ok(self.state().clone())
    }

    async fn write(&self, change: &BucketChange) -> Result<Written, BlobError> {
        self.faults.pass()?;
        Ok(match change {
            BucketChange::Lifecycle(ours) => {
                let ends_uploads = |rule: &LifecycleRule| rule.uploads_end_after.is_some();
                if self.refuses_upload_rules && ours.iter().any(ends_uploads) {
                    return Ok(Written::Refused("MalformedXML".to_owned()));
                }
                self.replace(
                    |state| &mut state.lifecycle,
                    |rules| {
                        rules.retain(|rule| !rule.is_ours());
                        rules.extend(ours.iter().cloned());
                    },
                )
            }
            BucketChange::Cors(ours) => self.replace(
                |state| &mut state.cors,
                |rules: &mut Vec<CorsRule>| {
                    rules.retain(|rule| !rule.is_ours());
                    rules.extend(ours.clone());
                },
            ),
            BucketChange::BlockPublicAccess => {
                self.replace(|state| &mut state.public_access, Vec::clear)
            }
            BucketChange::KeepVersions => self.replace(
                |state| &mut state.versioning,
                |versioning| *versioning = Versioning::On,
            ),
        })
    }
}
