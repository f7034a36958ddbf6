//! Hears that long work should stop.

use futures_util::FutureExt as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::StartError;

/// Hears that it should stop: at the next moment at which that is possible.
pub(super) struct Stop {
    interrupt: Signal,
    terminate: Signal,
    is_heard: bool,
}

impl Stop {
    pub(super) fn listen() -> Result<Self, StartError> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            is_heard: false,
        })
    }

    pub(super) async fn heard(&mut self) {
        if !self.is_heard {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
            }
            self.is_heard = true;
        }
    }

    pub(super) fn is_heard(&mut self) -> bool {
        self.is_heard || self.heard().now_or_never().is_some()
    }
}
