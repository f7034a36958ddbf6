//! A ring that changes under a vault at work.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crypt_keeper_crypto::seal::sealed_under;
use crypt_keeper_crypto::{MasterKey, MasterKeyId, MasterKeyRing};
use crypt_keeper_domain::model::Scope;
use crypt_keeper_domain::ports::{KeyVault, PrivateKeys, VaultError};
use crypt_keeper_keys_sealed::master_key::{
    MasterKeyCommand, MasterKeySource, MasterKeySourceError, MasterKeys, ReloadError, Reloaded,
    RingFile,
};
use crypt_keeper_keys_sealed::{SealedVault, SealedVaultConfig};
use crypt_keeper_secret::{ExposeSecret, SecretBytes};
use tempfile::TempDir;

use crate::support::{Scene, words};

struct Desk {
    scene: Scene,
    folder: TempDir,
}

impl Desk {
    /// A scene whose ring is in a file, under a comment.
    fn new() -> Self {
        let desk = Self {
            scene: Scene::new(),
            folder: tempfile::tempdir().unwrap(),
        };
        let text = desk.scene.ring.to_text();
        let text = [b"# the first\n".as_slice(), text.expose_secret()].concat();
        fs::write(desk.path(), text).unwrap();
        fs::set_permissions(desk.path(), Permissions::from_mode(0o600)).unwrap();
        desk
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("master.key")
    }

    /// A process that has just started and remembers nothing.
    async fn vault(&self) -> SealedVault {
        self.vault_from(MasterKeySource::File(self.path())).await
    }

    async fn vault_from(&self, source: MasterKeySource) -> SealedVault {
        SealedVault::new(
            self.scene.registry.clone(),
            self.scene.private_keys.clone(),
            MasterKeys::read(source).await.unwrap(),
            SealedVaultConfig::default(),
        )
        .unwrap()
    }

    fn add_key(&self) -> MasterKeyId {
        let key = MasterKey::generate().unwrap();
        let id = key.id();
        RingFile::open(&self.path()).unwrap().prepend(key).unwrap();
        id
    }

    fn first(&self) -> MasterKeyId {
        self.scene.ring.first().id()
    }
}

fn ids(vault: &SealedVault) -> Vec<MasterKeyId> {
    let ring = vault.master_keys().current();
    ring.keys().map(MasterKey::id).collect()
}

#[tokio::test]
async fn a_running_vault_learns_the_key_that_a_private_half_was_sealed_anew_under() {
    let desk = Desk::new();
    desk.scene.active_pair(Scope::Shared).await;
    let wrapped = desk.scene.wrapped().await;
    let running = desk.vault().await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let hear = Arc::clone(&told);
    running
        .master_keys()
        .on_change(move |ring| hear.lock().unwrap().push(ring.first().id()));

    let new = desk.add_key();
    let done = desk.vault().await.reseal(|_| ()).await.unwrap();
    assert_eq!((done.resealed, done.unchanged), (1, 0));
    assert_eq!(ids(&running), [desk.first()], "nothing has told it yet");
    assert_eq!(wrapped.release(&running).await.unwrap(), wrapped.key);
    assert_eq!(ids(&running), [new, desk.first()]);
    assert_eq!(*told.lock().unwrap(), [new]);
}

#[tokio::test]
async fn a_new_private_half_is_sealed_under_the_newest_ring() {
    let desk = Desk::new();
    let running = desk.vault().await;
    let new = desk.add_key();
    let serial = desk.scene.make.serial();
    let algorithm = running.algorithm();
    let made = running.create(serial, &Scope::Shared, algorithm).await;
    made.unwrap();
    let sealed = desk.scene.private_keys.get(serial).await.unwrap().unwrap();
    assert_eq!(sealed_under(sealed.as_bytes()).unwrap(), new);

    // And not at all if nobody knows which that is.
    fs::remove_file(desk.path()).unwrap();
    let serial = desk.scene.make.serial();
    let refused = running.create(serial, &Scope::Shared, algorithm).await;
    assert!(matches!(refused, Err(VaultError::Unavailable(_))));
    assert_eq!(desk.scene.private_keys.get(serial).await.unwrap(), None);
}

