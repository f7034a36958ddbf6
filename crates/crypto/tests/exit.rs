//! How a program ends whose threads are still at it: with its own exit code.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

use std::process::Command;
use std::sync::mpsc::channel;
use std::thread;

use crypt_keeper_crypto::{DocumentKey, KeyCommitment};

/// How often a program ends.
const ENDS: usize = 20;
/// How many threads make others that use OpenSSL and end.
const THREADS: usize = 4;
/// Tells the program from the test that starts it. To the test runner it is one more filter.
const PROGRAM: &str = "as-the-program";
const OWN_EXIT_CODE: i32 = 23;

#[test]
fn threads_that_end_after_the_program_do_not_crash_it() {
    if std::env::args().any(|argument| argument == PROGRAM) {
        end_while_others_are_at_it();
    }
    let name = "threads_that_end_after_the_program_do_not_crash_it";
    for _ in 0..ENDS {
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, PROGRAM, "--nocapture"])
            .output()
            .unwrap()
            .status;
        assert_eq!(status.code(), Some(OWN_EXIT_CODE), "{status}");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "it is about what becomes of a program at its exit"
)]
fn end_while_others_are_at_it() -> ! {
    let (begun, all_begun) = channel();
    for _ in 0..THREADS {
        let begun = begun.clone();
        thread::spawn(move || {
            loop {
                // The first use of OpenSSL in the program, and so what initializes it.
                let used = thread::spawn(|| {
                    KeyCommitment::of(&DocumentKey::new(Box::new([7; 32])), &[7; 16])
                });
                used.join().unwrap().unwrap();
                let _ = begun.send(());
            }
        });
    }
    for _ in 0..THREADS {
        all_begun.recv().unwrap();
    }
    std::process::exit(OWN_EXIT_CODE)
}
