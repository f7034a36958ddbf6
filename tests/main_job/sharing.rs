//! Who reads a document, by `ckc`.

use crypt_keeper_tests::Ckc;

use crate::suite::Sent;
use crate::{CREDENTIALS_OR_RIGHTS, NOT_FOUND};

/// Shares it with Bob, who reads it then; Mallory never does.
pub(crate) fn only_those_it_is_shared_with(sent: &Sent, people: &[Ckc; 3]) {
    let [alice, bob, mallory] = people;
    let id = sent.id.as_str();
    // Nobody else yet, and nothing of it is left behind.
    for stranger in [bob, mallory] {
        let refused = stranger.fails_with(CREDENTIALS_OR_RIGHTS, &["download", id]);
        assert_eq!(refused.text(), "");
        assert!(
            refused.errors().contains("is not shared with this user"),
            "{}",
            refused.errors()
        );
        stranger.fails_with(CREDENTIALS_OR_RIGHTS, &["share", id, "mallory"]);
        stranger.fails_with(CREDENTIALS_OR_RIGHTS, &["shares", id]);
        assert_eq!(stranger.everything(), ["work"]);
    }
    alice.succeeds(&["share", id, "bob"]);
    is_read_by(sent, people);
    // To read is not to share, and to share with one is not to share with all.
    bob.fails_with(CREDENTIALS_OR_RIGHTS, &["share", id, "mallory"]);
    bob.fails_with(CREDENTIALS_OR_RIGHTS, &["shares", id]);
    alice.fails_with(NOT_FOUND, &["share", id, "nobody-of-that-name"]);
    alice.fails_with(
        NOT_FOUND,
        &["download", "0190a3c4-7c1e-7000-8a3b-0123456789ab"],
    );
}

/// It is Alice's and Bob's, and not Mallory's.
pub(crate) fn is_read_by(sent: &Sent, [alice, bob, mallory]: &[Ckc; 3]) {
    let id = sent.id.as_str();
    let shares = alice.succeeds(&["shares", id]).text();
    let names: Vec<&str> = shares.split_whitespace().collect();
    assert_eq!(names, ["alice", "bob"]);
    bob.succeeds(&["download", id, "--force", "-o", "from-alice"]);
    assert!(bob.read("from-alice") == alice.read(&sent.file));
    mallory.fails_with(CREDENTIALS_OR_RIGHTS, &["download", id]);
}
