use std::path::Path;

use crypt_keeper_secret::{ExposeSecret as _, SecretString, Zeroize as _};
use serde::Deserialize;
use tokio::time::Instant;
use vaultrs::api::AuthInfo;
use vaultrs::auth::{approle, kubernetes};
use vaultrs::error::ClientError;
use vaultrs::sys::wrapping;
use vaultrs::token;

use super::Connection;
use super::secret_file;
use super::token::{Lease, Token};
use crate::call::{CallError, LoginError};
use crate::classify::{Failure, classify};
use crate::config::{Auth, AuthMethod};

/// A secret id that was unwrapped, beside the token that wrapped it, which works once.
#[derive(Debug)]
pub(super) struct Unwrapped {
    wrapping_token: SecretString,
    secret_id: SecretString,
}

#[derive(Deserialize)]
struct SecretId {
    secret_id: String,
}

impl Connection {
    /// Logs in by whatever is configured.
    pub(super) async fn log_in(
        &self,
        auth: &Auth,
        unwrapped: &mut Option<Unwrapped>,
    ) -> Result<Token, LoginError> {
        let name = auth.method.name();
        let refused = |failure| match failure {
            Failure::Denied | Failure::Status(400 | 401) => LoginError::Refused(name),
            other => LoginError::Call(Box::new(self.error_of_login(other))),
        };
        let anonymous = Token::new(self.client(String::new()), None);
        let asked_at;
        let info = match &auth.method {
            AuthMethod::Token { file } => {
                let secret = secret_file::read(file).await?;
                return self.look_up(&secret).await.map_err(refused);
            }
            AuthMethod::AppRole {
                role_id,
                secret_id_file,
            } => {
                let secret = secret_file::read(secret_id_file).await?;
                let secret_id = if is_token(&secret) {
                    self.unwrap(&anonymous, secret, secret_id_file, unwrapped)
                        .await?
                } else {
                    secret
                };
                let secret_id = secret_id.expose_secret();
                asked_at = Instant::now();
                approle::login(anonymous.client(), auth.mount(), role_id, secret_id).await
            }
            AuthMethod::Kubernetes { role, token_file } => {
                let token = secret_file::read(token_file).await?;
                let token = token.expose_secret();
                asked_at = Instant::now();
                kubernetes::login(anonymous.client(), auth.mount(), role, token).await
            }
        };
        let info = info.map_err(|error| refused(classify(error)))?;
        Ok(self.token_of(info, asked_at))
    }

    /// Renews a token; the new one is the same with another lease.
    pub(super) async fn renew(&self, old: &Token) -> Result<Token, Failure> {
        let asked_at = Instant::now();
        let info = token::renew_self(old.client(), None)
            .await
            .map_err(classify)?;
        let mut renewed = self.token_of(info, asked_at);
        renewed.since = old.since;
        Ok(renewed)
    }

    async fn look_up(&self, secret: &SecretString) -> Result<Token, Failure> {
        let mut token = Token::new(self.client(secret.expose_secret().to_owned()), None);
        let asked_at = Instant::now();
        let mut found = token::lookup_self(token.client()).await.map_err(classify)?;
        found.id.zeroize();
        // A token that does not end, and one in its last second, both have 0 seconds to live.
        let is_renewable = found.renewable.unwrap_or(false);
        token.lease = found
            .expire_time
            .and_then(|_| Lease::new(asked_at, found.ttl.max(1), is_renewable));
        Ok(token)
    }

    fn token_of(&self, info: AuthInfo, asked_at: Instant) -> Token {
        let lease = Lease::new(asked_at, info.lease_duration, info.renewable);
        Token::new(self.client(info.client_token), lease)
    }

