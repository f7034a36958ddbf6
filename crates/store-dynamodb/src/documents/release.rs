use crypt_keeper_domain::access::{self, Decision};
use crypt_keeper_domain::model::{Entry, Record, UserState};
use crypt_keeper_domain::ports::{Release, ReleaseOutcome, StoreError};
use futures_util::future::try_join;

use super::access::is_still;
use crate::error::unavailable;
use crate::items::entry_key;
use crate::retry::Retry;
use crate::store::Core;
use crate::transaction::{Committed, Transaction};

#[derive(Clone, Copy, Debug)]
struct CallersEntry;

impl Core {
    /// The caller's own entry is checked in the transaction that writes the record, so a revoke
    /// that was acknowledged is never followed by a release. Document, user, API key and key pair
    /// are read just before it: many requests share them, and checks of one item by many at once
    /// get into each other's way.
    pub(crate) async fn record_release(
        &self,
        release: &Release,
        record: &Record,
    ) -> Result<ReleaseOutcome, StoreError> {
        self.ready_for(record).await?;
        let mut retry = Retry::new();
        for round in 0.. {
            let Some(entry) = self.allowed_by(release).await? else {
                return Ok(ReleaseOutcome::Refused);
            };
            let table = self.table_of(release.document);
            let key = entry_key(release.document, entry.principal);
            let committed = Transaction::new()
                .check(CallersEntry, &table, key, &is_still(&entry))
                .record(&self.calls.tables.audit(), record, round)
                .commit(&self.calls, None)
                .await?;
            if matches!(committed, Committed::Done) {
                return Ok(ReleaseOutcome::Recorded);
            }
            // The entry was changed meanwhile, or taken back.
            if !retry.once_more().await {
                break;
            }
        }
        Err(unavailable("others change the same entry all the time"))
    }

    /// The entry that allows a release, if all else allows it too.
    async fn allowed_by(&self, release: &Release) -> Result<Option<Entry>, StoreError> {
        let (found, credentials) = try_join(
            self.together(release.document, &release.principals),
            self.api_key(release.api_key),
        )
        .await?;
        let at = release.at.max(self.stores_now());
        let is_in_force = credentials.is_some_and(|(key, user)| {
            user.id == release.user && user.state == UserState::Active && key.is_live(at)
        });
        let Some(item) = found.document.filter(|_| is_in_force) else {
            return Ok(None);
        };
        let pair = self.pair(item.serial()?).await?;
        let document = item.document(pair.as_ref())?;
        let allows = pair.is_some_and(|pair| pair.state.may_release())
            && document.state.is_releasable()
            && !document.is_expired(at);
        let decision = access::decide(&found.entries, &release.principals, release.need, at);
        Ok(match decision {
            Decision::Allow(entry) if allows => Some(entry.clone()),
            Decision::Allow(_) | Decision::Deny => None,
        })
    }
}
