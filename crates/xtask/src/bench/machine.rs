//! Where and when: the line that stands above every table.

use std::fmt;
use std::fs;

use crate::step::said;

/// The machine, the moment and the code.
#[derive(Debug)]
pub(super) struct Machine {
    processor: String,
    cores: usize,
    memory_gib: u64,
    kernel: String,
    date: String,
    commit: String,
    compiler: String,
    load: String,
    quick: bool,
}

impl Machine {
    pub(super) fn now(quick: bool) -> Self {
        Self {
            processor: processor(&read("/proc/cpuinfo")),
            cores: cores(),
            memory_gib: memory_gib(&read("/proc/meminfo")),
            kernel: said("uname", &["-srm"]),
            date: said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
            commit: said("git", &["describe", "--always", "--dirty"]),
            compiler: said("rustc", &["--version"]),
            load: read("/proc/loadavg")
                .split(' ')
                .next()
                .unwrap_or("unknown")
                .to_owned(),
            quick,
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, commit {}, {}. {}, {} cores, {} GiB, {}; load before the run {}.",
            self.date,
            self.commit,
            self.compiler,
            self.processor,
            self.cores,
            self.memory_gib,
            self.kernel,
            self.load,
        )?;
        if self.quick {
            f.write_str(" **Quick run: not to be quoted.**")?;
        }
        Ok(())
    }
}

/// How many threads can run at once.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn processor(cpuinfo: &str) -> String {
    cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .and_then(|rest| rest.split_once(':'))
        .map_or_else(
            || "unknown processor".to_owned(),
            |(_, name)| name.trim().to_owned(),
        )
}

fn memory_gib(meminfo: &str) -> u64 {
    let kib: u64 = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.split_ascii_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or_default();
    // The kernel keeps a little to itself.
    kib.div_ceil(1 << 20)
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
