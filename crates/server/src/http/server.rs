//! The HTTP server itself: listening, TLS, workers, stopping.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::HttpServer;
use actix_web::dev::ServerHandle;
use rustls::ServerConfig;
use tokio::task::JoinHandle;

use super::app::{Routes, app};
use super::{State, limits};
use crate::wiring::local_objects::LocalBlobs;

/// Why nothing can be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody else listens there.
    #[error(
        "cannot listen on {0}: the port is in use. Stop what listens there (perhaps another \
         crypt-keeper), or choose another address with --listen or `http.listen`"
    )]
    InUse(SocketAddr),
    /// The port is below 1024, or the like.
    #[error(
        "cannot listen on {0}: permission denied. Ports below 1024 are for root; choose another \
         address with --listen or `http.listen`"
    )]
    Denied(SocketAddr),
    /// Anything else.
    #[error("cannot listen on {address}: {source}")]
    Other {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
}

/// Takes the address. Clients that come before [`start`] wait.
///
/// # Errors
/// [`ListenError`], with what to do.
pub fn bind(address: SocketAddr) -> Result<TcpListener, ListenError> {
    let listener = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listener.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse(address),
        io::ErrorKind::PermissionDenied => ListenError::Denied(address),
        _ => ListenError::Other { address, source },
    })
}

/// A server at work.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    handle: ServerHandle,
    task: JoinHandle<io::Result<()>>,
}

impl Running {
    /// Where it listens; the port that the system chose, if it was to choose.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it stops by itself, which it does only if it fails. Cancel-safe.
    ///
    /// # Errors
    /// Why it failed.
    pub async fn failed(&mut self) -> io::Result<()> {
        (&mut self.task).await?
    }

    /// Accepts no more, lets requests under way finish (30 s at most), and stops.
    ///
    /// # Errors
    /// Why it failed.
    pub async fn stop(self) -> io::Result<()> {
        self.handle.stop(true).await;
        self.task.await?
    }
}

/// Serves on `listener` from now on. To be called within a tokio runtime.
///
/// # Errors
/// If the listener cannot be used.
pub fn start(
    listener: TcpListener,
    tls: Option<ServerConfig>,
    state: Arc<State>,
    local_blobs: Option<Arc<LocalBlobs>>,
) -> io::Result<Running> {
    let address = listener.local_addr()?;
    let timeouts = state.timeouts;
    let routes = Routes::new(state, local_blobs);
    let server = HttpServer::new(move || app(&routes))
        // Signals are the command's to handle.
        .disable_signals()
        .client_request_timeout(timeouts.head)
        .client_disconnect_timeout(limits::DISCONNECT_TIMEOUT)
        .keep_alive(limits::KEEP_ALIVE)
        .tcp_nodelay(true)
        .shutdown_timeout(limits::SHUTDOWN_TIMEOUT);
    let server = match tls {
        Some(config) => server.listen_rustls_0_23(listener, config)?,
        None => server.listen(listener)?,
    };
    let server = server.run();
    Ok(Running {
        address,
        handle: server.handle(),
        task: tokio::spawn(server),
    })
}
