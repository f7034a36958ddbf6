use std::sync::Arc;

use super::require;
use crate::Error;
use crate::model::{
    AuditAction, AuditEntry, CallContext, Page, PageRequest, Record, RetentionClass, Scopes, User,
    UserId, UserName, UserState,
};
use crate::ports::{Accounts, Change, Entropy, EntropyExt, UserInsert};

/// Makes, lists, disables and enables accounts.
#[derive(Clone, Debug)]
pub struct AdministerUsers {
    /// Where the accounts are.
    pub accounts: Arc<dyn Accounts>,
    /// Where ids are drawn from.
    pub entropy: Arc<dyn Entropy>,
}

/// An account that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    /// Its name.
    pub name: UserName,
    /// The retention class of documents for which he chooses none; `None`: the configured default.
    pub retention: Option<RetentionClass>,
}

/// His documents are of the configured default.
impl From<UserName> for NewUser {
    fn from(name: UserName) -> Self {
        Self {
            name,
            retention: None,
        }
    }
}

impl AdministerUsers {
    /// Makes an account.
    ///
    /// # Errors
    /// [`Error::UserNameTaken`], [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn create(
        &self,
        context: &CallContext,
        new: impl Into<NewUser>,
    ) -> Result<User, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let NewUser { name, retention } = new.into();
        let user = User {
            id: UserId::new(context.at, self.entropy.bytes()?),
            name,
            state: UserState::Active,
            created_at: context.at,
            retention,
        };
        let record = self.record(context, AuditAction::UserCreated, user.id)?;
        match self.accounts.insert_user(&user, &record).await? {
            UserInsert::Inserted => Ok(user),
            UserInsert::NameTaken => Err(Error::UserNameTaken),
        }
    }

    /// A page of accounts, ordered by name.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn list(
        &self,
        context: &CallContext,
        page: &PageRequest<UserName>,
    ) -> Result<Page<User, UserName>, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        Ok(self.accounts.list_users(page).await?)
    }

    /// Disables or enables the account of a name; whether that changed anything.
    ///
    /// # Errors
    /// [`Error::NoSuchUser`], [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn set_state(
        &self,
        context: &CallContext,
        name: &UserName,
        state: UserState,
    ) -> Result<bool, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let user = self.find(name).await?;
        let action = match state {
            UserState::Active => AuditAction::UserEnabled,
            UserState::Disabled => AuditAction::UserDisabled,
        };
        let record = self.record(context, action, user.id)?;
        let changed = self.accounts.set_user_state(user.id, state, &record);
        whether(changed.await?)
    }

    /// Sets the retention class of documents for which the user of a name chooses none, `None`: the
    /// configured default; whether that changed anything. Documents that are there stay as they are.
    ///
    /// # Errors
    /// [`Error::NoSuchUser`], [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn set_retention(
        &self,
        context: &CallContext,
        name: &UserName,
        retention: Option<RetentionClass>,
    ) -> Result<bool, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let user = self.find(name).await?;
        let record = self.record(context, AuditAction::UserRetentionSet, user.id)?;
        let changed = self
            .accounts
            .set_user_retention(user.id, retention, &record);
        whether(changed.await?)
    }

    async fn find(&self, name: &UserName) -> Result<User, Error> {
        let found = self.accounts.find_user(name).await?;
        found.ok_or(Error::NoSuchUser)
    }

    fn record(
        &self,
        context: &CallContext,
        action: AuditAction,
        user: UserId,
    ) -> Result<Record, Error> {
        let mut audit = AuditEntry::new(context, action, self.entropy.bytes()?);
        audit.user = Some(user);
        Ok(Record::from(audit))
    }
}

fn whether(change: Change) -> Result<bool, Error> {
    match change {
        Change::Changed => Ok(true),
        Change::Unchanged => Ok(false),
        Change::Missing => Err(Error::NoSuchUser),
        Change::Stale => Err(Error::Conflict),
    }
}
