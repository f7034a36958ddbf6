//! `ckc` needs the same memory for a file of any size.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail their test"
)]

use std::fs::{self, File};
use std::process::{Child, Stdio};
use std::time::Duration;

use crypt_keeper_test_services::cycles;
use crypt_keeper_tests::{Ckc, Parts, Server, announce};

const MIB: u64 = 1 << 20;
/// The most that may be resident at any moment, in kB as /proc counts.
const LIMIT_KB: u64 = 64 * 1024;

/// Runs it to its end; the most memory that was resident, in kB.
fn peak_of(ckc: &Ckc, arguments: &[&str]) -> (u64, String) {
    let child = ckc
        .command(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let peak = watch(&child);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    (peak, String::from_utf8(output.stdout).unwrap())
}

/// VmHWM never falls, so the last reading is the peak of all but the last moment. A process that has
/// ended and is not waited for has none any more.
fn watch(child: &Child) -> u64 {
    let path = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let status = fs::read_to_string(&path).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        match line.and_then(|line| line.split_whitespace().nth(1)) {
            Some(number) => peak = number.parse().unwrap(),
            None if status.contains("State:\tZ") => return peak,
            // Between fork and exec.
            None => {}
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn memory_stays_flat_for_large_files_in_all_cycles() {
    // What is sparse takes no room on the disk; its ciphertext does.
    let length = if cycles(1) >= 100 {
        4096 * MIB
    } else {
        512 * MIB
    };
    let server = Server::start(&Parts::embedded());
    let alice = server.ckc(&server.user("alice"));
    let source = alice.folder().join("large");
    let file = File::create(&source).unwrap();
    file.set_len(length).unwrap();

    let (up, id) = peak_of(&alice, &["-q", "upload", "large"]);
    let (down, _) = peak_of(&alice, &["-q", "download", id.trim_end(), "-o", "copy"]);
    announce(&format!(
        "{} MiB: upload {up} kB resident, download {down} kB",
        length / MIB
    ));
    for peak in [up, down] {
        assert!(peak > 0 && peak < LIMIT_KB, "{peak} kB");
    }
    let copy = alice.folder().join("copy");
    assert_eq!(fs::metadata(&copy).unwrap().len(), length);
    assert!(is_zero(&copy), "the copy is what was sent");
}

fn is_zero(path: &std::path::Path) -> bool {
    use std::io::Read as _;
    let mut file = File::open(path).expect("a file");
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).expect("its content") {
            0 => return true,
            length if buffer[..length].iter().any(|byte| *byte != 0) => return false,
            _ => {}
        }
    }
}
