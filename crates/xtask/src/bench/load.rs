//! Load by wrk: as many requests at once as it is told, each connection sending its next request
//! when the last was answered.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crypt_keeper_test_services::run;

use super::process_cost::CpuClock;
use super::service::Service;
use super::{failed, programs};
use crate::step::Result;

/// The two requests that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `GET download_url/<id>/`
    Download,
    /// `POST upload_url/`
    Upload,
}

impl Kind {
    pub(super) const BOTH: [Self; 2] = [Self::Download, Self::Upload];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Download => "GET download_url",
            Self::Upload => "POST upload_url",
        }
    }
}

/// What one run of wrk has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Outcome {
    /// Answered requests a second.
    pub(super) per_second: f64,
    /// The median latency, in milliseconds.
    pub(super) p50: f64,
    /// The latency that one request in a hundred exceeds, in milliseconds.
    pub(super) p99: f64,
    /// Requests that broke, timed out, or were answered with another status than 2xx.
    pub(super) errors: u64,
    /// CPU time of the service for each request, in microseconds.
    pub(super) service_us: f64,
    /// CPU time of PostgreSQL for each request, in microseconds; zero if there is none.
    pub(super) postgres_us: f64,
    /// What PostgreSQL wrote to its write-ahead log for each request, in bytes.
    pub(super) wal_bytes: f64,
    requests: u64,
}

/// What has been spent so far.
struct Cost {
    service: Duration,
    postgres: Duration,
    wal_bytes: u64,
}

/// Sends load to one service.
#[derive(Debug)]
pub(super) struct Load<'a> {
    service: &'a Service,
    /// The postmaster.
    postgres: Option<u32>,
    wrk: PathBuf,
    clock: CpuClock,
}

impl<'a> Load<'a> {
    /// Writes the scripts, and the credentials into a file: they are not for command lines.
    pub(super) fn new(service: &'a Service, postgres: Option<u32>) -> Result<Self> {
        let load = Self {
            service,
            postgres,
            wrk: programs::wrk()?,
            clock: CpuClock::new()?,
        };
        let done = include_str!("done.lua");
        load.write("get.lua", &format!("{}{done}", include_str!("get.lua")))?;
        load.write("post.lua", &format!("{}{done}", include_str!("post.lua")))?;
        load.write("authorization", &service.account().authorization())?;
        Ok(load)
    }

    /// Makes so many documents through the service, or up to a second's work more.
    pub(super) fn make_documents(&self, count: u64) -> Result<()> {
        let mut made = 0;
        while made < count {
            let outcome = self.wrk(Kind::Upload, 16, Duration::from_secs(1), None)?;
            if outcome.errors > 0 || outcome.requests == 0 {
                return Err(failed(format!(
                    "of {count} documents {made} were made, then {} requests failed",
                    outcome.errors
                )));
            }
            made += outcome.requests;
        }
        Ok(())
    }

    /// Names the documents that downloads are asked of.
    pub(super) fn use_documents(&self, ids: &[String]) -> Result<()> {
        self.write("ids", &(ids.join("\n") + "\n"))
    }

    /// Warms up, then measures.
    pub(super) fn run(
        &self,
        kind: Kind,
        concurrency: u32,
        warm_up: u64,
        seconds: u64,
    ) -> Result<Outcome> {
        self.wrk(kind, concurrency, Duration::from_secs(warm_up), None)?;
        let before = self.cost()?;
        let mut outcome = self.wrk(kind, concurrency, Duration::from_secs(seconds), None)?;
        let after = self.cost()?;
        let requests = outcome.requests.max(1) as f64;
        let micros = |before: Duration, after: Duration| (after - before).as_secs_f64() * 1e6;
        outcome.service_us = micros(before.service, after.service) / requests;
        outcome.postgres_us = micros(before.postgres, after.postgres) / requests;
        outcome.wal_bytes = (after.wal_bytes - before.wal_bytes) as f64 / requests;
        Ok(outcome)
    }

    /// So many clients that download for so long, each thinking before each request, or not.
    pub(super) fn downloads(
        &self,
        clients: u32,
        time: Duration,
        think: Option<Duration>,
    ) -> Result<Outcome> {
        self.wrk(Kind::Download, clients, time, think)
    }

    fn cost(&self) -> Result<Cost> {
        let service = self.clock.of_process(self.service.pid()?)?;
        let (postgres, wal_bytes) = match self.postgres {
            Some(pid) => (
                self.clock.of_family(pid)?,
                self.service.database().wal_bytes()?,
            ),
            None => (Duration::ZERO, 0),
        };
        Ok(Cost {
            service,
            postgres,
            wal_bytes,
        })
    }

    fn wrk(
        &self,
        kind: Kind,
        concurrency: u32,
        time: Duration,
        think: Option<Duration>,
    ) -> Result<Outcome> {
        let mut command = Command::new(&self.wrk);
        command
            .args(["--threads", "1", "--timeout", "10s"])
            .args(["--connections", &concurrency.to_string()])
            .args(["--duration", &format!("{}s", time.as_secs())])
            .arg("--script")
            .arg(self.service.path(match kind {
                Kind::Download => "get.lua",
                Kind::Upload => "post.lua",
            }))
            .arg(format!("http://{}", self.service.address()))
            .arg("--")
            .arg(self.service.path("authorization"))
            .arg(self.service.path("ids"))
            .args(think.map(|think| think.as_millis().to_string()));
        let said = run(&mut command)?;
        parse(&said).ok_or_else(|| failed(format!("wrk gave no result; it said:\n{said}")))
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        write(&self.service.path(name), text)
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|error| failed(format!("{}: {error}", path.display())))
}

/// Reads the line that `done.lua` prints.
fn parse(said: &str) -> Option<Outcome> {
    let line = said.lines().find_map(|line| line.strip_prefix("RESULT "))?;
    let numbers: Vec<u64> = line
        .split(' ')
        .map(str::parse)
        .collect::<std::result::Result<_, _>>()
        .ok()?;
    let [requests, micros, errors, p50, p99] = numbers[..] else {
        return None;
    };
    Some(Outcome {
        per_second: requests as f64 * 1e6 / micros.max(1) as f64,
        p50: p50 as f64 / 1e3,
        p99: p99 as f64 / 1e3,
        errors,
        requests,
        ..Outcome::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_script_is_read() {
        let outcome = parse("Running 8s test\nRESULT 5000 2000000 3 400 9000\n").unwrap();
        assert!((outcome.per_second - 2500.0).abs() < 1e-9);
        assert!((outcome.p99 - 9.0).abs() < 1e-9);
        assert_eq!((outcome.errors, outcome.requests), (3, 5000));
        assert_eq!(parse("RESULT 1 2 3\n"), None);
    }
}
