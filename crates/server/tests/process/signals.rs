//! Signals, and what protects the memory of the process.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;

use crate::service::{Client, Place};

#[test]
fn sigterm_and_sigint_end_it_with_0() {
    let place = Place::new();
    for signal in [Signal::TERM, Signal::INT] {
        let service = place.serve();
        service.signal(signal);
        let ended = service.wait();
        assert_eq!(ended.status.code(), Some(0), "{signal:?}: {}", ended.stderr);
    }
    // All is in the database files: the logs beside them are gone.
    assert!(!place.data("metadata.db-wal").exists());
}

#[test]
fn sighup_does_not_end_it() {
    let place = Place::new();
    let service = place.serve();
    service.signal(Signal::HUP);
    std::thread::sleep(Duration::from_millis(100));
    Client::of(&place, &service).upload("x");
    service.stop();
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let place = Place::new();
    let service = place.serve();
    let uploaded = Client::of(&place, &service).upload("kept");
    service.signal(Signal::KILL);
    service.wait();
    let service = place.serve();
    let id = uploaded["document_id"].as_str().unwrap();
    let (answer, object) = Client::of(&place, &service).download(id);
    assert_eq!(answer["symmetric_key"], uploaded["symmetric_key"]);
    assert_eq!(object, "kept");
    service.stop();
}

#[test]
#[cfg(target_os = "linux")] // for /proc
fn it_leaves_no_core_dump() {
    let place = Place::new();
    let service = place.serve();
    let pid = service.pid().as_raw_nonzero();
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    let words: Vec<_> = line.split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"], "{line}");
    service.stop();
}
