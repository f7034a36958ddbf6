//! The first start of the embedded default, and the second.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use crypt_keeper_test_services::cycles;
use insta::assert_snapshot;

use crate::service::{Client, Place, Service, profile_value};

/// Name and mode of everything in the data folder.
fn listing(folder: &Path) -> String {
    let mut lines: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
            format!("{mode:04o} {}", entry.file_name().to_string_lossy())
        })
        .collect();
    lines.sort_by(|one, other| one[5..].cmp(&other[5..]));
    lines.join("\n")
}

fn ports_hidden(text: &str, service_url: &str) -> String {
    text.replace(service_url, "http://127.0.0.1:PORT")
}

/// A document goes up and comes back.
fn use_it(place: &Place, service: &Service) {
    let client = Client::of(place, service);
    let answer = client.upload("an object");
    let id = answer["document_id"].as_str().unwrap();
    assert_eq!(client.download(id).1, "an object");
}

#[test]
fn the_first_start_makes_everything_and_the_second_finds_it() {
    let place = Place::new();
    let service = place.serve();
    let url = service.url().to_owned();
    use_it(&place, &service);
    let folder_mode = fs::metadata(place.path("crypt-keeper-data")).unwrap();
    assert_eq!(folder_mode.permissions().mode() & 0o7777, 0o700);
    assert_eq!(fs::read_to_string(place.data(".gitignore")).unwrap(), "*\n");
    let profile = place.data("ckc.toml");
    assert_eq!(profile_value(&profile, "url"), url);
    assert_eq!(profile_value(&profile, "user"), "alice");
    let key = profile_value(&profile, "api_key");
    let master_key = fs::read_to_string(place.data("master.key")).unwrap();
    let master_key = master_key.trim().split_once(':').unwrap().1;

    let ended = service.stop();
    // The line that it is ready was read before.
    assert_snapshot!(ports_hidden(&place.shown(&ended.stdout), &url), @r#"

    This was its first start. It made
      ./crypt-keeper-data  the data folder: database, key store, objects, and beside them the
          master key that protects them. Fit for trying out; keep the folder to yourself.
      alice  the first user
      ~/crypt-keeper-data/ckc.toml  his profile, which holds an API key (mode 0600)

    To upload a document and fetch it back, type in another terminal
      id=$(CKC_CONFIG=~/crypt-keeper-data/ckc.toml ckc -q upload ~/crypt-keeper-data/hello.txt)
      CKC_CONFIG=~/crypt-keeper-data/ckc.toml ckc download "$id" -o hello-again.txt
    "#);
    assert_snapshot!(listing(&place.path("crypt-keeper-data")), @"
    0644 .gitignore
    0700 blobs
    0600 ckc.toml
    0600 hello.txt
    0600 keys.db
    0600 master.key
    0600 metadata.db
    ");
    for said in [&ended.stdout, &ended.stderr] {
        assert!(!said.contains(&key) && !said.contains(master_key), "{said}");
    }

    let made = fs::read(&profile).unwrap();
    let second = place.serve();
    let url = second.url().to_owned();
    let ended = second.stop();
    assert_eq!(
        (&*ended.stdout, &*ended.stderr),
        ("", ""),
        "more than a line"
    );
    assert_eq!(fs::read(&profile).unwrap(), made);
    assert!(url.starts_with("http://127.0.0.1:"));
}

#[test]
fn documents_survive_a_restart() {
    let place = Place::new();
    let service = place.serve();
    let uploaded = Client::of(&place, &service).upload("kept");
    let id = uploaded["document_id"].as_str().unwrap();
    service.stop();
    let service = place.serve();
    let (answer, _) = Client::of(&place, &service).download(id);
    assert_eq!(answer["symmetric_key"], uploaded["symmetric_key"]);
    service.stop();
}

#[test]
fn the_first_user_is_admin_if_the_environment_names_no_plain_one() {
    for name in ["", "a b", "a\"b", "a:b", "é"] {
        let mut place = Place::new();
        place.set("USER", name);
        let service = place.serve();
        assert_eq!(profile_value(&place.data("ckc.toml"), "user"), "admin");
        use_it(&place, &service);
    }
}

#[test]
fn a_profile_that_was_taken_away_is_not_made_again() {
    let place = Place::new();
    place.serve().stop();
    fs::remove_file(place.data("ckc.toml")).unwrap();
    let ended = place.serve().stop();
    assert_eq!(ended.stdout, "");
    assert!(!place.data("ckc.toml").exists());
}

#[test]
fn a_missing_master_key_is_not_made_again() {
    let place = Place::new();
    place.serve().stop();
    fs::remove_file(place.data("master.key")).unwrap();
    let ended = place.run(&["--listen", "127.0.0.1:0"]);
    assert_snapshot!(place.shown(ended.refusal()), @"crypt-keeper: the master key ./crypt-keeper-data/master.key is gone, and nothing else opens the key store: put it back from your copy");
    assert!(!place.data("master.key").exists());
}

#[test]
fn an_interrupted_first_start_is_taken_up() {
    // Where a crash may have left it: the marker, and as much as was made before.
    for last_made in ["", "master.key", "metadata.db", "ckc.toml"] {
        let place = Place::new();
        if !last_made.is_empty() {
            place.serve().stop();
            if last_made != "ckc.toml" {
                fs::remove_file(place.data("ckc.toml")).unwrap();
            }
            if last_made == "master.key" {
                for name in ["metadata.db", "keys.db"] {
                    fs::remove_file(place.data(name)).unwrap();
                }
            }
        } else {
            fs::create_dir(place.path("crypt-keeper-data")).unwrap();
        }
        fs::write(place.data(".first-start"), "").unwrap();
        let before = fs::read_to_string(place.data("ckc.toml")).ok();

        let service = place.serve();
        use_it(&place, &service);
        assert!(!place.data(".first-start").exists(), "{last_made:?}");
        let key = |text: &str| text.split("api_key").nth(1).unwrap().to_owned();
        if let Some(before) = before {
            let after = fs::read_to_string(place.data("ckc.toml")).unwrap();
            assert_eq!(key(&before), key(&after), "a good API key was replaced");
        }
        assert!(service.stop().stdout.contains("This was its first start"));
    }
}

#[test]
fn a_first_start_that_is_killed_at_any_moment_is_taken_up_in_all_cycles() {
    for cycle in 0..cycles(8) {
        let place = Place::new();
        // Moments spread over what a first start takes.
        for moment in 0..4 {
            let service = place.spawn(&["--listen", "127.0.0.1:0"]);
            let millis = u64::from(cycle * 7 + moment * 23) % 120;
            std::thread::sleep(Duration::from_millis(millis));
            drop(service);
        }
        let service = place.serve();
        use_it(&place, &service);
        service.stop();
        assert!(!place.data(".first-start").exists());
    }
}

#[test]
fn of_two_first_starts_at_once_one_waits_for_the_other() {
    let place = Place::new();
    let one = place.spawn(&["--listen", "127.0.0.1:0"]);
    let service = place.serve();
    use_it(&place, &service);
    let other = one.stop();
    let mine = service.stop();
    let firsts = [&other.stdout, &mine.stdout]
        .into_iter()
        .filter(|said| said.contains("This was its first start"))
        .count();
    assert_eq!(firsts, 1, "{} {}", other.stdout, mine.stdout);
}

#[test]
fn a_folder_that_is_open_to_others_is_closed() {
    let place = Place::new();
    let folder = place.path("crypt-keeper-data");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    place.serve().stop();
    let mode = fs::metadata(&folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o700);
}
