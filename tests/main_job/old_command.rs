//! The command of 2017: it uploads, shares and downloads as ever.

use crypt_keeper_test_services as services;
use crypt_keeper_tests::{OldCommand, content};

/// Of its own format, which has no segments: nothing, a block and a byte, and many.
const SIZES: [usize; 3] = [0, 17, 100_000];

/// What came back, as numbers of documents and bytes.
pub(crate) fn works_as_ever(alice: &OldCommand, bob: &OldCommand) -> (usize, usize) {
    let mut last = String::new();
    for size in SIZES {
        let sent = content(size, 1 + size as u64);
        last = alice.upload("a.bin", &sent);
        let said = alice.prints(&["download", "-f", "copy", &last]);
        assert_eq!(said, "Successful downloaded file copy.");
        assert!(alice.read("copy") == sent, "{size}");
    }
    let users = |names: &str| format!("Users [{names}] have access to {last}.");
    assert_eq!(alice.prints(&["share", &last]), users("'alice'"));
    // It is not shared yet.
    assert!(services::run(&mut bob.command(&["download", &last])).is_err());
    assert!(!bob.path("a.bin").exists());
    let said = alice.prints(&["share", "-a", "bob", &last]);
    assert_eq!(said, format!("Successfully added bob to {last}."));
    assert_eq!(alice.prints(&["share", &last]), users("'alice', 'bob'"));
    let said = bob.prints(&["download", &last]);
    assert_eq!(said, "Successful downloaded file a.bin.");
    assert!(bob.read("a.bin") == alice.read("a.bin"));
    (SIZES.len(), SIZES.iter().sum())
}
