//! A server that can be stopped and started again with the same port and the same data.

use std::fmt;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::identity::{ProcessIdentity, Signal};
use crate::process::{Launch, ServerProcess, log_text};

type Probe = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// How long a server may take to end after a polite signal.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Service {
    launch: Launch,
    ready: Probe,
    process: Option<ServerProcess>,
}

impl fmt::Debug for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The launch holds credentials in its environment.
        formatter
            .debug_struct("Service")
            .field("service", &self.launch.service)
            .field("process", &self.process)
            .finish_non_exhaustive()
    }
}

impl Service {
    pub(crate) fn new(
        launch: Launch,
        ready: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            launch,
            ready: Box::new(ready),
            process: None,
        }
    }

    pub(crate) fn start(&mut self) -> Result<()> {
        if self.is_running() {
            return Ok(());
        }
        let mut process = ServerProcess::spawn(&self.launch)?;
        process.wait_until_ready(self.launch.ready_within, &*self.ready)?;
        self.process = Some(process);
        Ok(())
    }

    pub(crate) fn stop(&mut self, signal: Signal) -> Result<()> {
        match self.process.take() {
            Some(process) => process.stop(signal, PATIENCE),
            None => Ok(()),
        }
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(ServerProcess::is_running)
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(ServerProcess::pid)
    }

    pub(crate) fn log(&self) -> Result<String> {
        log_text(&self.launch.log)
    }

    pub(crate) fn release(&mut self) -> Result<ProcessIdentity> {
        self.process
            .take()
            .ok_or_else(|| Error::Other(format!("{} does not run", self.launch.service)))?
            .release()
    }
}
