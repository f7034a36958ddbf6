//! A copy is killed, again and again.

use std::process::Stdio;
use std::time::Duration;

use crypt_keeper_test_services::cycles;
use crypt_keeper_tests::{Blobs, Installation, Metadata, Parts, announce, random_below};

use crate::story::Story;
use crate::{copies, copy_command, kind as kind_of, target};

#[test]
fn a_copy_that_is_killed_goes_on_where_it_was_in_all_cycles() {
    let Some(parts) = Parts::find(Metadata::Postgres, Blobs::Local) else {
        return;
    };
    let story = Story::tell(Installation::new(&Parts::embedded()), 24);
    let whole = target(&parts);
    let uninterrupted = copies(&story.installation, &whole);
    let mut killed = 0;
    for _ in 0..cycles(3) {
        let target = target(&parts);
        // Until one comes to its end, each is killed a little later.
        for attempt in 1_u64.. {
            let mut child = copy_command(&story.installation, &target, &[])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let pause = 40 * attempt + random_below(40);
            std::thread::sleep(Duration::from_millis(pause));
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "after {attempt} attempts: {status}");
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            killed += 1;
        }
        let done = copies(&story.installation, &target);
        for kind in done["kinds"].as_array().unwrap() {
            let name = kind["kind"].as_str().unwrap();
            let other = &kind_of(&uninterrupted, name)["target_sha256"];
            assert_eq!(&kind["target_sha256"], other, "{name}");
            assert_eq!(kind["copied"], 0, "{kind}");
        }
        let _ = story.goes_on_in(target);
    }
    announce(&format!("copies killed: {killed}, and each went on"));
    assert!(killed > 0, "none was killed: nothing was tried");
}
