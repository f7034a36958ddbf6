//! An OpenBao of the tests' own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::identity::{ProcessIdentity, Signal};
use crate::install;
use crate::ports::PortLease;
use crate::process::{Launch, Lifetime, http_status};
use crate::random;
use crate::run_folder::RunFolder;
use crate::service::Service;
use crate::tls::TlsFiles;
use crate::vault_access::VaultAccess;

const NAME: &str = "openbao";
const READY_WITHIN: Duration = Duration::from_secs(60);

/// What a test needs of its OpenBao.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenBaoOptions {
    /// A second listener, with a certificate for 127.0.0.1 by an authority of its own.
    pub tls: bool,
    /// Whether the server outlives the process that starts it; see [`OpenBao::leave_running`].
    pub detached: bool,
}

/// A running OpenBao, with a known root token and nothing mounted but what every Vault has; killed
/// and removed on drop, and when its process is killed.
///
/// Its data lies in files and its seal opens itself, so it comes back from a stop as it was.
#[derive(Debug)]
pub struct OpenBao {
    // Fields drop in this order: the server before its folder.
    service: Service,
    access: VaultAccess,
    lease: PortLease,
    tls: Option<(PortLease, TlsFiles)>,
    folder: RunFolder,
}

impl OpenBao {
    /// Starts an OpenBao; builds it first where it is missing.
    ///
    /// # Errors
    /// What the build or the start met, with the server's last words.
    pub fn start(options: &OpenBaoOptions) -> Result<Self> {
        let cache = Cache::open()?;
        let program = install::openbao::program(&cache)?;
        let lease = PortLease::take(&cache)?;
        let port = lease.port();
        let folder = RunFolder::new(NAME)?;
        let tls = if options.tls {
            let files = TlsFiles::create(folder.path())?;
            Some((PortLease::take(&cache)?, files))
        } else {
            None
        };
        let root_token = format!("root-{}", random::hex(32)?);
        let file = folder.path().join("bao.hcl");
        let text = configuration(folder.path(), port, tls.as_ref(), &root_token)?;
        fs::write(&file, text)
            .and_then(|()| fs::set_permissions(&file, fs::Permissions::from_mode(0o600)))
            .map_err(|source| Error::file("write", &file, source))?;
        let mut service = Service::new(
            Launch {
                service: NAME,
                program,
                arguments: vec!["server".into(), "-config".into(), file.into()],
                environment: Vec::new(),
                user: None,
                folder: folder.path().to_owned(),
                log: folder.path().join("openbao.log"),
                ready_within: READY_WITHIN,
                lifetime: if options.detached {
                    Lifetime::Detached
                } else {
                    Lifetime::OfItsStarter("KILL")
                },
            },
            move || match http_status(port, "/v1/sys/health")? {
                200 => Ok(()),
                status => Err(format!("its health is {status}")),
            },
        );
        service.start()?;
        let access = VaultAccess::new(NAME, &format!("http://127.0.0.1:{port}"), &root_token)?;
        let server = Self {
            service,
            access,
            lease,
            tls,
            folder,
        };
        server.await_root_token()?;
        Ok(server)
    }

    /// How to reach it.
    #[must_use]
    pub fn access(&self) -> &VaultAccess {
        &self.access
    }

