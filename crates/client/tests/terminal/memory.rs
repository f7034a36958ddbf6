//! Memory stays flat, whatever the document's length.

use crate::support::{Service, Session};
use std::fs::{self, File};
use std::time::Duration;

/// Length of the document: four times what may be resident.
const LENGTH: u64 = 256 << 20;
/// Most that may be resident, in KiB.
const LIMIT_KIB: u64 = 64 << 10;

/// Runs a command and answers the most memory that was ever resident, in KiB, as the kernel counts
/// it (VmHWM). It only grows, so the last look before the end is the one that counts.
fn peak(session: &Session, arguments: &[&str]) -> u64 {
    let mut child = session.command(arguments).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        if let Some(kib) = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()) {
            peak = peak.max(kib);
        }
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{arguments:?}");
            return peak;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "the peak is read from /proc")]
fn upload_and_download_of_a_large_file_stay_small() {
    let service = Service::start();
    let alice = Session::alice(&service);
    let path = alice.folder().join("large");
    File::create(&path).unwrap().set_len(LENGTH).unwrap();
    let up = peak(&alice, &["-q", "upload", "large"]);
    let id = service.with(|state| state.documents.keys().next().unwrap().clone());
    let down = peak(&alice, &["-q", "download", &id, "-o", "copy"]);
    println!("peak resident: upload {up} KiB, download {down} KiB");
    assert_eq!(
        fs::metadata(alice.folder().join("copy")).unwrap().len(),
        LENGTH
    );
    for peak in [up, down] {
        assert!(peak > 1024, "the peak was not seen");
        assert!(peak < LIMIT_KIB, "{peak} KiB were resident");
    }
}
