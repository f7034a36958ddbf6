mod connection;
mod login;
mod renewal;
mod report;
mod secret_file;
mod token;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Mutex, Notify};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};
use vaultrs::error::ClientError;

use self::connection::Connection;
pub use self::connection::StartError;
use self::login::Unwrapped;
pub use self::report::{SealStatus, TokenReport, WrappedSecretId};
pub(crate) use self::token::Token;
use crate::call::{Call, CallError, LoginError};
use crate::classify::{Failure, classify};
use crate::config::SessionConfig;

/// How long a login may take. It goes on when the request that asked for it has given up.
const LOGIN_LIMIT: Duration = Duration::from_secs(10);
/// What Vault has refused to log in is not tried again for so long, nor is a token that is denied
/// something replaced sooner: a wrong secret id locks its role out after five attempts, and each
/// login is a lease that Vault must keep.
const LOGIN_PAUSE: Duration = Duration::from_secs(5);
/// How long Vault may take over a key of its own.
const MAKE_KEY_LIMIT: Duration = Duration::from_secs(30);

/// A session with Vault: it logs in when first needed, renews its token at two thirds of the lease
/// for as long as it lives, and logs in again where the token has gone.
///
/// Every call ends within [`SessionConfig::patience`], whatever the network does.
pub struct VaultSession {
    shared: Arc<Shared>,
    renewal: AbortHandle,
}

pub(super) struct Shared {
    config: SessionConfig,
    connection: Connection,
    current: RwLock<Option<Arc<Token>>>,
    logins: Mutex<Logins>,
    /// There is a new token, or a new lease.
    changed: Notify,
}

#[derive(Default)]
struct Logins {
    unwrapped: Option<Unwrapped>,
    refused: Option<(Instant, LoginError)>,
}

impl VaultSession {
    /// Makes a session. Vault is not asked anything yet. Must be called on a Tokio runtime, which
    /// renews the token.
    ///
    /// # Errors
    /// [`StartError`] if the certificate authorities cannot be read, or TLS cannot be set up.
    pub fn start(config: SessionConfig) -> Result<Arc<Self>, StartError> {
        let connection = Connection::new(&config)?;
        let shared = Arc::new(Shared {
            config,
            connection,
            current: RwLock::new(None),
            logins: Mutex::default(),
            changed: Notify::new(),
        });
        let renewal = tokio::spawn(renewal::keep_renewed(Arc::clone(&shared))).abort_handle();
        Ok(Arc::new(Self { shared, renewal }))
    }

    /// Asks Vault who this service is: whether it is reached, unsealed, and knows the token.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn check(&self) -> Result<(), CallError> {
        self.token_report().await.map(drop)
    }

    /// Makes a call within the session's patience. A token that has gone is replaced and the call
    /// made again; so is one whose connection broke, if that does no harm.
    pub(crate) async fn call<T, F, R>(&self, call: Call, make: F) -> Result<T, CallError>
    where
        F: Fn(Arc<Token>) -> R,
        R: Future<Output = Result<T, ClientError>>,
    {
        self.call_within(self.shared.config.patience, call, make)
            .await
    }

    /// The same for what takes Vault seconds.
    pub(crate) async fn make_key<T, F, R>(&self, call: Call, make: F) -> Result<T, CallError>
    where
        F: Fn(Arc<Token>) -> R,
        R: Future<Output = Result<T, ClientError>>,
    {
        self.call_within(MAKE_KEY_LIMIT, call, make).await
    }

    async fn call_within<T, F, R>(
        &self,
        limit: Duration,
        call: Call,
        make: F,
    ) -> Result<T, CallError>
    where
        F: Fn(Arc<Token>) -> R,
        R: Future<Output = Result<T, ClientError>>,
    {
        let answer = timeout(limit, self.attempt(call, make)).await;
        answer.unwrap_or(Err(CallError::TimedOut(limit)))
    }

    async fn attempt<T, F, R>(&self, call: Call, make: F) -> Result<T, CallError>
    where
        F: Fn(Arc<Token>) -> R,
        R: Future<Output = Result<T, ClientError>>,
    {
        let mut token = self.shared.token().await?;
        let mut is_first = true;
        loop {
            let failure = match make(Arc::clone(&token)).await {
                Ok(answer) => return Ok(answer),
                Err(error) => classify(error),
            };
            match failure {
                Failure::Denied if is_first => match self.shared.replace_denied(&token).await? {
                    Some(new) => token = new,
                    None => return Err(self.error(call, failure)),
                },
                Failure::Unreachable if is_first && call.is_repeatable => {}
                other => return Err(self.error(call, other)),
            }
            is_first = false;
        }
    }

    fn error(&self, call: Call, failure: Failure) -> CallError {
        match failure {
            Failure::TimedOut => CallError::TimedOut(self.shared.config.patience),
            Failure::Unreachable => CallError::Unreachable,
            Failure::Certificate => CallError::Certificate,
            Failure::Sealed => CallError::Sealed,
            Failure::Standby => CallError::Standby,
            Failure::RateLimited => CallError::RateLimited,
            Failure::Denied => CallError::Denied {
                doing: call.doing,
                policy: call.policy,
            },
            Failure::NoMount | Failure::NotFound => CallError::NotFound,
            Failure::Deleted => CallError::Deleted,
            Failure::Taken => CallError::Taken,
            Failure::NoKey => CallError::NoKey,
            Failure::DoesNotDecrypt => CallError::DoesNotDecrypt,
            Failure::VersionRefused => CallError::VersionRefused,
            Failure::Status(status) => CallError::Status(status),
            Failure::SpentWrap | Failure::NotUnderstood => CallError::NotUnderstood,
        }
    }
}

