//! How tests reach a Vault, whoever started it, and rule it.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::random;

/// How long the server may take to answer its administrator: making an RSA key takes seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// The place of a Vault (or OpenBao) over plain HTTP, with the rights of its root token.
#[derive(Clone)]
pub struct VaultAccess {
    address: String,
    root_token: String,
}

impl fmt::Debug for VaultAccess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VaultAccess")
            .field("address", &self.address)
            .field("root_token", &"redacted")
            .finish()
    }
}

/// An answer: the HTTP status, and the body, [`Value::Null`] if it is not JSON.
pub type VaultAnswer = (u16, Value);

impl VaultAccess {
    /// The server at `http://HOST:PORT`.
    ///
    /// # Errors
    /// [`Error::Setting`] for anything else, under the name `variable`.
    pub fn new(variable: &str, address: &str, root_token: &str) -> Result<Self> {
        let address = address.trim_end_matches('/');
        let authority = address.strip_prefix("http://").unwrap_or_default();
        if authority.is_empty() || authority.contains('/') {
            return Err(Error::Setting {
                variable: variable.to_owned(),
                problem: "not an address of plain HTTP; like http://127.0.0.1:8200".into(),
            });
        }
        Ok(Self {
            address: address.to_owned(),
            root_token: root_token.to_owned(),
        })
    }

    /// Like `http://127.0.0.1:8200`, without a slash at the end.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The same as the address of a socket.
    ///
    /// # Errors
    /// [`Error::Other`] if the name does not resolve.
    pub fn socket(&self) -> Result<SocketAddr> {
        let authority = self.address.trim_start_matches("http://");
        authority
            .to_socket_addrs()
            .ok()
            .and_then(|mut addresses| addresses.next())
            .ok_or_else(|| Error::Other(format!("{} does not resolve", self.address)))
    }

    /// The token that may do everything.
    #[must_use]
    pub fn root_token(&self) -> &str {
        &self.root_token
    }

    /// Asks as root: a method, a path below `/v1/`, a body.
    ///
    /// # Errors
    /// [`Error::Other`] if there is no answer; whatever the answer says, it is one.
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> Result<VaultAnswer> {
        self.ask_as(&self.root_token, None, method, path, body)
    }

    /// Asks with a token, in a namespace.
    ///
    /// # Errors
    /// [`Error::Other`] if there is no answer.
    pub fn ask_as(
        &self,
        token: &str,
        namespace: Option<&str>,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Result<VaultAnswer> {
        let mut headers = format!("X-Vault-Token: {token}\r\n");
        if let Some(namespace) = namespace {
            headers.push_str(&format!("X-Vault-Namespace: {namespace}\r\n"));
        }
        self.exchange(&headers, method, path, body)
            .map_err(|error| Error::Other(format!("{method} {path} of Vault: {error}")))
    }

    /// Asks as root for the answer to be wrapped in a token that opens it once, within a minute;
    /// what is answered instead, whose `wrap_info` holds that token.
    ///
    /// # Errors
    /// [`Error::Other`] if there is no answer.
    pub fn ask_wrapped(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let token = &self.root_token;
        let headers = format!("X-Vault-Token: {token}\r\nX-Vault-Wrap-TTL: 60s\r\n");
        self.exchange(&headers, method, path, body)
            .map(|(_, answer)| answer)
            .map_err(|error| Error::Other(format!("{method} {path} of Vault: {error}")))
    }

    /// Asks as root, and takes nothing but yes for an answer; gives its `data`.
    ///
    /// # Errors
    /// [`Error::Other`] with the status and what the server said.
    pub fn must(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let (status, answer) = self.ask(method, path, body)?;
        if (200..300).contains(&status) {
            return Ok(answer["data"].clone());
        }
        let errors = &answer["errors"];
        Err(Error::Other(format!(
            "{method} {path} of Vault: {status} {errors}"
        )))
    }

    /// How often the server has routed an operation (`read`, `update`) to a mount since it started,
    /// by its own count.
    ///
    /// # Errors
    /// [`Error::Other`] if it does not tell its metrics.
    pub fn routed(&self, operation: &str, mount: &str) -> Result<u64> {
        let path = "sys/metrics?format=prometheus";
        let headers = format!("X-Vault-Token: {}\r\n", self.root_token);
        let (status, text) = self
            .exchange_text(&headers, "GET", path, "")
            .map_err(|error| Error::Other(format!("GET {path} of Vault: {error}")))?;
        if status != 200 {
            return Err(Error::Other(format!(
                "GET {path} of Vault: {status} {text}"
            )));
        }
        let mount = mount.replace(['-', '/', '.'], "_");
        let name = format!("vault_route_{operation}_{mount}__count ");
        // What was never routed there is not counted at all.
        Ok(text
            .lines()
            .find_map(|line| line.strip_prefix(&name))
            .and_then(|count| count.trim().parse().ok())
            .unwrap_or(0))
    }

    /// Mounts an engine under a new name that begins with `purpose`; the name.
    ///
    /// # Errors
    /// Those of [`must`](Self::must).
    pub fn create_fresh_mount(&self, purpose: &str, engine: &Value) -> Result<String> {
        let name = format!("{purpose}-{}", random::hex(8)?);
        self.must("POST", &format!("sys/mounts/{name}"), engine)?;
        Ok(name)
    }

    /// A new mount of KV version 2.
    ///
    /// # Errors
    /// Those of [`must`](Self::must).
    pub fn create_fresh_kv(&self) -> Result<String> {
        let engine = json!({ "type": "kv", "options": { "version": "2" } });
        let mount = self.create_fresh_mount("kv", &engine)?;
        // Until its upgrade is through, a new mount answers 400.
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            let (status, _) = self.ask("GET", &format!("{mount}/config"), &Value::Null)?;
            if status == 200 || std::time::Instant::now() > deadline {
                return Ok(mount);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A new mount of Transit.
    ///
    /// # Errors
    /// Those of [`must`](Self::must).
    pub fn create_fresh_transit(&self) -> Result<String> {
        self.create_fresh_mount("transit", &json!({ "type": "transit" }))
    }

    /// HTTP/1.0: one request a connection, and no chunks.
    fn exchange(
        &self,
        headers: &str,
        method: &str,
        path: &str,
        body: &Value,
    ) -> io::Result<VaultAnswer> {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let (status, body) = self.exchange_text(headers, method, path, &body)?;
        Ok((status, serde_json::from_str(&body).unwrap_or(Value::Null)))
    }

    fn exchange_text(
        &self,
        headers: &str,
        method: &str,
        path: &str,
        body: &str,
    ) -> io::Result<(u16, String)> {
        let address = self.socket().map_err(io::Error::other)?;
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let length = body.len();
        let request = format!(
            "{method} /v1/{path} HTTP/1.0\r\nHost: {address}\r\n{headers}Content-Length: \
             {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer);
        let status = answer
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| io::Error::other("not an HTTP answer"))?;
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        Ok((status, body.to_owned()))
    }
}
