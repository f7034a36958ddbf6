//! `soak`: crashes and outages, many times, with a record of where and when.

use std::process::Command;

use crypt_keeper_test_services::CYCLES;

use crate::step::{Failure, Result, SERVER_FEATURES, cargo, print, workspace};
use crate::test::{Servers, watched};

/// Runs the tests that have `cycles` in their names, which are those that honour `CK_TEST_CYCLES`.
pub(crate) fn run(cycles: u32) -> Result<()> {
    let servers = Servers::start();
    let mut command = cargo(&["test", "--workspace", "--no-fail-fast"]);
    command
        .args(["--features", SERVER_FEATURES])
        .args(["--", "cycles", "--nocapture"])
        .env(CYCLES, cycles.to_string());
    servers.name_to(&mut command);
    let (counts, ended) = watched(&mut command)?;
    drop(servers);
    if ended.is_ok() && !counts.ran() {
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
    for skipped in counts.skipped() {
        print(skipped);
    }
    if counts.any() {
        print(&counts);
    }
    ended
}

fn said(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(workspace());
    match crypt_keeper_test_services::run(&mut command) {
        Ok(text) => text.trim().to_owned(),
        Err(_) => "unknown".to_owned(),
    }
}
