//! What a newcomer types, and gets: the lines of the README and those of the first start, as they
//! stand there; no configuration, and no secret in sight.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crypt_keeper_test_services::{PortLease, ProcessIdentity, Signal};
use crypt_keeper_tests::{announce, binaries};

/// A service that was started by hand in some folder.
struct ByHand {
    child: Child,
    /// What it had said on stdout when it was ready.
    said: String,
    took: Duration,
}

impl ByHand {
    fn start(folder: &Path, port: &PortLease) -> Self {
        let began = Instant::now();
        let mut child = Command::new(&binaries().server)
            .current_dir(folder)
            .env_clear()
            .env("HOME", folder)
            .env("USER", "nora")
            .env("PATH", path())
            // The only thing that a test cannot leave to the default, which may be in use here.
            .env(
                "CRYPT_KEEPER__HTTP__LISTEN",
                format!("127.0.0.1:{}", port.port()),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(folder.with_extension("log")).unwrap())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (lines, said) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if lines.send(line).is_err() {
                    return;
                }
            }
        });
        let first = said.recv_timeout(Duration::from_secs(60));
        let mut service = Self {
            child,
            said: first.unwrap_or_default(),
            took: began.elapsed(),
        };
        // It says all of it at once.
        while let Ok(line) = said.recv_timeout(Duration::from_millis(200)) {
            service.said.push('\n');
            service.said.push_str(&line);
        }
        service
    }

    fn stop(mut self) {
        let identity = ProcessIdentity::of(self.child.id()).unwrap();
        assert!(identity.signal(Signal::TERM));
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for ByHand {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn path() -> String {
    let folder = binaries().ckc.parent().unwrap();
    format!("{}:/usr/bin:/bin", folder.display())
}

/// Types lines into a shell of the same folder.
fn paste(folder: &Path, lines: &str) -> String {
    let output = Command::new("/bin/sh")
        .args(["-e", "-c", lines])
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("PATH", path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{lines}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The commands under "Try it" in the README.
fn readme() -> Vec<String> {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let (_, section) = readme.split_once("\n## Try it\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("\n```\n").skip(1).step_by(2);
    blocks.flat_map(str::lines).map(str::to_owned).collect()
}

/// A command of the README, with the programs that were built in the place of `cargo run`.
fn built(command: &str) -> String {
    command
        .replace("cargo run --release --bin ckc --", "ckc")
        .replace("cargo run --release --", "crypt-keeper")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_first_start_makes_all_and_its_lines_work_when_pasted() {
    let commands = readme();
    let [start, upload, download, add_bob, share, shares, tests] = commands.as_slice() else {
        panic!("the README says something else than is tried here: {commands:#?}");
    };
    // What is started by hand here, and what runs this very test.
    assert_eq!(
        [start.as_str(), tests],
        ["cargo run --release", "cargo xtask test"]
    );

    let home = tempfile::tempdir().unwrap();
    // A folder of a newcomer may well have such a name.
    let folder = home.path().join("my first try");
    fs::create_dir(&folder).unwrap();
    let port = PortLease::free().unwrap();
    let service = ByHand::start(&folder, &port);
    announce(&format!("first start: ready in {:?}", service.took));

    let data = folder.join("crypt-keeper-data");
    assert_eq!(mode(&data), 0o700);
    for file in ["master.key", "ckc.toml", "metadata.db", "keys.db"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
    let said = service.said.clone();
    let address = format!("http://127.0.0.1:{}", port.port());
    for told in [
        &address,
        "nora",
        &data.join("ckc.toml").display().to_string(),
    ] {
        assert!(said.contains(told), "{told} is not in:\n{said}");
    }
    // No secret: neither in what it says nor in what it logs.
    let profile = fs::read_to_string(data.join("ckc.toml")).unwrap();
    let key = profile.split('"').find(|text| text.starts_with("ck_"));
    let ring = fs::read_to_string(data.join("master.key")).unwrap();
    let master_key = ring.trim().rsplit(':').next().unwrap();
    let log = fs::read_to_string(folder.with_extension("log")).unwrap();
    for secret in [key.unwrap(), master_key] {
        assert!(!said.contains(secret) && !log.contains(secret));
    }

    // The two lines, as they stand there.
    let lines: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter(|line| line.contains("ckc ") && line.contains("CKC_CONFIG="))
        .collect();
    assert_eq!(lines.len(), 2, "{said}");
    paste(&folder, &lines.join("\n"));
    assert_eq!(
        fs::read(folder.join("hello-again.txt")).unwrap(),
        fs::read(data.join("hello.txt")).unwrap()
    );

    // The README's lines.
    fs::write(folder.join("report.pdf"), "of substance").unwrap();
    let uploaded = paste(&folder, &built(upload));
    let id = uploaded.trim().strip_prefix("Document ID: ").unwrap();
    let with_id = |command: &str| {
        assert!(command.contains("<id>"), "{command}");
        built(command).replace("<id>", id)
    };
    paste(&folder, &with_id(download));
    assert_eq!(fs::read(folder.join("copy.pdf")).unwrap(), b"of substance");
    let key = paste(&folder, &built(add_bob));
    assert!(
        key.starts_with("ck_") && key.trim_end().len() == 59,
        "a key alone"
    );
    paste(&folder, &with_id(share));
    let shared_with = paste(&folder, &with_id(shares));
    assert_eq!(
        shared_with.split_whitespace().collect::<Vec<_>>(),
        ["nora", "bob"]
    );

    // A profile is never picked up unasked, not even from here.
    for folder in [&folder, &data] {
        let unasked = Command::new(&binaries().ckc)
            .args(["download", id])
            .current_dir(folder)
            .env_clear()
            .env("HOME", home.path())
            .output()
            .unwrap();
        assert_eq!(unasked.status.code(), Some(2), "in {}", folder.display());
    }
    service.stop();

    // A second start finds all of it, and says one line.
    let files = |folder: &Path| -> Vec<_> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| !name.to_string_lossy().contains(".db-"))
            .collect();
        names.sort();
        names
    };
    let before = (files(&data), profile, ring);
    let service = ByHand::start(&folder, &port);
    announce(&format!("second start: ready in {:?}", service.took));
    assert_eq!(service.said, format!("Crypt-Keeper is ready at {address}"));
    let profile = fs::read_to_string(data.join("ckc.toml")).unwrap();
    let ring = fs::read_to_string(data.join("master.key")).unwrap();
    assert!(
        (files(&data), profile, ring) == before,
        "nothing is made anew"
    );
    paste(&folder, &with_id(download).replace("copy.pdf", "again.pdf"));
    assert_eq!(fs::read(folder.join("again.pdf")).unwrap(), b"of substance");
    service.stop();
}
