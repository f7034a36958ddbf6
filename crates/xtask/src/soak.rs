//! `soak`: crashes and outages, many times, and the main job on every backend, with a record of
//! where and when.

use crypt_keeper_test_services::{CYCLES, MATRIX};

use crate::step::{Failure, Result, print, said};
use crate::test::{Servers, build, cargo_test, watched};

/// The words by which tests that are longer here are found: those with `cycles` in their names
/// honour `CK_TEST_CYCLES`, those with `matrix` `CK_TEST_MATRIX`.
const LONGER: [&str; 2] = ["cycles", "matrix"];

/// Runs the tests that are longer here, at full length.
pub(crate) fn run(cycles: u32) -> Result<()> {
    build()?;
    let servers = Servers::start();
    let mut command = cargo_test();
    command
        .arg("--")
        .args(LONGER)
        .arg("--nocapture")
        .env(CYCLES, cycles.to_string())
        .env(MATRIX, "full");
    servers.name_to(&mut command);
    let (counts, ended) = watched(&mut command)?;
    drop(servers);
    if ended.is_ok() && !counts.any() {
        return Err(Failure::Said(format!(
            "error: no test has {} in its name",
            LONGER.join(" or ")
        )));
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
