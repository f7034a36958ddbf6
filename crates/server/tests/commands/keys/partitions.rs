//! Key pairs of partitions.

use super::Story;
use crate::desk::Desk;
use crate::http;

fn active_scopes(desk: &Desk) -> Vec<String> {
    let pairs = desk.run(&["keys", "list", "--json"]).json();
    let active = pairs.iter().filter(|pair| pair["state"] == "active");
    let scopes = active.map(|pair| pair["scope"].as_str().unwrap().to_owned());
    scopes.collect()
}

/// An installation from before key pairs were those of partitions keeps its documents and its pair,
/// and new documents are wrapped under those of partitions from then on.
#[test]
fn an_installation_with_a_shared_pair_goes_over_to_partitions() {
    let mut story = Story::of_scope("shared");
    assert_eq!(active_scopes(&story.desk), ["shared"]);
    story
        .desk
        .set("CRYPT_KEEPER__KEYS__SCOPE", "partition".to_owned());
    // Nobody but the upload makes the pair.
    story.desk.set("CRYPT_KEEPER__JOBS__ENABLED", "false");
    story.service = story.desk.serve();
    let ready = http::request(story.service.address, "GET", "/readyz", &[], "");
    assert_eq!(ready.0, 200, "{}", ready.1);
    assert!(
        ready.1.contains("yet: the first upload makes it"),
        "{}",
        ready.1
    );
    assert_eq!(story.download(), 200);
    assert_eq!(story.upload(), 201);
    let mut scopes = active_scopes(&story.desk);
    scopes.sort();
    assert_eq!(scopes.len(), 2, "{scopes:?}");
    assert!(scopes[0].starts_with("partition:0:"), "{scopes:?}");
    assert_eq!(scopes[1], "shared");
    assert_eq!(story.download(), 200);
    let ready = http::request(story.service.address, "GET", "/readyz", &[], "");
    assert!(ready.1.contains("\"ready\""), "{}", ready.1);

    let found = story.desk.run(&["doctor", "--json"]).json().remove(0);
    let found: Vec<_> = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["check"] == "active key pair")
        .map(|finding| finding["message"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].contains("wraps for scope partition:0:"),
        "{found:?}"
    );
    assert!(
        found[1].contains(&format!("key pair {} of scope shared", story.serial)),
        "{found:?}"
    );
}
