use std::fmt::Debug;

use async_trait::async_trait;

use super::{Change, StoreError};
use crate::model::{
    ApiKey, ApiKeyId, Page, PageRequest, Record, RetentionClass, Timestamp, User, UserId, UserName,
    UserState,
};

/// Users and their API keys.
///
/// Laws, each a test of `crypt_keeper_conformance::accounts`:
/// - `created_user_is_found` by name and by id.
/// - `one_of_many_users_of_a_name_wins`.
/// - `user_state_changes_once`: a repetition is `Unchanged` and writes no record.
/// - `user_retention_changes_once`, and is found with the user.
/// - `api_key_is_found_with_its_user`.
/// - `a_user_has_two_live_api_keys_at_most`, also when many are made at once.
/// - `revoked_api_key_stays_revoked`.
/// - `users_are_paged_by_name`.
#[async_trait]
pub trait Accounts: Debug + Send + Sync + 'static {
    /// Makes an account.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the id is taken.
    async fn insert_user(&self, user: &User, record: &Record) -> Result<UserInsert, StoreError>;

    /// The account of a name.
    async fn find_user(&self, name: &UserName) -> Result<Option<User>, StoreError>;

    /// The accounts of the ids, in any order; ids without an account are left out.
    async fn users(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError>;

    /// All accounts, ordered by the bytes of their names.
    async fn list_users(
        &self,
        page: &PageRequest<UserName>,
    ) -> Result<Page<User, UserName>, StoreError>;

    /// Enables or disables an account.
    async fn set_user_state(
        &self,
        id: UserId,
        state: UserState,
        record: &Record,
    ) -> Result<Change, StoreError>;

    /// Sets the retention class of documents for which a user chooses none. `Unchanged`, and no
    /// record, if it is that already.
    async fn set_user_retention(
        &self,
        id: UserId,
        retention: Option<RetentionClass>,
        record: &Record,
    ) -> Result<Change, StoreError>;

    /// Stores an API key, unless its user has two that are live at its `created_at`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the id is taken.
    async fn insert_api_key(
        &self,
        key: &ApiKey,
        record: &Record,
    ) -> Result<ApiKeyInsert, StoreError>;

    /// An API key and its user; one round trip.
    async fn find_api_key(&self, id: ApiKeyId) -> Result<Option<(ApiKey, User)>, StoreError>;

    /// All API keys of a user, the oldest first, dead ones included.
    async fn list_api_keys(&self, user: UserId) -> Result<Vec<ApiKey>, StoreError>;

    /// Revokes an API key for ever.
    async fn revoke_api_key(
        &self,
        id: ApiKeyId,
        at: Timestamp,
        record: &Record,
    ) -> Result<Change, StoreError>;
}

/// What became of a new account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserInsert {
    /// It is stored.
    Inserted,
    /// Nothing is stored: the name is taken.
    NameTaken,
}

/// What became of a new API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiKeyInsert {
    /// It is stored.
    Inserted,
    /// Nothing is stored: the user has two live keys.
    TooMany,
    /// Nothing is stored: there is no such user.
    NoSuchUser,
}
