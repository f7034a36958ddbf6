//! Keeps keys out of core dumps.

use rustix::process::{Resource, Rlimit, setrlimit};

/// Turns core dumps off, for good: both limits go to zero, and on Linux the process is marked as
/// not dumpable, because a `core_pattern` that pipes to a program ignores the limit. That also keeps
/// other processes of the same user from reading its memory.
///
/// # Errors
/// What the operating system says.
pub fn forbid_core_dumps() -> std::io::Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)?;
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}
