//! What processes cost: CPU time and memory, as the kernel counts them (proc(5)).

use std::fs;
use std::process::Command;
use std::time::Duration;

use super::failed;
use crate::step::Result;

/// Reads CPU times.
#[derive(Clone, Copy, Debug)]
pub(super) struct CpuClock {
    ticks_per_second: u64,
}

impl CpuClock {
    pub(super) fn new() -> Result<Self> {
        let mut getconf = Command::new("getconf");
        let ticks = crypt_keeper_test_services::run(getconf.arg("CLK_TCK"))?;
        Ok(Self {
            ticks_per_second: ticks.trim().parse().map_err(failed)?,
        })
    }

    /// User and system time of a process so far.
    pub(super) fn of_process(self, pid: u32) -> Result<Duration> {
        let stat = Stat::of(pid).ok_or_else(|| failed(format!("process {pid} is gone")))?;
        Ok(self.duration(stat.own))
    }

    /// The same of a process and all its children, those included that have ended.
    pub(super) fn of_family(self, pid: u32) -> Result<Duration> {
        let parent = Stat::of(pid).ok_or_else(|| failed(format!("process {pid} is gone")))?;
        let children: u64 = fs::read_dir("/proc")
            .map_err(failed)?
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter_map(Stat::of)
            .filter(|stat| stat.parent == pid)
            .map(|stat| stat.own)
            .sum();
        Ok(self.duration(parent.own + parent.of_ended_children + children))
    }

    fn duration(self, ticks: u64) -> Duration {
        Duration::from_millis(ticks * 1000 / self.ticks_per_second.max(1))
    }
}

/// The largest resident set so far of a process that runs, in KiB.
pub(super) fn peak_memory_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// Some fields of `/proc/PID/stat`, in clock ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    own: u64,
    of_ended_children: u64,
}

impl Stat {
    fn of(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(line: &str) -> Option<Self> {
        // The name is in parentheses and may hold anything: the fields after it begin with the 3rd.
        let fields: Vec<&str> = line[line.rfind(')')? + 1..]
            .split_ascii_whitespace()
            .collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Self {
            parent: u32::try_from(number(4)?).ok()?,
            own: number(14)? + number(15)?,
            of_ended_children: number(16)? + number(17)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_counted_after_the_name_whatever_it_holds() {
        let line = "7 (a) b (c) S 3 7 7 0 -1 4194560 1 2 3 4 50 6 700 80 20 0 1 0 99";
        let expected = Stat {
            parent: 3,
            own: 56,
            of_ended_children: 780,
        };
        assert_eq!(Stat::parse(line), Some(expected));
    }

    #[test]
    fn this_process_has_cost_something_and_holds_memory() {
        let clock = CpuClock::new().unwrap();
        let own = std::process::id();
        let until = std::time::Instant::now() + Duration::from_millis(50);
        while std::time::Instant::now() < until {}
        assert!(clock.of_process(own).unwrap() > Duration::ZERO);
        // In this order: it costs more from moment to moment.
        let process = clock.of_process(own).unwrap();
        assert!(clock.of_family(own).unwrap() >= process);
        assert!(peak_memory_kib(own).is_some_and(|peak| peak > 100));
    }
}
