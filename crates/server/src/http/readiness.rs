//! Whether the parts of the service are ready.

use std::sync::Arc;
use std::time::Duration;

use crypt_keeper_domain::ports::{Condition, Probe};
use futures_util::future::join_all;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// How long one answer of the parts serves everybody who asks: however many ask, the parts are
/// asked once a second.
const FRESH: Duration = Duration::from_secs(1);
/// How long a part may take to say that it is ready.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the parts, and remembers their answer for a second.
#[derive(Debug)]
pub struct Readiness {
    probes: Vec<Arc<dyn Probe>>,
    last: Mutex<Option<(Instant, Arc<Report>)>>,
}

/// What the parts said.
#[derive(Debug)]
pub struct Report {
    /// One by one.
    pub parts: Vec<PartReport>,
}

impl Report {
    /// Whether all are ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.parts.iter().all(|part| part.ready)
    }

    /// Whether any is ready with less than it should have.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        self.parts.iter().any(PartReport::is_degraded)
    }
}

/// What one part said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartReport {
    /// Its name.
    pub part: &'static str,
    /// Whether it is ready.
    pub ready: bool,
    /// If not, or if it is with less than it should have: what is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl PartReport {
    /// Whether it is ready with less than it should have.
    #[must_use]
    pub const fn is_degraded(&self) -> bool {
        self.ready && self.message.is_some()
    }
}

impl Readiness {
    /// Over the probes of all parts.
    #[must_use]
    pub fn new(probes: Vec<Arc<dyn Probe>>) -> Self {
        Self {
            probes,
            last: Mutex::default(),
        }
    }

    /// Asks one more.
    pub fn add(&mut self, probe: Arc<dyn Probe>) {
        self.probes.push(probe);
    }

    /// What the parts say now, or said within the last second.
    pub async fn report(&self) -> Arc<Report> {
        let mut last = self.last.lock().await;
        if let Some((at, report)) = &*last
            && at.elapsed() < FRESH
        {
            return Arc::clone(report);
        }
        let parts = join_all(self.probes.iter().map(|probe| ask(&**probe))).await;
        let report = Arc::new(Report { parts });
        *last = Some((Instant::now(), Arc::clone(&report)));
        report
    }
}

async fn ask(probe: &dyn Probe) -> PartReport {
    let (ready, message) = match timeout(PATIENCE, probe.check()).await {
        Ok(Ok(Condition::Good)) => (true, None),
        Ok(Ok(Condition::Degraded(message))) => (true, Some(message)),
        Ok(Err(error)) => {
            tracing::warn!(
                part = probe.part(),
                error = %crate::error::Chain(&error),
                "a part is not ready"
            );
            (false, Some(error.message))
        }
        Err(_) => (
            false,
            Some(format!("no answer within {} s", PATIENCE.as_secs())),
        ),
    };
    PartReport {
        part: probe.part(),
        ready,
        message,
    }
}
