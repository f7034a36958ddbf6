//! Where the master key comes from.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crypt_keeper_keys_sealed::master_key::{
    MasterKeyCommand, MasterKeySourceError, make_master_key_file, read_master_key_file,
};
use tempfile::TempDir;

use crate::support::words;

const LIMIT: Duration = Duration::from_secs(20);

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn write(path: &Path, text: &[u8], mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_made_file_is_its_owners_alone_and_is_read_back() {
    let folder = folder();
    let path = folder.path().join("master.key");
    let made = make_master_key_file(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
    let read = read_master_key_file(&path).unwrap();
    assert_eq!(read.first().id(), made.first().id());
    assert_eq!(read.to_text(), made.to_text());
    assert_eq!(read.keys().count(), 1);
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[test]
fn a_file_that_is_there_is_never_overwritten() {
    let folder = folder();
    let path = folder.path().join("master.key");
    make_master_key_file(&path).unwrap();
    let before = fs::read(&path).unwrap();
    let error = make_master_key_file(&path).unwrap_err();
    assert!(matches!(error, MasterKeySourceError::Exists { .. }));
    assert!(
        error
            .to_string()
            .ends_with("is there already, and is not overwritten")
    );
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let nowhere = make_master_key_file(&folder.path().join("no/such/folder"));
    assert!(matches!(nowhere, Err(MasterKeySourceError::Write { .. })));
}

/// Of many who make it at once, one does.
#[test]
fn two_first_starts_do_not_invent_two_master_keys() {
    let folder = folder();
    let path = folder.path().join("master.key");
    let made = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| make_master_key_file(&path)))
            .collect();
        let results = threads.into_iter().map(|thread| thread.join().unwrap());
        results.filter_map(Result::ok).collect::<Vec<_>>()
    });
    assert_eq!(made.len(), 1);
    let read = read_master_key_file(&path).unwrap();
    assert_eq!(read.first().id(), made[0].first().id());
}

#[test]
fn a_file_that_others_may_access_is_refused_with_the_remedy() {
    let folder = folder();
    let path = folder.path().join("master key");
    make_master_key_file(&path).unwrap();
    for wide in [
        0o640, 0o604, 0o620, 0o602, 0o644, 0o660, 0o777, 0o700, 0o4600,
    ] {
        fs::set_permissions(&path, Permissions::from_mode(wide)).unwrap();
        let error = read_master_key_file(&path).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "others may access the master key file (mode {wide:04o}): run `chmod 600 '{}'`",
                path.display()
            )
        );
    }
    for narrow in [0o600, 0o400] {
        fs::set_permissions(&path, Permissions::from_mode(narrow)).unwrap();
        read_master_key_file(&path).unwrap();
    }
}

#[test]
fn what_is_no_ring_is_refused_and_not_repeated() {
    let folder = folder();
    let path = folder.path().join("master.key");
    let missing = read_master_key_file(&path).unwrap_err();
    assert!(
        missing.to_string().contains("crypt-keeper master-key new"),
        "{missing}"
    );
    let not_a_file = read_master_key_file(folder.path()).unwrap_err();
    assert!(matches!(not_a_file, MasterKeySourceError::NotAFile { .. }));

    write(&path, b"\n# nothing but this\n", 0o600);
    let empty = read_master_key_file(&path).unwrap_err();
    assert!(
        words(&empty).contains("the master key ring is empty"),
        "{}",
        words(&empty)
    );
    write(&path, b"hunter2hunter2", 0o600);
    let garbage = read_master_key_file(&path).unwrap_err();
    assert!(
        words(&garbage).contains("line 1 of the master key ring"),
        "{}",
        words(&garbage)
    );
    assert!(!format!("{} {garbage:?}", words(&garbage)).contains("hunter2"));
    write(&path, &vec![b'#'; 64 * 1024 + 1], 0o600);
    let long = read_master_key_file(&path).unwrap_err();
    assert!(matches!(long, MasterKeySourceError::TooLong { .. }));
}

async fn run(line: &str) -> Result<crypt_keeper_crypto::MasterKeyRing, MasterKeySourceError> {
    MasterKeyCommand::parse(line)?.run(LIMIT).await
}