#[tokio::test]
async fn a_ring_without_a_key_that_is_needed_does_not_come_into_force() {
    let desk = Desk::new();
    desk.scene.active_pair(Scope::Shared).await;
    let wrapped = desk.scene.wrapped().await;
    let running = desk.vault().await;
    let new = desk.add_key();
    RingFile::open(&desk.path())
        .unwrap()
        .remove(&[desk.first()])
        .unwrap();
    let refused = running.reload_master_keys().await.unwrap_err();
    assert!(
        matches!(refused, ReloadError::StillNeeded(id) if id == desk.first()),
        "{}",
        words(&refused)
    );
    assert_eq!(wrapped.release(&running).await.unwrap(), wrapped.key);
    assert_eq!(ids(&running), [desk.first()]);

    // Put back, it may leave once nothing needs it.
    let old = desk.scene.ring.to_text();
    let mut file = OpenOptions::new().append(true).open(desk.path()).unwrap();
    file.write_all(old.expose_secret()).unwrap();
    desk.vault().await.reseal(|_| ()).await.unwrap();
    RingFile::open(&desk.path())
        .unwrap()
        .remove(&[desk.first()])
        .unwrap();
    let reloaded = running.reload_master_keys().await.unwrap();
    assert_eq!(reloaded, Reloaded::Changed);
    assert_eq!(ids(&running), [new]);
    let again = running.reload_master_keys().await.unwrap();
    assert_eq!(again, Reloaded::Unchanged);
}

#[tokio::test]
async fn the_file_is_followed() {
    let desk = Desk::new();
    let running = Arc::new(desk.vault().await);
    let follower = Arc::clone(&running);
    let follow =
        tokio::spawn(async move { follower.follow_master_keys(Duration::from_millis(5)).await });
    let new = desk.add_key();
    for _ in 0..2000 {
        if ids(&running) == [new, desk.first()] {
            follow.abort();
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the ring was not read again");
}

#[tokio::test]
async fn a_command_is_not_asked_for_every_blob_under_an_unknown_key() {
    let desk = Desk::new();
    desk.scene.active_pair(Scope::Shared).await;
    let wrapped = desk.scene.wrapped().await;
    let runs = desk.folder.path().join("runs");
    let (ring, log) = (desk.path(), runs.clone());
    let line = format!(
        "sh -c 'echo run >> {}; cat {}'",
        log.display(),
        ring.display()
    );
    let command = MasterKeyCommand::parse(&line).unwrap();
    let source = MasterKeySource::Command(command, Duration::from_secs(20));
    let running = desk.vault_from(source).await;
    desk.add_key();
    desk.vault().await.reseal(|_| ()).await.unwrap();
    let count = || fs::read_to_string(&runs).unwrap().lines().count();
    for _ in 0..20 {
        let refused = wrapped.release(&running).await;
        assert!(matches!(refused, Err(VaultError::Backend(_))));
    }
    assert_eq!(count(), 1, "it was asked at the start");
    let reloaded = running.reload_master_keys().await.unwrap();
    assert_eq!((reloaded, count()), (Reloaded::Changed, 2));
    assert_eq!(wrapped.release(&running).await.unwrap(), wrapped.key);
}

#[tokio::test]
async fn the_census_says_which_keys_are_needed() {
    let desk = Desk::new();
    let pair = desk.scene.active_pair(Scope::Shared).await;
    let vault = desk.vault().await;
    let orphan = desk.scene.make.serial();
    let made = vault
        .create(orphan, &Scope::Shared, vault.algorithm())
        .await;
    made.unwrap();
    let census = vault.census().await.unwrap();
    assert_eq!(census.sealed_under.get(&desk.first()), Some(&1));
    assert_eq!(census.unregistered, [(orphan, desk.first())]);
    assert_eq!(
        (census.needing(desk.first()), census.unreadable.len()),
        (2, 0)
    );

    let new = desk.add_key();
    let vault = desk.vault().await;
    vault.reseal(|_| ()).await.unwrap();
    let census = vault.census().await.unwrap();
    assert_eq!((census.needing(new), census.needing(desk.first())), (1, 1));
    assert!(!vault.erase_unregistered(pair.serial).await.unwrap());
    assert!(vault.erase_unregistered(orphan).await.unwrap());
    let census = vault.census().await.unwrap();
    assert_eq!((census.needing(new), census.needing(desk.first())), (1, 0));
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_ring_file_keeps_its_comments_its_mode_and_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let real = folder.path().join("real.key");
    let link = folder.path().join("master.key");
    let old = MasterKeyRing::new(MasterKey::generate().unwrap());
    let text = old.to_text();
    let text = [b"# mine\n".as_slice(), text.expose_secret(), b"# end"].concat();
    fs::write(&real, &text).unwrap();
    fs::set_permissions(&real, Permissions::from_mode(0o400)).unwrap();
    symlink("real.key", &link).unwrap();
    // An interrupted change has left this.
    fs::write(folder.path().join(".real.key.new"), b"half").unwrap();

    let mut file = RingFile::open(&link).unwrap();
    let new = MasterKey::generate().unwrap();
    let id = new.id();
    file.prepend(new).unwrap();
    assert_eq!(file.ids()[0], id);
    let written = fs::read(&real).unwrap();
    assert!(written.starts_with(id.to_string().as_bytes()) && written.ends_with(&text));
    file.remove(&[id]).unwrap();
    file.put_back().unwrap();
    assert_eq!(file.ids()[0], id);
    file.remove(&[id]).unwrap();
    assert_eq!(fs::read(&real).unwrap(), text);
    assert_eq!(file.ids(), [old.first().id()]);
    let metadata = fs::metadata(&real).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o400);
    assert_eq!(names(folder.path()), ["master.key", "real.key"]);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());

    // The last key does not leave.
    let refused = file.remove(&[old.first().id()]).unwrap_err();
    assert!(matches!(refused, MasterKeySourceError::Ring { .. }));
    assert_eq!(fs::read(&real).unwrap(), text);
}