    /// Its TCP port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.lease.port()
    }

    /// Its address over TLS, and the certificate authority to trust; with
    /// [`OpenBaoOptions::tls`].
    #[must_use]
    pub fn tls(&self) -> Option<(String, PathBuf)> {
        let (lease, files) = self.tls.as_ref()?;
        let address = format!("https://127.0.0.1:{}", lease.port());
        Some((address, files.authority.clone()))
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.service.pid()
    }

    /// What it has logged.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn log(&self) -> Result<String> {
        self.service.log()
    }

    /// Seals it: every call is answered 503 until [`stop`](Self::stop) and
    /// [`start_again`](Self::start_again).
    ///
    /// # Errors
    /// Those of [`VaultAccess::must`].
    pub fn seal(&self) -> Result<()> {
        self.access
            .must("PUT", "sys/seal", &serde_json::Value::Null)
            .map(drop)
    }

    /// Stops it for an outage; port, tokens and data stay for [`OpenBao::start_again`].
    ///
    /// # Errors
    /// [`Error::WillNotStop`].
    pub fn stop(&mut self) -> Result<()> {
        self.service.stop(Signal::TERM)
    }

    /// Ends it by `kill -9`.
    ///
    /// # Errors
    /// [`Error::WillNotStop`].
    pub fn kill(&mut self) -> Result<()> {
        self.service.stop(Signal::KILL)
    }

    /// Starts it again on the same port, with the same tokens and data, unsealed.
    ///
    /// # Errors
    /// What the start met, with the server's last words.
    pub fn start_again(&mut self) -> Result<()> {
        self.service.start()
    }

    /// Copies all that it has stored into a new folder: a backup. It must be stopped.
    ///
    /// # Errors
    /// [`Error::Other`] if it runs; [`Error::File`].
    pub fn back_up(&self, to: &Path) -> Result<()> {
        self.require_stopped()?;
        copy_folder(&self.data(), to)
    }

    /// Puts a backup in the place of all that it has stored. It must be stopped.
    ///
    /// # Errors
    /// As [`back_up`](Self::back_up).
    pub fn restore(&self, from: &Path) -> Result<()> {
        self.require_stopped()?;
        let data = self.data();
        fs::remove_dir_all(&data).map_err(|source| Error::file("remove", &data, source))?;
        copy_folder(from, &data)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn require_stopped(&self) -> Result<()> {
        match self.pid() {
            None => Ok(()),
            Some(_) => Err(Error::Other("OpenBao runs: stop it first".into())),
        }
    }

    /// Gives up the server, which goes on; it must have been started `detached`. Whoever stops it
    /// removes the folder that is returned.
    ///
    /// # Errors
    /// [`Error::Other`] if it does not run.
    pub fn leave_running(mut self) -> Result<(ProcessIdentity, PathBuf)> {
        let identity = self.service.release()?;
        let path = self.folder.path().to_owned();
        self.folder.hand_over(identity)?;
        Ok((identity, path))
    }

    /// On its first start it says it is well a moment before it has made the root token.
    fn await_root_token(&self) -> Result<()> {
        let deadline = std::time::Instant::now() + READY_WITHIN;
        loop {
            let null = serde_json::Value::Null;
            let (status, _) = self.access.ask("GET", "auth/token/lookup-self", &null)?;
            if status == 200 {
                return Ok(());
            }
            if std::time::Instant::now() > deadline {
                let log = self.log()?;
                return Err(Error::Other(format!(
                    "OpenBao has made no root token: {status}\n{log}"
                )));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to).map_err(|source| Error::file("make", to, source))?;
    let entries = fs::read_dir(from).map_err(|source| Error::file("read", from, source))?;
    for entry in entries {
        let entry = entry.map_err(|source| Error::file("read", from, source))?;
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_folder(&path, &copy)?;
        } else {
            fs::copy(&path, &copy).map_err(|source| Error::file("copy", &path, source))?;
        }
    }
    Ok(())
}

fn configuration(
    folder: &Path,
    port: u16,
    tls: Option<&(PortLease, TlsFiles)>,
    root_token: &str,
) -> Result<String> {
    let data = folder.join("data");
    let data = data.display();
    let seal = STANDARD.encode(random::bytes::<32>()?);
    let tls = tls.map_or_else(String::new, |(lease, files)| {
        format!(
            r#"
listener "tcp" {{
  address       = "127.0.0.1:{}"
  tls_cert_file = "{}"
  tls_key_file  = "{}"
}}"#,
            lease.port(),
            files.certificate.display(),
            files.key.display()
        )
    });
    // A wrong secret id would lock a role out for minutes, on purpose; tests give wrong ones.
    Ok(format!(
        r#"ui                 = false
api_addr           = "http://127.0.0.1:{port}"
log_level          = "warn"
disable_clustering = true
storage "file" {{
  path = "{data}"
}}
listener "tcp" {{
  address     = "127.0.0.1:{port}"
  tls_disable = true
}}{tls}
seal "static" {{
  current_key_id = "test-1"
  current_key    = "{seal}"
}}
initialize "test" {{
  request "root-token" {{
    operation = "update"
    path      = "auth/token/create"
    data      = {{ id = "{root_token}", policies = ["root"], no_parent = true }}
  }}
}}
telemetry {{
  prometheus_retention_time = "24h"
  disable_hostname          = true
}}
user_lockout "all" {{
  disable_lockout = true
}}
"#
    ))
}
