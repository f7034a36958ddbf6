use std::sync::Arc;

use super::require;
use crate::Error;
use crate::model::{
    ApiKey, ApiKeyId, ApiKeyToken, AuditAction, AuditEntry, CallContext, FieldError,
    MAX_LIVE_API_KEYS, Record, Scopes, Timestamp, User, UserName,
};
use crate::ports::{Accounts, ApiKeyInsert, Change, Entropy, EntropyExt};

/// Makes, lists and revokes API keys.
#[derive(Clone, Debug)]
pub struct AdministerApiKeys {
    /// Where the keys are.
    pub accounts: Arc<dyn Accounts>,
    /// Where keys are drawn from.
    pub entropy: Arc<dyn Entropy>,
}

/// A new API key, the only time that it is whole.
#[derive(Debug)]
pub struct NewApiKey {
    /// The whole key, for its user.
    pub token: ApiKeyToken,
    /// What is stored of it.
    pub stored: ApiKey,
}

impl AdministerApiKeys {
    /// Makes an API key for the user of a name. A user may have two live keys: the one in use and
    /// the one that will replace it.
    ///
    /// # Errors
    /// [`Error::NoSuchUser`], [`Error::TooManyApiKeys`], [`Error::Invalid`] for an expiry in the
    /// past, [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn create(
        &self,
        context: &CallContext,
        name: &UserName,
        expires_at: Option<Timestamp>,
    ) -> Result<NewApiKey, Error> {
        let user = self.user(context, name).await?;
        if expires_at.is_some_and(|end| end <= context.at) {
            return Err(Error::Invalid(vec![FieldError {
                field: "expires_at",
                message: "an API key cannot expire before it is made; choose a later moment".into(),
            }]));
        }
        let token = ApiKeyToken::generate(&*self.entropy)?;
        let stored = ApiKey {
            id: token.id(),
            user: user.id,
            digest: token.digest(),
            created_at: context.at,
            expires_at,
            revoked_at: None,
        };
        let record = self.record(context, AuditAction::ApiKeyCreated, &stored)?;
        match self.accounts.insert_api_key(&stored, &record).await? {
            ApiKeyInsert::Inserted => Ok(NewApiKey { token, stored }),
            ApiKeyInsert::TooMany => Err(Error::TooManyApiKeys {
                limit: MAX_LIVE_API_KEYS,
            }),
            ApiKeyInsert::NoSuchUser => Err(Error::NoSuchUser),
        }
    }

    /// All API keys of the user of a name, the oldest first.
    ///
    /// # Errors
    /// [`Error::NoSuchUser`], [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn list(&self, context: &CallContext, name: &UserName) -> Result<Vec<ApiKey>, Error> {
        let user = self.user(context, name).await?;
        Ok(self.accounts.list_api_keys(user.id).await?)
    }

    /// Revokes an API key for ever; whether it was not revoked already.
    ///
    /// # Errors
    /// [`Error::NoSuchApiKey`], [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn revoke(&self, context: &CallContext, id: ApiKeyId) -> Result<bool, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        let (key, _) = self
            .accounts
            .find_api_key(id)
            .await?
            .ok_or(Error::NoSuchApiKey)?;
        let record = self.record(context, AuditAction::ApiKeyRevoked, &key)?;
        match self
            .accounts
            .revoke_api_key(id, context.at, &record)
            .await?
        {
            Change::Changed => Ok(true),
            Change::Unchanged => Ok(false),
            Change::Missing => Err(Error::NoSuchApiKey),
            Change::Stale => Err(Error::Conflict),
        }
    }

    async fn user(&self, context: &CallContext, name: &UserName) -> Result<User, Error> {
        require(context, Scopes::ADMINISTRATION)?;
        self.accounts
            .find_user(name)
            .await?
            .ok_or(Error::NoSuchUser)
    }

    fn record(
        &self,
        context: &CallContext,
        action: AuditAction,
        key: &ApiKey,
    ) -> Result<Record, Error> {
        let mut audit = AuditEntry::new(context, action, self.entropy.bytes()?);
        audit.user = Some(key.user);
        audit.api_key = Some(key.id);
        Ok(Record::from(audit))
    }
}
