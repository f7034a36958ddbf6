use std::sync::Arc;

use super::require;
use crate::Error;
use crate::model::{
    AuditAction, AuditEntry, CallContext, Page, PageRequest, Record, Scopes, User, UserId,
    UserName, UserState,
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

impl AdministerUsers {
    /// Makes an account.
    ///
    /// # Errors
    /// [`Error::UserNameTaken`], [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn create(&self, context: &CallContext, name: UserName) -> Result<User, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let user = User {
            id: UserId::new(context.at, self.entropy.bytes()?),
            name,
            state: UserState::Active,
            created_at: context.at,
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
        let user = self
            .accounts
            .find_user(name)
            .await?
            .ok_or(Error::NoSuchUser)?;
        let action = match state {
            UserState::Active => AuditAction::UserEnabled,
            UserState::Disabled => AuditAction::UserDisabled,
        };
        let record = self.record(context, action, user.id)?;
        match self
            .accounts
            .set_user_state(user.id, state, &record)
            .await?
        {
            Change::Changed => Ok(true),
            Change::Unchanged => Ok(false),
            Change::Missing => Err(Error::NoSuchUser),
            Change::Stale => Err(Error::Conflict),
        }
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
