use crypt_keeper_tests::{Account, Installation, Server, content};
use serde_json::Value;

use crate::{audit, take};

/// An installation at rest that was at work: its people, and their documents.
pub(crate) struct Story {
    pub(crate) installation: Installation,
    alice: Account,
    bob: Account,
    /// Id and content; Bob has a share of every second one.
    documents: Vec<(String, Vec<u8>)>,
}

impl Story {
    /// Documents under two key pairs, one of them rotated out; shares, one of them taken back; a
    /// disabled user, a revoked API key.
    pub(crate) fn tell(installation: Installation, documents: usize) -> Self {
        let mut server = Server::start_installation(installation);
        let (alice, bob) = (server.user("alice"), server.user("bob"));
        let _ = server.user("zoë");
        server.installation.succeeds(&["user", "disable", "zoë"]);
        let ckc = server.ckc(&alice);
        let mut told = Vec::new();
        for number in 0..documents {
            if number == documents / 2 {
                server.installation.succeeds(&["keys", "rotate"]);
            }
            let length = [0, 1, 300_000, 2_500_000][number % 4];
            let text = content(length, number as u64 + 1);
            ckc.write("größe 客.bin", &text);
            let id = ckc.succeeds(&["-q", "upload", "größe 客.bin"]).line();
            if number % 2 == 0 {
                ckc.succeeds(&["share", &id, "bob"]);
            }
            told.push((id, text));
        }
        assert!(server.terminate().success());
        Self {
            installation: take(&mut server),
            alice,
            bob,
            documents: told,
        }
    }

    /// Everything opens on the copy, by the old credentials, and nothing more than before.
    pub(crate) fn goes_on_in(&self, target: Installation) -> Server {
        let server = Server::start_installation(target);
        let (alice, bob) = (server.ckc(&self.alice), server.ckc(&self.bob));
        for (number, (id, text)) in self.documents.iter().enumerate() {
            alice.succeeds(&["-q", "download", id, "-o", "back.bin", "--force"]);
            assert!(alice.read("back.bin") == *text, "document {number}");
            let download = ["-q", "download", id, "-o", "back.bin", "--force"];
            if number % 2 == 0 {
                bob.succeeds(&download);
                assert!(bob.read("back.bin") == *text, "document {number}");
            } else {
                assert_ne!(bob.run(&download).code, Some(0), "not shared: {number}");
            }
        }
        // New documents, too.
        alice.write("new.txt", b"after the move");
        let id = alice.succeeds(&["-q", "upload", "new.txt"]).line();
        alice.succeeds(&["share", &id, "bob"]);
        bob.succeeds(&["-q", "download", &id, "-o", "new.txt"]);
        assert_eq!(bob.read("new.txt"), b"after the move");
        server
    }

    pub(crate) fn audit(&self) -> Vec<Value> {
        audit(&self.installation)
    }
}
