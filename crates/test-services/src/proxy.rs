//! A TCP proxy whose network can be made to fail, for outage tests; before several servers, a balancer.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::error::{Error, Result};

/// How often idle threads look whether the fault has changed.
const TICK: Duration = Duration::from_millis(5);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// What happens to connections through the proxy. A change takes effect on open ones too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: bytes pass.
    None,
    /// New connections are refused by the operating system, open ones are reset: the server's
    /// process is gone.
    Refuse,
    /// Connections are accepted, and no byte passes any more: the server's machine is gone.
    Hang,
    /// A connection is reset once so many bytes have passed in that direction; a smaller number
    /// passes whole before it.
    ResetAfter(Direction, u64),
    /// Each piece of data waits so long, in both directions.
    Delay(Duration),
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    Request,
    /// From the server to the client.
    Response,
}

/// A proxy on a port of its own, in front of one server or of several; it ends on drop.
#[derive(Debug)]
pub struct FaultProxy {
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    upstreams: Vec<Upstream>,
    /// Counts up; whose turn it is, is the remainder.
    turn: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct Upstream {
    address: SocketAddr,
    connections: AtomicU64,
}

#[derive(Debug)]
struct State {
    fault: Fault,
    /// Absent while connections are refused.
    listener: Option<TcpListener>,
    connections: u64,
    ended: bool,
}

impl FaultProxy {
    /// A proxy on a free port of 127.0.0.1 in front of `upstream`, without a fault so far.
    ///
    /// # Errors
    /// [`Error::Other`] if no port can be had.
    pub fn start(upstream: SocketAddr) -> Result<Self> {
        Self::balance(&[upstream])
    }

    /// A proxy in front of servers that stand in for each other: each new connection goes to the
    /// next of them, past those that refuse it. Nobody asks them whether they are ready.
    ///
    /// # Errors
    /// [`Error::Other`] if there is no server, or no port can be had.
    pub fn balance(upstreams: &[SocketAddr]) -> Result<Self> {
        if upstreams.is_empty() {
            return Err(Error::Other("the proxy has no server behind it".into()));
        }
        let upstreams = upstreams.iter().map(|address| Upstream {
            address: *address,
            connections: AtomicU64::new(0),
        });
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into())?;
        let address = listener
            .local_addr()
            .map_err(|error| Error::Other(format!("the proxy has no address: {error}")))?;
        let shared = Arc::new(Shared {
            address,
            upstreams: upstreams.collect(),
            turn: AtomicUsize::new(0),
            state: Mutex::new(State {
                fault: Fault::None,
                listener: Some(listener),
                connections: 0,
                ended: false,
            }),
        });
        let acceptor = Arc::clone(&shared);
        let acceptor = std::thread::spawn(move || acceptor.accept_until_ended());
        Ok(Self {
            shared,
            acceptor: Some(acceptor),
        })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// How many connections were accepted so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.state().connections
    }

    /// How many connections were made to this server so far.
    #[must_use]
    pub fn connections_to(&self, upstream: SocketAddr) -> u64 {
        let counted = self.shared.upstreams.iter();
        counted
            .filter(|found| found.address == upstream)
            .map(|found| found.connections.load(Ordering::SeqCst))
            .sum()
    }

    /// Makes the network fail, or heal. When it returns, new connections meet the new state.
    ///
    /// # Errors
    /// [`Error::Other`] if the port was taken by somebody else while it was refused.
    pub fn set(&self, fault: Fault) -> Result<()> {
        let mut state = self.shared.state();
        if fault == Fault::Refuse {
            state.listener = None;
        } else if state.listener.is_none() {
            state.listener = Some(listen(self.shared.address)?);
        }
        state.fault = fault;
        Ok(())
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        {
            let mut state = self.shared.state();
            state.ended = true;
            state.listener = None;
        }
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
        .map_err(|error| Error::Other(format!("the proxy cannot listen on {address}: {error}")))
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // The state is whole after each statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept_until_ended(self: &Arc<Self>) {
        loop {
            let accepted = {
                let mut state = self.state();
                if state.ended {
                    return;
                }
                let client = state
                    .listener
                    .as_ref()
                    .and_then(|listener| listener.accept().ok());
                state.connections += u64::from(client.is_some());
                client
            };
            match accepted {
                Some((client, _)) => {
                    let shared = Arc::clone(self);
                    std::thread::spawn(move || shared.serve(&client));
                }
                None => std::thread::sleep(TICK),
            }
        }
    }

