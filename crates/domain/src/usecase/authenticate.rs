use std::sync::Arc;

use crate::Error;
use crate::model::{ApiKeyDigest, ApiKeyToken, Caller, Timestamp, UserName, UserState};
use crate::ports::Accounts;

/// Finds out who shows a user name and an API key.
#[derive(Clone, Debug)]
pub struct Authenticate {
    /// Where users and keys are.
    pub accounts: Arc<dyn Accounts>,
}

impl Authenticate {
    /// The caller, if the key is live, is that user's, and the user is active. Texts as the
    /// client sent them.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] without saying why; [`Error::Unavailable`] if it cannot be told.
    pub async fn run(&self, name: &str, key: &str, at: Timestamp) -> Result<Caller, Error> {
        let name = UserName::parse(name).map_err(|_| Error::Unauthenticated)?;
        let token = ApiKeyToken::parse(key).map_err(|_| Error::Unauthenticated)?;
        let found = self.accounts.find_api_key(token.id()).await?;

        // An unknown id costs the same comparison as a known one.
        let stored = found
            .as_ref()
            .map_or(ApiKeyDigest::NOBODY, |(key, _)| key.digest);
        let same_secret = stored == token.digest();
        match found {
            Some((key, user))
                if same_secret
                    && key.is_live(at)
                    && user.name == name
                    && user.state == UserState::Active =>
            {
                Ok(Caller {
                    retention: user.retention,
                    ..Caller::user(user.id, key.id)
                })
            }
            _ => Err(Error::Unauthenticated),
        }
    }
}