    /// Opens a wrapped secret id, once; whoever finds it opened already has found a thief.
    async fn unwrap(
        &self,
        anonymous: &Token,
        wrapping_token: SecretString,
        file: &Path,
        unwrapped: &mut Option<Unwrapped>,
    ) -> Result<SecretString, LoginError> {
        if let Some(known) = &*unwrapped
            && known.wrapping_token.expose_secret() == wrapping_token.expose_secret()
        {
            return Ok(known.secret_id.clone());
        }
        let failed = |error| self.error_of_unwrapping(error, file);
        let token = wrapping_token.expose_secret();
        // Anyone can wrap anything: what wraps a secret id says so itself.
        let origin = wrapping::lookup(anonymous.client(), token)
            .await
            .map_err(failed)?;
        if !origin.creation_path.ends_with("/secret-id") {
            return Err(LoginError::NotASecretId(file.to_owned()));
        }
        // It opens what it wraps, and may do nothing else.
        let wrapping = Token::new(self.client(token.to_owned()), None);
        let opened: SecretId = wrapping::unwrap(wrapping.client(), None)
            .await
            .map_err(failed)?;
        let secret_id = SecretString::from(opened.secret_id);
        *unwrapped = Some(Unwrapped {
            wrapping_token,
            secret_id: secret_id.clone(),
        });
        Ok(secret_id)
    }

    pub(super) fn error_of_unwrapping(&self, error: ClientError, file: &Path) -> LoginError {
        match classify(error) {
            Failure::SpentWrap | Failure::Denied | Failure::Status(400) => {
                LoginError::Spent(file.to_owned())
            }
            other => LoginError::Call(Box::new(self.error_of_login(other))),
        }
    }

    /// Nothing is denied, and nothing found, before the login.
    fn error_of_login(&self, failure: Failure) -> CallError {
        match failure {
            Failure::TimedOut | Failure::Unreachable => CallError::Unreachable,
            Failure::Certificate => CallError::Certificate,
            Failure::Sealed => CallError::Sealed,
            Failure::Standby => CallError::Standby,
            Failure::RateLimited => CallError::RateLimited,
            Failure::NoMount | Failure::NotFound => CallError::NoMount(self.auth_mount.clone()),
            Failure::Status(status) => CallError::Status(status),
            _ => CallError::NotUnderstood,
        }
    }
}

/// Secret ids are UUIDs unless somebody chose them; tokens of Vault and of OpenBao say by their
/// beginning that they are tokens.
pub(super) fn is_token(secret: &SecretString) -> bool {
    ["s.", "b.", "hvs.", "hvb."]
        .iter()
        .any(|prefix| secret.expose_secret().starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::config::{SessionConfig, VaultAddress};

    const LATE: Duration = Duration::from_millis(300);
    const LOGGED_IN: &str = r#"{"request_id": "", "lease_id": "", "renewable": false,
        "lease_duration": 0, "data": null, "auth": {"client_token": "hvs.x", "accessor": "a",
        "policies": [], "token_policies": [], "metadata": null, "lease_duration": 2,
        "renewable": true, "entity_id": "", "token_type": "service", "orphan": true}}"#;

    /// A Vault whose answer to a login is on its way for a while: the lease goes by meanwhile.
    async fn late() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            assert!(connection.read(&mut request).await.unwrap() > 0);
            tokio::time::sleep(LATE).await;
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{LOGGED_IN}",
                LOGGED_IN.len()
            );
            connection.write_all(answer.as_bytes()).await.unwrap();
        });
        format!("http://{address}")
    }

    #[tokio::test]
    async fn a_lease_begins_when_it_is_asked_for_and_not_when_the_answer_is_here() {
        let folder = tempfile::tempdir().unwrap();
        let token_file = folder.path().join("token");
        fs::write(&token_file, "jwt").unwrap();
        fs::set_permissions(&token_file, fs::Permissions::from_mode(0o600)).unwrap();
        let auth = Auth {
            method: AuthMethod::Kubernetes {
                role: "crypt-keeper".to_owned(),
                token_file,
            },
            mount: None,
        };
        let address: VaultAddress = late().await.parse().unwrap();
        let connection = Connection::new(&SessionConfig {
            address,
            namespace: None,
            ca_file: None,
            auth: auth.clone(),
            patience: SessionConfig::PATIENCE,
        });
        let login = connection.unwrap().log_in(&auth, &mut None).await;
        let ends = login.unwrap().lease.unwrap().ends();
        assert!(ends + LATE <= Instant::now() + Duration::from_secs(2));
    }
}
