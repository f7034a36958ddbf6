//! Key pairs of customers.

use super::Story;
use crate::desk::Desk;
use crate::http;

#[test]
fn customers_have_pairs_of_their_own_and_keep_them() {
    let mut story = Story::new();
    let scopes = |desk: &Desk| {
        let pairs = desk.run(&["keys", "list", "--json"]).json();
        let scope = |pair: &serde_json::Value| pair["scope"].as_str().unwrap().to_owned();
        pairs.iter().map(scope).collect::<Vec<_>>()
    };
    let serve = |story: &mut Story, scope: &str| {
        story.desk.set("CRYPT_KEEPER__KEYS__SCOPE", scope);
        story.service = story.desk.serve();
    };
    serve(&mut story, "customer");
    let bob = story.desk.run(&["user", "add", "bob", "--api-key"]);
    let bob = bob.line().to_owned();
    let address = story.service.address;
    let uploads: Vec<_> = std::thread::scope(|threads| {
        let upload = |_| {
            threads.spawn(|| http::id_of(&http::upload(address, "bob", &bob, "of-his-own.pdf")))
        };
        let uploads: Vec<_> = (0..6).map(upload).collect();
        uploads.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let active = |desk: &Desk| {
        let pairs = desk.run(&["keys", "list", "--json"]).json();
        let active = pairs.iter().filter(|pair| pair["state"] == "active");
        active.count()
    };
    assert_eq!(active(&story.desk), 2, "one is shared, one is Bob's");
    let users = story.desk.run(&["user", "list", "--json"]).json();
    let bobs = users.iter().find(|user| user["name"] == "bob").unwrap();
    let bobs = format!("customer:{}", bobs["id"].as_str().unwrap());
    assert!(
        scopes(&story.desk).contains(&bobs),
        "{:?}",
        scopes(&story.desk)
    );

    // Old documents stay as they are, whatever the policy of today.
    assert_eq!(story.download(), 200);
    assert_eq!(story.upload(), 201);
    assert_eq!(active(&story.desk), 3, "one is Alice's");
    serve(&mut story, "shared");
    let address = story.service.address;
    for id in &uploads {
        assert_eq!(http::download(address, "bob", &bob, id), 200);
    }
    assert_eq!(http::upload(address, "bob", &bob, "shared.pdf").0, 201);
    assert_eq!(active(&story.desk), 3);
    let listed = story.desk.run(&["keys", "rotate", "--scope", &bobs]);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    assert_eq!(http::download(address, "bob", &bob, &uploads[0]), 200);
    assert_eq!(active(&story.desk), 3);
}
