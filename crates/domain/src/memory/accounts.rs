use async_trait::async_trait;

use super::MemoryStore;
use crate::model::{
    ApiKey, ApiKeyId, MAX_LIVE_API_KEYS, Page, PageRequest, Record, RetentionClass, Timestamp,
    User, UserId, UserName, UserState,
};
use crate::ports::{Accounts, ApiKeyInsert, Change, StoreError, UserInsert};

#[async_trait]
impl Accounts for MemoryStore {
    async fn insert_user(&self, user: &User, record: &Record) -> Result<UserInsert, StoreError> {
        let mut rows = self.rows()?;
        if rows.users.contains_key(&user.id) {
            return Err(StoreError::Conflict);
        }
        if rows.users.values().any(|other| other.name == user.name) {
            return Ok(UserInsert::NameTaken);
        }
        rows.record(std::slice::from_ref(record))?;
        rows.users.insert(user.id, user.clone());
        Ok(UserInsert::Inserted)
    }

    async fn find_user(&self, name: &UserName) -> Result<Option<User>, StoreError> {
        let rows = self.rows()?;
        let user = rows.users.values().find(|user| user.name == *name);
        Ok(user.cloned())
    }

    async fn users(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        let rows = self.rows()?;
        let asked_for = |user: &&User| ids.contains(&user.id);
        Ok(rows.users.values().filter(asked_for).cloned().collect())
    }

    async fn list_users(
        &self,
        page: &PageRequest<UserName>,
    ) -> Result<Page<User, UserName>, StoreError> {
        let rows = self.rows()?;
        let wanted = |user: &&User| page.after.as_ref().is_none_or(|after| user.name > *after);
        let mut users: Vec<User> = rows.users.values().filter(wanted).cloned().collect();
        users.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Page::cut(users, page.limit, |user: &User| {
            user.name.clone()
        }))
    }

    async fn set_user_state(
        &self,
        id: UserId,
        state: UserState,
        record: &Record,
    ) -> Result<Change, StoreError> {
        let mut rows = self.rows()?;
        match rows.users.get(&id) {
            None => return Ok(Change::Missing),
            Some(user) if user.state == state => return Ok(Change::Unchanged),
            Some(_) => rows.record(std::slice::from_ref(record))?,
        }
        if let Some(user) = rows.users.get_mut(&id) {
            user.state = state;
        }
        Ok(Change::Changed)
    }

    async fn set_user_retention(
        &self,
        id: UserId,
        retention: Option<RetentionClass>,
        record: &Record,
    ) -> Result<Change, StoreError> {
        let mut rows = self.rows()?;
        match rows.users.get(&id) {
            None => return Ok(Change::Missing),
            Some(user) if user.retention == retention => return Ok(Change::Unchanged),
            Some(_) => rows.record(std::slice::from_ref(record))?,
        }
        if let Some(user) = rows.users.get_mut(&id) {
            user.retention = retention;
        }
        Ok(Change::Changed)
    }

    async fn insert_api_key(
        &self,
        key: &ApiKey,
        record: &Record,
    ) -> Result<ApiKeyInsert, StoreError> {
        let mut rows = self.rows()?;
        if rows.api_keys.contains_key(&key.id) {
            return Err(StoreError::Conflict);
        }
        if !rows.users.contains_key(&key.user) {
            return Ok(ApiKeyInsert::NoSuchUser);
        }
        let live = |other: &&ApiKey| other.user == key.user && other.is_live(key.created_at);
        if rows.api_keys.values().filter(live).count() >= MAX_LIVE_API_KEYS {
            return Ok(ApiKeyInsert::TooMany);
        }
        rows.record(std::slice::from_ref(record))?;
        rows.api_keys.insert(key.id, key.clone());
        Ok(ApiKeyInsert::Inserted)
    }

    async fn find_api_key(&self, id: ApiKeyId) -> Result<Option<(ApiKey, User)>, StoreError> {
        let rows = self.rows()?;
        let Some(key) = rows.api_keys.get(&id) else {
            return Ok(None);
        };
        let user = rows.users.get(&key.user).ok_or_else(|| {
            StoreError::corrupt(format!(
                "API key {id} is of user {}, who is not there",
                key.user
            ))
        })?;
        Ok(Some((key.clone(), user.clone())))
    }

    async fn list_api_keys(&self, user: UserId) -> Result<Vec<ApiKey>, StoreError> {
        let rows = self.rows()?;
        let of_user = |key: &&ApiKey| key.user == user;
        let mut keys: Vec<ApiKey> = rows.api_keys.values().filter(of_user).cloned().collect();
        keys.sort_by_key(|key| (key.created_at, key.id));
        Ok(keys)
    }

    async fn revoke_api_key(
        &self,
        id: ApiKeyId,
        at: Timestamp,
        record: &Record,
    ) -> Result<Change, StoreError> {
        let mut rows = self.rows()?;
        match rows.api_keys.get(&id) {
            None => return Ok(Change::Missing),
            Some(key) if key.revoked_at.is_some() => return Ok(Change::Unchanged),
            Some(_) => rows.record(std::slice::from_ref(record))?,
        }
        if let Some(key) = rows.api_keys.get_mut(&id) {
            key.revoked_at = Some(at);
        }
        Ok(Change::Changed)
    }
}
