//! The first start of the embedded default: everything a newcomer needs, made in `./crypt-keeper-data`.
//!
//! Every step finds what an earlier, interrupted first start has made, and goes on from there. A
//! marker in the folder says that a first start has begun and not ended; it is locked meanwhile, so
//! that of two services started at once one waits for the other.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use crypt_keeper_domain::Error;
use crypt_keeper_domain::model::{Algorithm, ApiKeyToken, CallContext, Scope, UserName};
use crypt_keeper_domain::usecase::{
    AdministerApiKeys, AdministerUsers, Authenticate, CreateKeyPair, RotateKeys,
};
use crypt_keeper_secret::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::config::{Environment, PublicUrl};
use crate::data_dir::{DataDir, sync_parent, write_whole};
use crate::error::StartError;
use crate::ports::Ports;
use crate::wiring::make_master_key;

const SAMPLE: &str = "Hello from Crypt-Keeper: this text was encrypted on its way.\n";
/// Who the first user is if the environment does not say.
const FALLBACK_USER: &str = "admin";

/// A first start that has begun.
#[derive(Debug)]
pub struct FirstStart {
    dir: DataDir,
    /// Locked while this lives.
    _marker: File,
}

/// What the first start has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The first user.
    pub user: UserName,
    /// His profile.
    pub profile: PathBuf,
    /// A file to try things with.
    pub sample: PathBuf,
}

impl FirstStart {
    /// Begins a first start, or takes up an interrupted one, and makes folder and master key;
    /// `None` if there is nothing left to do. Waits for another process that is at it.
    ///
    /// # Errors
    /// [`StartError::File`], [`StartError::Part`].
    pub fn begin(dir: &DataDir) -> Result<Option<Self>, StartError> {
        dir.make()?;
        let Some(marker) = take_marker(dir)? else {
            return Ok(None);
        };
        let first_start = Self {
            dir: dir.clone(),
            _marker: marker,
        };
        // Before the first seal, and only now: later, a master key that is missing is lost.
        if !dir.master_key().exists() {
            make_master_key(&dir.master_key())?;
        }
        Ok(Some(first_start))
    }

    /// Makes the key pair of the scope, user, API key and profile, as far as they are not there, and
    /// ends the first start.
    ///
    /// # Errors
    /// [`StartError::Act`], [`StartError::File`].
    pub async fn finish(
        self,
        ports: &Ports,
        context: &CallContext,
        (scope, algorithm): (Scope, Algorithm),
        public_url: &PublicUrl,
        environment: &Environment,
    ) -> Result<Welcome, StartError> {
        make_key_pair(ports, context, scope, algorithm).await?;
        let user = first_user_name(environment)?;
        make_user(ports, context, &user).await?;
        self.make_profile(ports, context, public_url, &user).await?;
        let sample = self.dir.path().join("hello.txt");
        if !sample.exists() {
            write_whole(&sample, 0o600, SAMPLE.as_bytes())
                .map_err(StartError::file("write", &sample))?;
        }
        let marker = marker_path(&self.dir);
        fs::remove_file(&marker)
            .and_then(|()| sync_parent(&marker))
            .map_err(StartError::file("remove", &marker))?;
        Ok(Welcome {
            user,
            profile: absolute(&self.dir.profile()),
            sample: absolute(&sample),
        })
    }

    /// A profile whose API key is good stays. Otherwise an interrupted start may have made a key
    /// that nobody holds: it is revoked, and a new one goes into the profile.
    async fn make_profile(
        &self,
        ports: &Ports,
        context: &CallContext,
        public_url: &PublicUrl,
        user: &UserName,
    ) -> Result<(), StartError> {
        let path = self.dir.profile();
        if let Some(key) = stored_api_key(&path) {
            let authenticate = Authenticate {
                accounts: Arc::clone(&ports.accounts),
            };
            let known = authenticate
                .run(user.as_str(), key.expose_secret(), context.at)
                .await;
            match known {
                Ok(_) => return Ok(()),
                Err(Error::Unauthenticated) => {}
                Err(error) => return Err(StartError::act("look up the first API key")(error)),
            }
        }
        let keys = AdministerApiKeys {
            accounts: Arc::clone(&ports.accounts),
            entropy: Arc::clone(&ports.entropy),
        };
        let token = replace_keys(&keys, context, user)
            .await
            .map_err(StartError::act("make the first API key"))?;
        let text = profile_text(public_url, user, &token);
        write_whole(&path, 0o600, text.as_bytes()).map_err(StartError::file("write", &path))
    }
}

