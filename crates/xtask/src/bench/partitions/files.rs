//! What of a drop is the file system's part: the time that PostgreSQL spends in the system calls which
//! give the space of files back, as strace sees it.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crypt_keeper_test_services::run;
use tempfile::TempDir;

use super::super::{failed, programs};
use crate::step::Result;

/// PostgreSQL truncates a file before it unlinks it (its `mdunlinkfork`).
const CALLS: &str = "trace=truncate,ftruncate,unlink";
/// How long strace may take to attach to a process.
const ATTACHED_WITHIN: Duration = Duration::from_secs(10);

/// A PostgreSQL whose sessions are watched from now on.
pub(super) struct Watch {
    strace: Child,
    folder: TempDir,
}

impl Watch {
    /// Sessions that are open are not watched, those that are opened later are.
    pub(super) fn start(postmaster: u32) -> Result<Self> {
        let folder = tempfile::tempdir().map_err(failed)?;
        let strace = Command::new(programs::strace()?)
            .args(["-f", "-qq", "-T", "-e", CALLS, "-o"])
            .arg(folder.path().join("calls"))
            .args(["-p", &postmaster.to_string()])
            .stdin(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let mut watch = Self { strace, folder };
        let until = Instant::now() + ATTACHED_WITHIN;
        while !is_traced(postmaster)? {
            if let Some(status) = watch.strace.try_wait().map_err(failed)? {
                return Err(failed(format!(
                    "strace may not watch PostgreSQL ({status}): drops are measured where it may"
                )));
            }
            if Instant::now() > until {
                return Err(failed("strace did not attach to PostgreSQL"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(watch)
    }

    /// How many milliseconds all sessions together spent there.
    pub(super) fn end(mut self) -> Result<f64> {
        // It lets go of what it watches, which a kill would not wait for.
        run(Command::new("kill").args(["-s", "TERM", &self.strace.id().to_string()]))?;
        self.strace.wait().map_err(failed)?;
        let calls = fs::read_to_string(self.folder.path().join("calls")).map_err(failed)?;
        Ok(seconds(&calls) * 1e3)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Nothing, if it has ended.
        if matches!(self.strace.try_wait(), Ok(None)) {
            let _is_gone = self.strace.kill();
            let _is_gone = self.strace.wait();
        }
    }
}

fn is_traced(process: u32) -> Result<bool> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).map_err(failed)?;
    let tracer = status
        .lines()
        .find_map(|line| line.strip_prefix("TracerPid:"));
    Ok(tracer.is_some_and(|tracer| tracer.trim() != "0"))
}

/// The sum of what calls took: a line of one that has come back ends with `<0.000025>`.
fn seconds(calls: &str) -> f64 {
    calls
        .lines()
        .filter_map(|line| {
            line.strip_suffix('>')?
                .rsplit_once('<')?
                .1
                .parse::<f64>()
                .ok()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_calls_took_is_added_up_interrupted_ones_once() {
        let calls = "\
            7 truncate(\"base/5/16384\", 0) = 0 <0.463820>\n\
            7 truncate(\"base/5/16384.1\", 0) = -1 ENOENT (No such file or directory) <0.000025>\n\
            7 unlink(\"base/5/16384_fsm\" <unfinished ...>\n\
            8 +++ exited with 0 +++\n\
            7 <... unlink resumed>)             = 0 <0.000155>\n";
        assert!((seconds(calls) - 0.464).abs() < 1e-9);
    }
}