impl Shared {
    /// A token that has not ended, as far as is known.
    async fn token(self: &Arc<Self>) -> Result<Arc<Token>, CallError> {
        match self.current() {
            Some(token) if !token.has_ended() => Ok(token),
            ended => Ok(self.log_in(ended).await?),
        }
    }

    /// Another token than the one that was just denied something; `None` if there is no better
    /// one: then it is its policy that denies.
    async fn replace_denied(
        self: &Arc<Self>,
        denied: &Arc<Token>,
    ) -> Result<Option<Arc<Token>>, CallError> {
        if denied.since.elapsed() < LOGIN_PAUSE && !denied.has_ended() {
            return Ok(None);
        }
        let new = self.log_in(Some(Arc::clone(denied))).await?;
        Ok((!new.is_same_as(denied)).then_some(new))
    }

    /// Logs in, unless somebody else has since `instead_of` was current. It goes on if whoever waits
    /// for it does not: a wrapped secret id opens once.
    async fn log_in(
        self: &Arc<Self>,
        instead_of: Option<Arc<Token>>,
    ) -> Result<Arc<Token>, LoginError> {
        let shared = Arc::clone(self);
        let login = tokio::spawn(async move { shared.log_in_once(instead_of).await });
        let ended = LoginError::Call(Box::new(CallError::Unreachable));
        login.await.unwrap_or(Err(ended))
    }

    async fn log_in_once(&self, instead_of: Option<Arc<Token>>) -> Result<Arc<Token>, LoginError> {
        let mut logins = self.logins.lock().await;
        if let Some(current) = self.current()
            && !current.has_ended()
            && instead_of.is_none_or(|old| !Arc::ptr_eq(&old, &current))
        {
            return Ok(current);
        }
        if let Some((at, error)) = &logins.refused
            && at.elapsed() < LOGIN_PAUSE
        {
            return Err(error.clone());
        }
        let auth = &self.config.auth;
        let login = self.connection.log_in(auth, &mut logins.unwrapped);
        let answer = timeout(LOGIN_LIMIT, login).await.unwrap_or_else(|_| {
            let late = CallError::TimedOut(LOGIN_LIMIT);
            Err(LoginError::Call(Box::new(late)))
        });
        match answer {
            Ok(token) => {
                logins.refused = None;
                Ok(self.install(token))
            }
            Err(error) => {
                let is_final = !matches!(error, LoginError::Call(_));
                logins.refused = is_final.then(|| (Instant::now(), error.clone()));
                tracing::warn!(error = %error, "cannot log in to Vault");
                Err(error)
            }
        }
    }

    fn install(&self, token: Token) -> Arc<Token> {
        let token = Arc::new(token);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Some(Arc::clone(&token));
        drop(current);
        self.changed.notify_one();
        token
    }

    fn current(&self) -> Option<Arc<Token>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.clone()
    }
}

impl Drop for VaultSession {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

impl fmt::Debug for VaultSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultSession")
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}