/// A service could not read what a change had made too long.
#[test]
fn a_ring_file_grows_no_longer_than_a_ring_is_read() {
    const LONGEST: usize = 64 * 1024;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let in_clear = || MasterKeyRing::new(MasterKey::generate().unwrap()).to_text();
    let sealed = |id: &str| SecretBytes::new(format!("{id}:vault:v1:AAAA\n").into_bytes());
    type Open = fn(&Path) -> Result<RingFile, MasterKeySourceError>;
    let opens: [Open; 2] = [RingFile::open, RingFile::open_sealed];
    let lines = [
        (in_clear(), in_clear()),
        (sealed("00112233445566aa"), sealed("00112233445566bb")),
    ];
    for (open, (old, new)) in opens.into_iter().zip(lines) {
        let mut text = old.expose_secret().to_vec();
        text.resize(LONGEST, b'#');
        fs::write(&path, &text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let refused = open(&path).unwrap().prepend_line(&new).unwrap_err();
        assert!(
            matches!(refused, MasterKeySourceError::TooLong { .. }),
            "{refused}"
        );
        assert_eq!(fs::read(&path).unwrap(), text);
    }
}

#[test]
fn a_ring_file_is_changed_by_one_at_a_time() {
    let desk = Desk::new();
    let file = RingFile::open(&desk.path()).unwrap();
    let refused = RingFile::open(&desk.path()).unwrap_err();
    assert!(
        matches!(refused, MasterKeySourceError::Busy { .. }),
        "{refused}"
    );
    drop(file);
    RingFile::open(&desk.path()).unwrap();
}

/// A service that runs as another user than the operator can still read its ring.
#[test]
fn a_ring_file_keeps_its_owner() {
    let desk = Desk::new();
    let mine = fs::metadata(desk.path()).unwrap().uid();
    if mine != 0 {
        // Only root gives files away, and to anybody else the owner is himself.
        eprintln!("SKIPPED: not root, so no file can have another owner");
        return;
    }
    std::os::unix::fs::chown(desk.path(), Some(10_001), Some(10_002)).unwrap();
    desk.add_key();
    let metadata = fs::metadata(desk.path()).unwrap();
    assert_eq!((metadata.uid(), metadata.gid()), (10_001, 10_002));
}