#[tokio::test]
async fn a_command_prints_the_ring() {
    let folder = folder();
    let path = folder.path().join("master key");
    let made = make_master_key_file(&path).unwrap();
    let ring = run(&format!("cat '{}'", path.display())).await.unwrap();
    assert_eq!(ring.first().id(), made.first().id());
}

#[tokio::test]
async fn a_command_that_fails_is_named_and_its_output_is_not_repeated() {
    for line in ["", "  ", "'unclosed", "\"\""] {
        let error = run(line).await.unwrap_err();
        assert!(
            matches!(error, MasterKeySourceError::NoCommand),
            "{line}: {error}"
        );
    }
    let error = run("/no/such/program --token hunter2").await.unwrap_err();
    assert!(words(&error).starts_with("cannot run the master key command `/no/such/program`"));
    assert!(!words(&error).contains("hunter2"));
    let error = run("sh -c 'echo hunter2; exit 3'").await.unwrap_err();
    assert!(
        words(&error).contains("exit status: 3"),
        "{}",
        words(&error)
    );
    assert!(!words(&error).contains("hunter2"));
    let error = run("echo hunter2").await.unwrap_err();
    assert!(matches!(error, MasterKeySourceError::Ring { .. }));
    assert!(!words(&error).contains("hunter2"));
    let error = run("true").await.unwrap_err();
    assert!(words(&error).contains("is empty"), "{}", words(&error));
    let error = run("head -c 70000 /dev/zero").await.unwrap_err();
    assert!(
        !matches!(error, MasterKeySourceError::Ring { .. }),
        "{error:?}"
    );
}

/// No shell is run: what looks like one's syntax is an argument.
#[tokio::test]
async fn a_command_line_is_split_and_not_expanded() {
    let folder = folder();
    let proof = folder.path().join("proof");
    let line = format!("echo $(touch {0}) `touch {0}` ; touch {0}", proof.display());
    assert!(run(&line).await.is_err());
    assert!(!proof.exists());
}

#[tokio::test]
async fn a_command_that_hangs_is_killed() {
    let folder = folder();
    let pid_file = folder.path().join("pid");
    let line = format!(
        "sh -c 'echo $$ > \"$0\"; exec sleep 600' {}",
        pid_file.display()
    );
    let command = MasterKeyCommand::parse(&line).unwrap();
    let began = Instant::now();
    let error = command.run(Duration::from_secs(1)).await.unwrap_err();
    assert!(
        matches!(error, MasterKeySourceError::TimedOut { .. }),
        "{error}"
    );
    assert!(began.elapsed() < LIMIT);
    let pid = fs::read_to_string(&pid_file).unwrap();
    let process = Path::new("/proc").join(pid.trim()).join("cmdline");
    for _ in 0..500 {
        // A zombie that nobody has waited for yet has an empty command line.
        if fs::read(&process).unwrap_or_default().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("process {pid} lives on");
}

/// Runs itself with variables of ours set, since a test cannot set its own.
#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "tells the run within from the run without"
)]
async fn a_command_does_not_see_our_variables() {
    const NAME: &str = "master_key::a_command_does_not_see_our_variables";
    if std::env::var_os("CK_TEST_KEPT").is_none() {
        let run = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME])
            .env("CK_TEST_KEPT", "kept")
            .env("CRYPT_KEEPER__METADATA__POSTGRES__URL", "hunter2")
            .env("crypt_keeper__keys__sealed__url", "hunter2")
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success(), "{output}");
        assert!(output.contains("1 passed"), "{output}");
        return;
    }
    let folder = folder();
    let path = folder.path().join("master.key");
    make_master_key_file(&path).unwrap();
    let seen = folder.path().join("environment");
    let script = format!("env > {}; cat {}", seen.display(), path.display());
    run(&format!("sh -c '{script}'")).await.unwrap();
    let seen = fs::read_to_string(seen).unwrap();
    assert!(seen.contains("CK_TEST_KEPT=kept"), "{seen}");
    assert!(!seen.contains("hunter2"), "{seen}");
}
