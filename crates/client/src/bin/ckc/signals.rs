//! Signals that end the program: the transfer is dropped, its temporary file with it.

use std::io;

/// Number of the signal that arrived.
pub(crate) type Signal = u8;

#[cfg(unix)]
pub(crate) async fn arrival() -> io::Result<Signal> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(tokio::select! {
        _ = interrupt.recv() => 2,
        _ = terminate.recv() => 15,
        _ = hang_up.recv() => 1,
    })
}

#[cfg(not(unix))]
pub(crate) async fn arrival() -> io::Result<Signal> {
    tokio::signal::ctrl_c().await?;
    Ok(2)
}
