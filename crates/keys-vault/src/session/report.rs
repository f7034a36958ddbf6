//! What a doctor asks of Vault.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crypt_keeper_secret::{ExposeSecret as _, Zeroize as _};
use rustify::endpoint::Endpoint;
use rustify::enums::{RequestMethod, RequestType, ResponseType};
use rustify::errors::ClientError;
use serde::Deserialize;
use tokio::time::timeout;
use vaultrs::sys::wrapping;

use super::login::is_token;
use super::token::Token;
use super::{VaultSession, secret_file};
use crate::call::{Call, CallError, LoginError};
use crate::classify::classify;
use crate::config::AuthMethod;

/// What Vault says of itself to anybody.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SealStatus {
    /// Whether it was ever set up.
    pub initialized: bool,
    /// Whether it is sealed: it answers nothing else then.
    pub sealed: bool,
    /// Its version, such as `2.4.1`.
    #[serde(default)]
    pub version: String,
}

/// What Vault says of a session's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenReport {
    /// How long it is good for, unless it is renewed; `None`: for ever.
    pub left: Option<Duration>,
    /// Whether it can be renewed.
    pub is_renewable: bool,
    /// The names of its policies.
    pub policies: Vec<String>,
}

/// What is known of a wrapped secret id without opening it, which works once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrappedSecretId {
    /// It can be opened.
    Unopened,
    /// It was opened, or has expired.
    Spent,
    /// It wraps something else.
    Foreign,
}

struct ReadSealStatus;

impl Endpoint for ReadSealStatus {
    type Response = SealStatus;
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        "sys/seal-status".to_owned()
    }

    fn method(&self) -> RequestMethod {
        RequestMethod::GET
    }
}

struct ReadCapabilities(Vec<String>);

impl Endpoint for ReadCapabilities {
    type Response = BTreeMap<String, BTreeSet<String>>;
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        "sys/capabilities-self".to_owned()
    }

    fn method(&self) -> RequestMethod {
        RequestMethod::POST
    }

    fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
        let body = serde_json::json!({ "paths": self.0 });
        Ok(Some(body.to_string().into_bytes()))
    }
}

impl VaultSession {
    /// Whether Vault answers, is set up and unsealed, and in which version. No token is used.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn seal_status(&self) -> Result<SealStatus, CallError> {
        const READ: Call = Call {
            doing: "see whether it is sealed",
            policy: "serve",
            is_repeatable: true,
        };
        let mut client = self.shared.connection.client(String::new());
        // Of the whole server, which no namespace may be asked for.
        client.middle.namespace = None;
        let patience = self.shared.config.patience;
        let asked = vaultrs::api::exec_with_no_result(&client, ReadSealStatus);
        match timeout(patience, asked).await {
            Err(_) => Err(CallError::TimedOut(patience)),
            Ok(answer) => answer.map_err(|error| self.error(READ, classify(error))),
        }
    }

    /// What the session's token is good for.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn token_report(&self) -> Result<TokenReport, CallError> {
        const LOOK_UP: Call = Call {
            doing: "look up its own token",
            policy: "serve",
            is_repeatable: true,
        };
        let found = self.call(LOOK_UP, |token| async move {
            vaultrs::token::lookup_self(token.client()).await
        });
        let mut found = found.await?;
        found.id.zeroize();
        let mut policies = found.policies;
        policies.extend(found.identity_policies.unwrap_or_default());
        policies.sort();
        policies.dedup();
        Ok(TokenReport {
            left: found.expire_time.map(|_| Duration::from_secs(found.ttl)),
            is_renewable: found.renewable.unwrap_or(false),
            policies,
        })
    }

    /// What the session's token may do at each of these paths.
    ///
    /// # Errors
    /// [`CallError`].
    pub(crate) async fn capabilities(
        &self,
        paths: &[String],
    ) -> Result<BTreeMap<String, BTreeSet<String>>, CallError> {
        const READ: Call = Call {
            doing: "see what its own token may do",
            policy: "serve",
            is_repeatable: true,
        };
        let found = self.call(READ, |token| {
            let request = ReadCapabilities(paths.to_vec());
            async move { vaultrs::api::exec_with_result(token.client(), request).await }
        });
        found.await
    }

    /// Looks at a wrapped secret id without opening it; `None` if the session logs in by something
    /// else. Whoever only looks should not log in by one: it opens once, for the service.
    ///
    /// # Errors
    /// [`LoginError`] if the file cannot be read, or Vault does not answer.
    pub async fn wrapped_secret_id(&self) -> Result<Option<WrappedSecretId>, LoginError> {
        let AuthMethod::AppRole { secret_id_file, .. } = &self.shared.config.auth.method else {
            return Ok(None);
        };
        let secret = secret_file::read(secret_id_file).await?;
        if !is_token(&secret) {
            return Ok(None);
        }
        let connection = &self.shared.connection;
        let anonymous = Token::new(connection.client(String::new()), None);
        let patience = self.shared.config.patience;
        let looked_up = wrapping::lookup(anonymous.client(), secret.expose_secret());
        let Ok(looked_up) = timeout(patience, looked_up).await else {
            return Err(LoginError::Call(Box::new(CallError::TimedOut(patience))));
        };
        match looked_up {
            Ok(found) if found.creation_path.ends_with("/secret-id") => {
                Ok(Some(WrappedSecretId::Unopened))
            }
            Ok(_) => Ok(Some(WrappedSecretId::Foreign)),
            Err(error) => match connection.error_of_unwrapping(error, secret_id_file) {
                LoginError::Spent(_) => Ok(Some(WrappedSecretId::Spent)),
                other => Err(other),
            },
        }
    }
}
