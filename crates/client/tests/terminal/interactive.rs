//! What somebody at a terminal sees: questions, a key that is not shown, the progress line, Ctrl-C.

use crate::support::pty::Terminal;
use crate::support::{ALICE_KEY, Fault, Service, Session};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

const GCM: &str = "AES256_GCM_HKDF_1MB";
const CTRL_C: &str = "\u{3}";

#[test]
fn login_asks_and_never_shows_the_key() {
    let service = Service::start();
    let stranger = Session::stranger(&service);
    let mut terminal = Terminal::start(&stranger, &["login"]);
    terminal.wait_for("Address of the service: ");
    terminal.press(&format!("{}\n", service.url));
    terminal.wait_for("User name: ");
    terminal.press("alice\n");
    terminal.wait_for("API key (not shown): ");
    terminal.wait_for_hiding();
    terminal.press(&format!("{ALICE_KEY}\n"));
    let (status, echoes) = terminal.wait();
    let text = terminal.text();
    assert!(status.success(), "{text}");
    assert!(echoes, "the terminal stays blind");
    assert!(text.contains("Logged in to http://127.0.0.1:"), "{text}");
    assert!(!text.contains(&ALICE_KEY[..8]), "{text}");
    let profile = stranger.home().join(".config/crypt-keeper/ckc.toml");
    assert!(fs::read_to_string(&profile).unwrap().contains(ALICE_KEY));
    let mode = fs::metadata(&profile).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn whatever_ends_the_question_for_the_key_leaves_the_terminal_as_it_was() {
    let service = Service::start();
    let alice = Session::alice(&service).with("CKC_API_KEY", "");
    for (code, end) in [
        (
            130,
            (|terminal| terminal.press(CTRL_C)) as fn(&mut Terminal),
        ),
        (143, |terminal| terminal.kill("TERM")),
        (129, |terminal| terminal.kill("HUP")),
    ] {
        let mut terminal = Terminal::start(&alice, &["login"]);
        terminal.wait_for("API key (not shown): ");
        terminal.wait_for_hiding();
        end(&mut terminal);
        let (status, echoes) = terminal.wait();
        assert_eq!(status.code(), Some(code), "{}", terminal.text());
        assert!(echoes, "the terminal stays blind");
    }
    assert!(service.requests("").is_empty());
    let profile = alice.home().join(".config/crypt-keeper/ckc.toml");
    assert!(!profile.exists());
}

#[test]
fn one_line_shows_the_progress_and_ctrl_c_takes_it_away() {
    let service = Service::start();
    let alice = Session::alice(&service);
    let id = service.plant("a.bin", GCM, &vec![7; 3 << 20]);
    let halt = Fault::SilenceAfter(2 << 20, Duration::from_secs(30));
    service.fault("GET /objects", halt);
    let mut terminal = Terminal::start(&alice, &["download", &id]);
    terminal.wait_for("2.00 MiB of 3.00 MiB");
    let text = terminal.text();
    let line = text
        .rsplit('\r')
        .find(|line| line.contains("2.00 MiB"))
        .unwrap();
    for part in ["downloading, decrypting", "=>", "/s", " left"] {
        assert!(line.contains(part), "{part} is not in {line:?}");
    }
    assert!(!text.contains('\n'), "one line: {text:?}");
    terminal.press(CTRL_C);
    let (status, _) = terminal.wait();
    assert_eq!(status.code(), Some(130), "{}", terminal.text());
    let left = terminal.lines();
    assert_eq!(left.len(), 1, "{left:?}");
    let said = "interrupted: nothing is left behind; run the command again";
    assert!(left[0].ends_with(said), "{left:?}");
    assert_eq!(alice.files(), [""; 0]);
}

#[test]
fn when_all_is_done_only_the_result_is_left_on_the_screen() {
    let service = Service::start();
    let alice = Session::alice(&service);
    let id = service.plant("a.bin", GCM, &vec![7; 3 << 20]);
    let mut terminal = Terminal::start(&alice, &["download", &id]);
    assert!(terminal.wait().0.success());
    assert_eq!(
        terminal.lines(),
        ["Downloaded a.bin, 3.0 MiB (3145728 bytes)."]
    );

    let mut terminal = Terminal::start(&alice, &["-q", "upload", "a.bin"]);
    assert!(terminal.wait().0.success());
    let text = terminal.text();
    assert!(
        !text.contains("encrypting") && !text.contains('\u{1b}'),
        "{text:?}"
    );
    assert_eq!(terminal.lines().len(), 1, "the id, alone");
}