fn marker_path(dir: &DataDir) -> PathBuf {
    dir.path().join(".first-start")
}

/// The marker, locked; `None` if no first start is to be made.
fn take_marker(dir: &DataDir) -> Result<Option<File>, StartError> {
    let path = marker_path(dir);
    let failed = || StartError::file("lock", &path);
    loop {
        let begun = path.exists();
        if !begun && dir.metadata().exists() {
            return Ok(None);
        }
        let marker = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed())?;
        if !begun {
            sync_parent(&path).map_err(failed())?;
        }
        marker.lock().map_err(failed())?;
        // Whoever held the lock may have removed the marker: then this is a file without a name.
        let held = marker.metadata().map_err(failed())?.ino();
        if fs::metadata(&path).is_ok_and(|named| named.ino() == held) {
            return Ok(Some(marker));
        }
    }
}

async fn make_key_pair(
    ports: &Ports,
    context: &CallContext,
    scope: Scope,
    algorithm: Algorithm,
) -> Result<(), StartError> {
    let rotate = RotateKeys {
        create: CreateKeyPair {
            registry: Arc::clone(&ports.registry),
            vault: Arc::clone(&ports.vault),
            entropy: Arc::clone(&ports.entropy),
        },
    };
    rotate
        .ensure_active(context, scope, algorithm)
        .await
        .map(drop)
        .map_err(StartError::act("make the first key pair"))
}

async fn make_user(
    ports: &Ports,
    context: &CallContext,
    name: &UserName,
) -> Result<(), StartError> {
    let users = AdministerUsers {
        accounts: Arc::clone(&ports.accounts),
        entropy: Arc::clone(&ports.entropy),
    };
    match users.create(context, name.clone()).await {
        Ok(_) | Err(Error::UserNameTaken) => Ok(()),
        Err(error) => Err(StartError::act("make the first user")(error)),
    }
}

async fn replace_keys(
    keys: &AdministerApiKeys,
    context: &CallContext,
    user: &UserName,
) -> Result<ApiKeyToken, Error> {
    for key in keys.list(context, user).await? {
        if key.is_live(context.at) {
            keys.revoke(context, key.id).await?;
        }
    }
    let made = keys.create(context, user, None).await?;
    Ok(made.token)
}

/// The name of whoever starts the service, if it is a plain one.
fn first_user_name(environment: &Environment) -> Result<UserName, StartError> {
    let plain = |name: &&str| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let name = environment.get("USER").filter(plain);
    name.and_then(|name| UserName::parse(name).ok())
        .map_or_else(|| UserName::parse(FALLBACK_USER), Ok)
        .map_err(StartError::part("first user"))
}

fn profile_text(url: &PublicUrl, user: &UserName, token: &ApiKeyToken) -> Zeroizing<String> {
    Zeroizing::new(format!(
        "# Made by the first start of crypt-keeper. It holds an API key: keep it to yourself.\n\
         [profiles.default]\n\
         url = \"{url}\"\n\
         user = \"{user}\"\n\
         {API_KEY}{}\"\n",
        token.expose_secret()
    ))
}

const API_KEY: &str = "api_key = \"";

/// The API key of a profile that [`profile_text`] wrote.
fn stored_api_key(path: &std::path::Path) -> Option<SecretString> {
    let text = Zeroizing::new(fs::read_to_string(path).ok()?);
    let mut lines = text.lines();
    lines.find_map(|line| {
        let key = line.strip_prefix(API_KEY)?.strip_suffix('"')?;
        Some(SecretString::from(key))
    })
}

fn absolute(path: &std::path::Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
