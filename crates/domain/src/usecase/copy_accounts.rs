use async_trait::async_trait;

use super::copy_canonical::Canonical;
use super::copy_kinds::{CopySide, Copying, Kind, RowOutcome, page_after};
use super::copy_report::CopiedKind;
use crate::Error;
use crate::model::{ApiKey, ApiKeyId, Page, PageLimit, PageRequest, Timestamp, User, UserName};

pub(super) struct Users;

#[async_trait]
impl Kind for Users {
    type Row = User;
    type Key = UserName;
    type Cursor = UserName;

    const KIND: CopiedKind = CopiedKind::Users;

    fn key(row: &User) -> UserName {
        row.name.clone()
    }

    fn name(row: &User) -> String {
        row.id.to_string()
    }

    async fn page(side: &CopySide, after: Option<UserName>) -> Result<Page<User, UserName>, Error> {
        Ok(side.accounts.list_users(&page_after(after)).await?)
    }

    fn expected(_: &Copying, row: &User) -> Canonical {
        Canonical::user(row)
    }

    fn found(_: &Copying, row: &User) -> Canonical {
        Canonical::user(row)
    }

    async fn put(copying: &Copying, rows: Vec<User>) -> Result<Vec<RowOutcome>, Error> {
        let outcomes = copying.target.transfer.put_users(&rows).await?;
        Ok(outcomes.into_iter().map(Ok).collect())
    }
}

/// API keys, user by user in the order of the users' names.
pub(super) struct ApiKeys;

/// How many users' keys are read in one page.
const USERS: usize = 100;

#[async_trait]
impl Kind for ApiKeys {
    type Row = (UserName, ApiKey);
    type Key = (UserName, Timestamp, ApiKeyId);
    type Cursor = UserName;

    const KIND: CopiedKind = CopiedKind::ApiKeys;

    fn key((name, key): &Self::Row) -> Self::Key {
        (name.clone(), key.created_at, key.id)
    }

    fn name((_, key): &Self::Row) -> String {
        key.id.to_string()
    }

    async fn page(
        side: &CopySide,
        after: Option<UserName>,
    ) -> Result<Page<Self::Row, UserName>, Error> {
        let request = PageRequest {
            after,
            limit: PageLimit::clamped(USERS),
        };
        let users = side.accounts.list_users(&request).await?;
        let mut items = Vec::new();
        for user in users.items {
            let keys = side.accounts.list_api_keys(user.id).await?;
            items.extend(keys.into_iter().map(|key| (user.name.clone(), key)));
        }
        Ok(Page {
            items,
            next: users.next,
        })
    }

    fn expected(_: &Copying, (_, key): &Self::Row) -> Canonical {
        Canonical::api_key(key)
    }

    fn found(_: &Copying, (_, key): &Self::Row) -> Canonical {
        Canonical::api_key(key)
    }

    async fn put(copying: &Copying, rows: Vec<Self::Row>) -> Result<Vec<RowOutcome>, Error> {
        let keys: Vec<ApiKey> = rows.into_iter().map(|(_, key)| key).collect();
        let outcomes = copying.target.transfer.put_api_keys(&keys).await?;
        Ok(outcomes.into_iter().map(Ok).collect())
    }
}
