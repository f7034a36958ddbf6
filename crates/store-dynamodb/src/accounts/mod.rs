//! Users and their API keys.

mod api_keys;
mod users;

use async_trait::async_trait;
use crypt_keeper_domain::model::{
    ApiKey, ApiKeyId, Page, PageRequest, Record, RetentionClass, Timestamp, User, UserId, UserName,
    UserState,
};
use crypt_keeper_domain::ports::{Accounts, ApiKeyInsert, Change, StoreError, UserInsert};

pub(crate) use api_keys::read_api_key;

use crate::store::{DynamoDbStore, on_runtime};

#[async_trait]
impl Accounts for DynamoDbStore {
    async fn insert_user(&self, user: &User, record: &Record) -> Result<UserInsert, StoreError> {
        on_runtime!(self.insert_user(user, record))
    }

    async fn find_user(&self, name: &UserName) -> Result<Option<User>, StoreError> {
        on_runtime!(self.find_user(name))
    }

    async fn users(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        on_runtime!(self.users(ids))
    }

    async fn list_users(
        &self,
        page: &PageRequest<UserName>,
    ) -> Result<Page<User, UserName>, StoreError> {
        on_runtime!(self.list_users(page))
    }

    async fn set_user_state(
        &self,
        id: UserId,
        state: UserState,
        record: &Record,
    ) -> Result<Change, StoreError> {
        on_runtime!(self.set_user_state(id, state, record))
    }

    async fn set_user_retention(
        &self,
        id: UserId,
        retention: Option<RetentionClass>,
        record: &Record,
    ) -> Result<Change, StoreError> {
        on_runtime!(self.set_user_retention(id, retention, record))
    }

    async fn insert_api_key(
        &self,
        key: &ApiKey,
        record: &Record,
    ) -> Result<ApiKeyInsert, StoreError> {
        on_runtime!(self.insert_api_key(key, record))
    }

    async fn find_api_key(&self, id: ApiKeyId) -> Result<Option<(ApiKey, User)>, StoreError> {
        on_runtime!(self.find_api_key(id))
    }

    async fn list_api_keys(&self, user: UserId) -> Result<Vec<ApiKey>, StoreError> {
        on_runtime!(self.list_api_keys(user))
    }

    async fn revoke_api_key(
        &self,
        id: ApiKeyId,
        at: Timestamp,
        record: &Record,
    ) -> Result<Change, StoreError> {
        on_runtime!(self.revoke_api_key(id, at, record))
    }
}