    fn serve(&self, client: &TcpStream) {
        // A client that hangs must not find out by a server that answers.
        if self.wait_while_hanging().is_none() {
            reset_on_close(client);
            return;
        }
        let Some(server) = self.connect() else {
            reset_on_close(client);
            return;
        };
        for stream in [client, &server] {
            let _ = stream.set_nonblocking(false);
            let _ = stream.set_nodelay(true);
            let _ = stream.set_read_timeout(Some(TICK));
            let _ = stream.set_write_timeout(Some(TICK));
        }
        let broken = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for (from, to, direction) in [
                (client, &server, Direction::Request),
                (&server, client, Direction::Response),
            ] {
                let broken = &broken;
                scope.spawn(move || {
                    if self.pump(from, to, direction, broken) == Ending::Broken {
                        broken.store(true, Ordering::SeqCst);
                    }
                });
            }
        });
        if broken.load(Ordering::SeqCst) {
            reset_on_close(client);
            reset_on_close(&server);
        }
    }

    /// To the next server that takes a connection.
    fn connect(&self) -> Option<TcpStream> {
        let first = self.turn.fetch_add(1, Ordering::SeqCst) % self.upstreams.len();
        let (later, sooner) = self.upstreams.split_at(first);
        sooner.iter().chain(later).find_map(|upstream| {
            let stream = TcpStream::connect_timeout(&upstream.address, CONNECT_WITHIN).ok()?;
            upstream.connections.fetch_add(1, Ordering::SeqCst);
            Some(stream)
        })
    }

    /// Moves bytes one way until the end of the stream, a fault, or the end of the proxy.
    fn pump(
        &self,
        mut from: &TcpStream,
        to: &TcpStream,
        direction: Direction,
        broken: &AtomicBool,
    ) -> Ending {
        let mut buffer = vec![0; 64 * 1024];
        let mut passed: u64 = 0;
        loop {
            if broken.load(Ordering::SeqCst) || self.cuts_connections() {
                return Ending::Broken;
            }
            let length = match from.read(&mut buffer) {
                Ok(0) => {
                    // Whoever broke the connection is not to be seen as an orderly end.
                    if !broken.load(Ordering::SeqCst) {
                        let _ = to.shutdown(Shutdown::Write);
                    }
                    return Ending::Orderly;
                }
                Ok(length) => length,
                Err(error) if is_tick(&error) => continue,
                Err(_) => return Ending::Broken,
            };
            let Some(fault) = self.wait_while_hanging() else {
                return Ending::Broken;
            };
            let allowed = match fault {
                Fault::ResetAfter(limited, limit) if limited == direction => {
                    let left = usize::try_from(limit.saturating_sub(passed)).unwrap_or(usize::MAX);
                    length.min(left)
                }
                _ => length,
            };
            if let Fault::Delay(delay) = fault {
                std::thread::sleep(delay);
            }
            if !self.write(to, &buffer[..allowed], broken) {
                return Ending::Broken;
            }
            passed += allowed as u64;
            if allowed < length {
                // What passed is delivered before the reset overtakes it.
                std::thread::sleep(4 * TICK);
                return Ending::Broken;
            }
        }
    }

    /// Writes all of it; `false` if the connection breaks meanwhile.
    fn write(&self, mut to: &TcpStream, mut bytes: &[u8], broken: &AtomicBool) -> bool {
        while !bytes.is_empty() {
            if broken.load(Ordering::SeqCst) || self.cuts_connections() {
                return false;
            }
            match to.write(bytes) {
                Ok(0) => return false,
                Ok(written) => bytes = &bytes[written..],
                Err(error) if is_tick(&error) => {}
                Err(_) => return false,
            }
        }
        true
    }

    fn cuts_connections(&self) -> bool {
        let state = self.state();
        state.ended || state.fault == Fault::Refuse
    }

    /// The fault in force once it is no hang; `None` when the connection is to be reset.
    fn wait_while_hanging(&self) -> Option<Fault> {
        loop {
            {
                let state = self.state();
                match state.fault {
                    _ if state.ended => return None,
                    Fault::Refuse => return None,
                    Fault::Hang => {}
                    fault => return Some(fault),
                }
            }
            std::thread::sleep(TICK);
        }
    }
}

/// How one direction of a connection came to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Orderly,
    Broken,
}

fn is_tick(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

/// The stream is going to close with RST instead of FIN: the peer sees "connection reset", not an
/// early end.
fn reset_on_close(stream: &TcpStream) {
    // A socket that is closed already needs no reset.
    let _ = rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO));
}

#[cfg(test)]
mod tests;
