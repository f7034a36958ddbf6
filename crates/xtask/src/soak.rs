//! `soak`: crashes and outages, many times, with a record of where and when.

use crypt_keeper_test_services::CYCLES;

use crate::step::{Failure, Result, print, said};
use crate::test::{Servers, build, cargo_test, watched};

/// Runs the tests that have `cycles` in their names, which are those that honour `CK_TEST_CYCLES`.
pub(crate) fn run(cycles: u32) -> Result<()> {
    build()?;
    let servers = Servers::start();
    let mut command = cargo_test();
    command
        .args(["--", "cycles", "--nocapture"])
        .env(CYCLES, cycles.to_string());
    servers.name_to(&mut command);
    let (counts, ended) = watched(&mut command)?;
    drop(servers);
    if ended.is_ok() && !counts.any() {
        return Err(Failure::Said(
            "error: no test has `cycles` in its name".into(),
        ));
    }
    print("");
    print(format!(
        "date     {}",
        said("date", &["-u", "+%Y-%m-%d %H:%M UTC"])
    ));
    print(format!("machine  {}", said("uname", &["-srm"])));
    print(format!("cpus     {}", said("nproc", &[])));
    print(format!(
        "commit   {}",
        said("git", &["describe", "--always", "--dirty"])
    ));
    print(format!("rust     {}", said("rustc", &["--version"])));
    print(format!("cycles   {cycles}"));
    counts.print_end();
    ended
}
