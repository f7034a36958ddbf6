use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use crypt_keeper_domain::model::{
    Page, PageRequest, Record, RetentionClass, User, UserId, UserName, UserState,
};
use crypt_keeper_domain::ports::{Change, StoreError, UserInsert};

use crate::error::unavailable;
use crate::expression::Expression;
use crate::items::{
    RETENTION, Reader, name_item, name_key, name_shards, number, text, user, user_item, user_key,
};
use crate::query::Range;
use crate::retry::Retry;
use crate::store::Core;
use crate::transaction::{Committed, Transaction};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    User,
    Name,
}

impl Core {
    pub(crate) async fn insert_user(
        &self,
        user: &User,
        record: &Record,
    ) -> Result<UserInsert, StoreError> {
        self.ready_for(record).await?;
        let table = self.calls.tables.accounts();
        let committed = Transaction::new()
            .insert(Part::User, &table, user_item(user))
            .insert(Part::Name, &table, name_item(user))
            .record(&self.calls.tables.audit(), record, 0)
            .commit(&self.calls, None)
            .await?;
        match committed {
            Committed::Done => Ok(UserInsert::Inserted),
            Committed::Refused(parts) if parts.contains(&Part::User) => Err(StoreError::Conflict),
            Committed::Refused(_) => Ok(UserInsert::NameTaken),
        }
    }

    pub(crate) async fn find_user(&self, name: &UserName) -> Result<Option<User>, StoreError> {
        let table = self.calls.tables.accounts();
        let Some(named) = self.calls.get(&table, &name_key(name)).await? else {
            return Ok(None);
        };
        let id = Reader::new("a user's name", &named).user_id("user_id")?;
        match self.user(id).await? {
            Some(user) => Ok(Some(user)),
            None => Err(StoreError::corrupt(format!(
                "user {id}, who has a name, is not there"
            ))),
        }
    }

    pub(super) async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let table = self.calls.tables.accounts();
        let found = self.calls.get(&table, &user_key(id)).await?;
        found.as_ref().map(user).transpose()
    }

    pub(crate) async fn users(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let keys = ids.into_iter().map(user_key).collect();
        let table = self.calls.tables.accounts();
        let found = self.calls.get_all(&table, keys).await?;
        found.iter().map(user).collect()
    }

    pub(crate) async fn list_users(
        &self,
        page: &PageRequest<UserName>,
    ) -> Result<Page<User, UserName>, StoreError> {
        let mut range = Range::of_table(self.calls.tables.accounts(), name_shards());
        range.after = page.after.as_ref().map(|name| name.as_str().to_owned());
        let names = range.merge(&self.calls).take(page.limit.get() + 1).await?;
        let mut ids = Vec::with_capacity(names.len());
        for name in &names {
            ids.push(Reader::new("a user's name", name).user_id("user_id")?);
        }
        let found = self.users(&ids).await?.into_iter();
        let mut found: HashMap<UserId, User> = found.map(|user| (user.id, user)).collect();
        // In the order of the names.
        let users = ids.iter().filter_map(|id| found.remove(id)).collect();
        Ok(Page::cut(users, page.limit, |user: &User| {
            user.name.clone()
        }))
    }

    pub(crate) async fn set_user_state(
        &self,
        id: &UserId,
        state: &UserState,
        record: &Record,
    ) -> Result<Change, StoreError> {
        let to = text(state.as_str());
        self.set_of_user(*id, "state", Some(to), record, |user| {
            Some(text(user.state.as_str()))
        })
        .await
    }

    pub(crate) async fn set_user_retention(
        &self,
        id: &UserId,
        retention: &Option<RetentionClass>,
        record: &Record,
    ) -> Result<Change, StoreError> {
        let value =
            |class: Option<RetentionClass>| class.map(|class| number(i64::from(class.number())));
        self.set_of_user(*id, RETENTION, value(*retention), record, |user| {
            value(user.retention)
        })
        .await
    }

    /// Sets one attribute of a user, whose value `now` reads from him; `None` removes it.
    async fn set_of_user(
        &self,
        id: UserId,
        attribute: &str,
        to: Option<AttributeValue>,
        record: &Record,
        now: impl Fn(&User) -> Option<AttributeValue>,
    ) -> Result<Change, StoreError> {
        self.ready_for(record).await?;
        let mut retry = Retry::new();
        for round in 0.. {
            match self.user(id).await? {
                None => return Ok(Change::Missing),
                Some(user) if now(&user) == to => return Ok(Change::Unchanged),
                Some(user) => {
                    let change = Expression::is_there()
                        .and_is(attribute, now(&user))
                        .set(attribute, to.clone());
                    let table = self.calls.tables.accounts();
                    let committed = Transaction::new()
                        .update(Part::User, &table, user_key(id), &change)
                        .record(&self.calls.tables.audit(), record, round)
                        .commit(&self.calls, None)
                        .await?;
                    if matches!(committed, Committed::Done) {
                        return Ok(Change::Changed);
                    }
                }
            }
            if !retry.once_more().await {
                break;
            }
        }
        Err(unavailable("others change the same user all the time"))
    }
}
