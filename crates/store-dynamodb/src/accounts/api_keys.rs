use crypt_keeper_domain::model::{
    ApiKey, ApiKeyId, MAX_LIVE_API_KEYS, Record, Timestamp, User, UserId,
};
use crypt_keeper_domain::ports::{ApiKeyInsert, Change, StoreError};

use crate::calls::Calls;
use crate::error::unavailable;
use crate::expression::Expression;
use crate::items::{
    Reader, api_key, api_key_item, api_key_key, api_key_reference, api_key_references, number,
    referenced_api_key, time, user, user_key,
};
use crate::retry::Retry;
use crate::store::Core;
use crate::transaction::{Committed, Transaction};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Key,
    Reference,
    User,
}

/// An API key and its user, as all acknowledged writes have left them.
pub(crate) async fn read_api_key(
    calls: &Calls,
    id: ApiKeyId,
) -> Result<Option<(ApiKey, User)>, StoreError> {
    let table = calls.tables.accounts();
    let Some(item) = calls.get(&table, &api_key_key(id)).await? else {
        return Ok(None);
    };
    let key = api_key(&item)?;
    match calls.get(&table, &user_key(key.user)).await? {
        Some(item) => Ok(Some((key, user(&item)?))),
        None => Err(StoreError::corrupt(format!(
            "API key {id} is of user {}, who is not there",
            key.user
        ))),
    }
}

impl Core {
    pub(crate) async fn find_api_key(
        &self,
        id: &ApiKeyId,
    ) -> Result<Option<(ApiKey, User)>, StoreError> {
        self.api_key(*id).await
    }

    /// The user's item counts the keys that he was ever given, and the count must be as it was seen
    /// before his live keys were counted: of two that are made at once one counts again.
    pub(crate) async fn insert_api_key(
        &self,
        key: &ApiKey,
        record: &Record,
    ) -> Result<ApiKeyInsert, StoreError> {
        self.ready_for(record).await?;
        let table = self.calls.tables.accounts();
        let mut retry = Retry::new();
        for round in 0.. {
            if self
                .calls
                .get(&table, &api_key_key(key.id))
                .await?
                .is_some()
            {
                return Err(StoreError::Conflict);
            }
            let Some(of) = self.calls.get(&table, &user_key(key.user)).await? else {
                return Ok(ApiKeyInsert::NoSuchUser);
            };
            let made = Reader::new("a user", &of).number("api_keys_made")?;
            let keys = self.list_api_keys(&key.user).await?;
            let live = keys.iter().filter(|one| one.is_live(key.created_at));
            if live.count() >= MAX_LIVE_API_KEYS {
                return Ok(ApiKeyInsert::TooMany);
            }
            let count = Expression::is_there()
                .and_is("api_keys_made", Some(number(made)))
                .set("api_keys_made", Some(number(made + 1)));
            let committed = Transaction::new()
                .insert(Part::Key, &table, api_key_item(key))
                .insert(Part::Reference, &table, api_key_reference(key))
                .update(Part::User, &table, user_key(key.user), &count)
                .record(&self.calls.tables.audit(), record, round)
                .commit(&self.calls, None)
                .await?;
            match committed {
                Committed::Done => return Ok(ApiKeyInsert::Inserted),
                Committed::Refused(parts) if parts.contains(&Part::Key) => {
                    return Err(StoreError::Conflict);
                }
                Committed::Refused(_) => {}
            }
            if !retry.once_more().await {
                break;
            }
        }
        Err(unavailable(
            "others make keys for the same user all the time",
        ))
    }

    pub(crate) async fn list_api_keys(&self, of: &UserId) -> Result<Vec<ApiKey>, StoreError> {
        let table = self.calls.tables.accounts();
        let (collection, references) = api_key_references(*of);
        let named = self
            .calls
            .beginning_with(&table, &collection, &references)
            .await?;
        let mut keys = Vec::with_capacity(named.len());
        for item in &named {
            keys.push(api_key_key(referenced_api_key(item)?));
        }
        let found = self.calls.get_all(&table, keys).await?;
        let mut keys: Vec<ApiKey> = found.iter().map(api_key).collect::<Result<_, _>>()?;
        keys.sort_by_key(|key| (key.created_at, key.id));
        Ok(keys)
    }

    pub(crate) async fn revoke_api_key(
        &self,
        id: &ApiKeyId,
        at: &Timestamp,
        record: &Record,
    ) -> Result<Change, StoreError> {
        self.ready_for(record).await?;
        let table = self.calls.tables.accounts();
        let Some(item) = self.calls.get(&table, &api_key_key(*id)).await? else {
            return Ok(Change::Missing);
        };
        if api_key(&item)?.revoked_at.is_some() {
            return Ok(Change::Unchanged);
        }
        let change = Expression::is_there()
            .and_is("revoked_at", None)
            .set("revoked_at", Some(time(*at)));
        let committed = Transaction::new()
            .update(Part::Key, &table, api_key_key(*id), &change)
            .record(&self.calls.tables.audit(), record, 0)
            .commit(&self.calls, None)
            .await?;
        // An API key is never taken away: who was faster has revoked it.
        Ok(match committed {
            Committed::Done => Change::Changed,
            Committed::Refused(_) => Change::Unchanged,
        })
    }
}
