//! The operator's commands, beside the running service: those that work and those that fail.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::everyday::Documents;
use crate::world::{Who, World};

pub(crate) fn run(world: &mut World, documents: &Documents) {
    let id = documents.shared.id.as_str();
    for command in [
        &["setup"][..],
        &["setup", "--json"],
        &["migrate", "--dry-run"],
        &["doctor"],
        &["doctor", "--json"],
        &["config", "check"],
        &["config", "check", "--json"],
        &["user", "list"],
        &["user", "list", "--json"],
        &["user", "disable", "mallory"],
        &["user", "enable", "mallory"],
        &["api-key", "list", "alice"],
        &["api-key", "list", "alice", "--json"],
        &["documents", "list"],
        &["documents", "list", "--json"],
        &["documents", "show", id],
        &["documents", "show", id, "--json"],
        &["keys", "list"],
        &["keys", "list", "--json"],
        &["keys", "rotate"],
        &["keys", "rotate", "--json"],
        &["retention", "show"],
        &["retention", "show", "--json"],
        &["partitions", "list"],
        &["partitions", "list", "--all", "--json"],
        &["hold", "list"],
        &["hold", "list", "--json"],
        &["audit", "list", "--all"],
        &["audit", "list", "--all", "--json"],
        &["healthcheck"],
    ] {
        let ran = world.operate(command);
        assert_eq!(ran.code, Some(0), "{command:?}: {}", ran.errors());
    }
    // After the rotation, documents of before and after it.
    world.types(Who::Alice, 0, &["download", id, "-o", "after-rotation"]);
    world.types(Who::Alice, 0, &["upload", "report.pdf"]);

    for command in [
        &["user", "add", "alice", "--api-key"][..],
        &["api-key", "create", "nobody"],
        &["documents", "show", "0190a3c4-7c1e-7000-8a3b-0123456789ab"],
        &["--set", "nonsense=1", "config", "check"],
    ] {
        let ran = world.operate(command);
        assert_ne!(ran.code, Some(0), "{command:?}: {}", ran.text());
    }
    whole_keys_as_arguments(world);
    let status = world.operate(&["master-key", "status"]);
    let said = status.errors();
    assert_eq!(status.code == Some(0), world.ring().is_some(), "{said}");
    if let Some(ring) = world.ring().map(Path::to_owned) {
        master_keys_of_no_use(world, &ring);
    }
}

/// An operator who is told to revoke a key pastes all of it.
fn whole_keys_as_arguments(world: &mut World) {
    let made = world.key_of("bob", &["api-key", "create", "bob"]);
    let (_, secret) = made.key.rsplit_once('_').unwrap();
    for (code, argument) in [(0, made.key.as_str()), (2, secret)] {
        let output = world
            .server
            .installation
            .run(&["api-key", "revoke", argument]);
        let ran = crypt_keeper_tests::Ran::from(output);
        assert_eq!(
            ran.code,
            Some(code),
            "{}",
            ran.errors().replace(argument, "KEY")
        );
        // The place is not the command line, which holds the key.
        world.evidence.ran("api-key revoke", &ran);
    }
}

/// Rings that are another's, that are cut, and that come from a command which fails half way.
fn master_keys_of_no_use(world: &mut World, ring: &Path) {
    let path = ring.display().to_string();
    let made = world.operate(&["master-key", "new", &path]);
    assert_ne!(made.code, Some(0), "{}", made.text());
    let other = world.server.installation.path("other.key");
    let made = world.operate(&["master-key", "new", &other.display().to_string()]);
    assert_eq!(made.code, Some(0), "{}", made.errors());
    world.known.ring(&other);
    let ring = fs::read_to_string(ring).unwrap();
    let cut = world.server.installation.path("cut.key");
    write_private(&cut, &ring.trim_end()[..ring.trim_end().len() - 1]);
    // A line that is a key alone has no id to be named by.
    let bare = world.server.installation.path("bare.key");
    write_private(&bare, ring.trim().rsplit(':').next().unwrap());
    // Another's opens no private half. Where there is none to open, nothing but the running service,
    // which refuses the URLs that it signs, tells that it is another's.
    let other_sets_up = world.engine().is_some();
    for (sets_up, file) in [(other_sets_up, &other), (false, &cut), (false, &bare)] {
        let setting = format!("keys.master_key_file={}", file.display());
        for (works, command) in [(false, "doctor"), (sets_up, "setup")] {
            let ran = world.operate(&["--set", &setting, command]);
            let said = format!("{command} with {setting}: {}", ran.text());
            assert_eq!(ran.code == Some(0), works, "{said}");
        }
    }
    let is_embedded = world.server.installation.is_embedded();
    world.server.installation.unset("KEYS__MASTER_KEY_FILE");
    for (works, command) in [
        (true, format!("cat '{path}'")),
        (false, format!("sh -c 'cat \"{path}\"; exit 3'")),
        (false, format!("base64 '{path}'")),
    ] {
        let setting = format!("keys.master_key_command={command}");
        let ran = world.operate(&["--set", &setting, "doctor"]);
        assert_eq!(
            ran.code == Some(0),
            works,
            "{command}: {}{}",
            ran.text(),
            ran.errors()
        );
    }
    if !is_embedded {
        let installation = &mut world.server.installation;
        installation.set("KEYS__MASTER_KEY_FILE", &path);
    }
}

fn write_private(path: &Path, text: &str) {
    use std::io::Write as _;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}
