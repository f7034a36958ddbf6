//! A terminal of the test's own, for what only a terminal is shown.

use super::session::{CKC, Session};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long something may take to be shown.
const PATIENCE: Duration = Duration::from_secs(60);

/// A command at work in a terminal.
pub(crate) struct Terminal {
    keyboard: File,
    child: Child,
    arriving: Receiver<Vec<u8>>,
    /// All that was shown, control sequences too.
    shown: Vec<u8>,
}

impl Terminal {
    /// Types `ckc` with these arguments into a new terminal of 100 columns.
    pub(crate) fn start(session: &Session, arguments: &[&str]) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let size = Winsize {
            ws_row: 24,
            ws_col: 100,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&keyboard, size).unwrap();
        let name = ptsname(&keyboard, Vec::new()).unwrap().into_bytes();
        let name = PathBuf::from(std::ffi::OsString::from_vec(name));
        let side = || {
            let file = File::options().read(true).write(true).open(&name).unwrap();
            Stdio::from(file)
        };
        // What reads keys from /dev/tty needs the terminal to be its own: util-linux sees to that.
        let child = session
            .program("/usr/bin/setsid")
            .args(["--ctty", CKC])
            .args(arguments)
            .env("TERM", "xterm")
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .spawn()
            .unwrap_or_else(|error| panic!("setsid of util-linux: {error}"));
        let keyboard = File::from(keyboard);
        let mut screen = keyboard.try_clone().unwrap();
        let (sender, arriving) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // At the end, when nobody has the other side open, reading fails.
            while let Ok(length @ 1..) = screen.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            keyboard,
            child,
            arriving,
            shown: Vec::new(),
        }
    }

    /// Waits until the screen shows what is looked for.
    pub(crate) fn wait_for(&mut self, text: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.text().contains(text) {
            match self
                .arriving
                .recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                Ok(bytes) => self.shown.extend(bytes),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("never shown: {text:?} in {:?}", self.text())
                }
            }
        }
    }

    /// Waits until what is typed is not shown, as from the moment that a secret is read.
    pub(crate) fn wait_for_hiding(&self) {
        let end = Instant::now() + PATIENCE;
        while self.echoes() {
            assert!(Instant::now() < end, "what is typed stays visible");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Whether the terminal shows what is typed.
    pub(crate) fn echoes(&self) -> bool {
        let modes = tcgetattr(&self.keyboard).unwrap().local_modes;
        modes.contains(LocalModes::ECHO)
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Sends the command a signal.
    pub(crate) fn kill(&mut self, signal: &str) {
        let pid = self.child.id().to_string();
        let mut kill = Command::new("kill");
        kill.args([&format!("-{signal}"), &pid]);
        assert!(kill.status().unwrap().success());
    }

    /// All that was shown.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.shown).into_owned()
    }

    /// Waits for the command's end; how it ended, and whether the terminal shows again what is typed.
    pub(crate) fn wait(&mut self) -> (ExitStatus, bool) {
        let status = self.child.wait().unwrap();
        let echoes = self.echoes();
        while let Ok(bytes) = self.arriving.recv_timeout(Duration::from_millis(200)) {
            self.shown.extend(bytes);
        }
        (status, echoes)
    }

    /// The lines that are left on the screen: of each, what was written after it was last erased.
    pub(crate) fn lines(&self) -> Vec<String> {
        let text = self.text();
        let left = |line: &str| {
            let line = line.trim_end_matches('\r');
            let line = line.rsplit(['\r']).next().unwrap_or_default();
            let line = line.rsplit("\u{1b}[2K").next().unwrap_or_default();
            line.to_owned()
        };
        let lines = text.split('\n').map(left);
        lines.filter(|line| !line.trim().is_empty()).collect()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
