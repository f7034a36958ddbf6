//! Documents move from key pair to key pair, and from algorithm to algorithm, with the private
//! halves in HashiCorp Vault, or in OpenBao, which is what tests have; what was left behind is
//! destroyed there.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

use std::time::{Duration, Instant};

use crypt_keeper_test_services::openbao;
use crypt_keeper_tests::{
    Account, Ckc, Engine, Installation, KeysInVault, Parts, Server, content, random,
};
use serde_json::Value;

/// The jobs look within five seconds of a start, and every half a minute for compromised pairs.
const SOON: Duration = Duration::from_secs(60);

/// A service with some documents of Alice's.
struct Story {
    server: Server,
    alice: Account,
    documents: Vec<(String, Vec<u8>)>,
}

impl Story {
    fn begin(installation: Installation) -> Self {
        let server = Server::start_installation(installation);
        let alice = server.user("alice");
        let ckc = server.ckc(&alice);
        let mut documents = Vec::new();
        for length in [0, 1, 100_000, 2_097_152] {
            let text = content(length, length as u64 + 1);
            ckc.write("file.bin", &text);
            let id = ckc.succeeds(&["-q", "upload", "file.bin"]).line();
            documents.push((id, text));
        }
        Self {
            server,
            alice,
            documents,
        }
    }

    fn pairs(&self) -> Vec<Value> {
        let listed = self
            .server
            .installation
            .succeeds(&["keys", "list", "--json"]);
        let pairs = listed.lines().map(serde_json::from_str);
        pairs.collect::<Result<_, _>>().unwrap()
    }

    /// The one active pair of an algorithm.
    fn active(&self, algorithm: &str) -> String {
        let pairs = self.pairs();
        let mut found = pairs
            .iter()
            .filter(|pair| pair["state"] == "active" && pair["algorithm"] == algorithm);
        let serial = found.next().unwrap()["serial"].as_str().unwrap();
        assert!(found.next().is_none(), "{pairs:?}");
        serial.to_owned()
    }

    fn state(&self, serial: &str) -> String {
        let pairs = self.pairs();
        let pair = pairs.iter().find(|pair| pair["serial"] == serial).unwrap();
        pair["state"].as_str().unwrap().to_owned()
    }

    fn live_documents(&self, serial: &str) -> usize {
        let words = ["documents", "list", "--key-pair", serial, "--json"];
        self.server.installation.succeeds(&words).lines().count()
    }

    fn wait_until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + SOON;
        while !is_so(self) {
            assert!(Instant::now() < deadline, "{what}: {}", self.server.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn rewrap(&self, serial: &str) {
        let words = ["keys", "rewrap", serial, "--batch-size", "2", "--json"];
        let told = self.server.installation.succeeds(&words);
        let last: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
        assert_eq!(last["event"], "finished", "{told}");
        assert_eq!(last["rewrapped"], self.documents.len(), "{told}");
        assert_eq!(self.live_documents(serial), 0);
    }

    fn ckc(&self) -> Ckc {
        self.server.ckc(&self.alice)
    }

    fn all_open(&self) {
        let ckc = self.ckc();
        for (id, text) in &self.documents {
            let copy = format!("copy-{}", hex::encode(random::<4>()));
            ckc.succeeds(&["download", id, "-o", &copy]);
            assert!(ckc.read(&copy) == *text, "{id} opens to something else");
        }
    }

    /// New pairs are of another algorithm from now on, and one is made.
    fn set_algorithm(&mut self, algorithm: &str) {
        assert!(self.server.terminate().success());
        let installation = &mut self.server.installation;
        installation.set("KEYS__ALGORITHM", algorithm);
        installation.succeeds(&["setup"]);
        self.server.start_again();
    }

    /// A day of rest and the days of grace pass, and the job of the next start destroys the pair.
    fn destroy(&mut self, serial: &str) {
        let installation = &self.server.installation;
        let database = installation.database();
        let long_ago = format!(
            "UPDATE key_pairs SET deactivated_at = '2001-01-01 00:00:00' WHERE serial = {serial}"
        );
        database.execute(&long_ago);
        installation.succeeds(&["keys", "destroy", serial, "--confirm", serial]);
        let due = format!(
            "UPDATE key_pairs SET destroy_at = '2001-01-01 00:00:00' WHERE serial = {serial}"
        );
        database.execute(&due);
        assert!(self.server.terminate().success());
        self.server.start_again();
        self.wait_until("it is not destroyed", |story| {
            story.state(serial) == "destroyed"
        });
    }
}

#[test]
fn documents_move_from_algorithm_to_algorithm_through_kv() {
    let Some(access) = openbao() else { return };
    let keys = KeysInVault::create(Engine::Kv, &access);
    let algorithms = ["CK-RSA-OAEP-256", "CK-HPKE-X25519", "CK-HPKE-XWING"];
    let mut installation = keys.configure(&Parts::embedded().with_shared_pairs());
    installation.set("KEYS__ALGORITHM", algorithms[0]);
    let file = installation.path("master.key");
    let file = file.to_str().unwrap().to_owned();
    installation.succeeds(&["master-key", "new", &file]);
    installation.set("KEYS__MASTER_KEY_FILE", &file);
    installation.succeeds(&["setup"]);
    let mut story = Story::begin(installation);

    for (old, new) in algorithms.into_iter().zip(&algorithms[1..]) {
        let left = story.active(old);
        assert_eq!(story.live_documents(&left), story.documents.len());
        story.set_algorithm(new);
        story.all_open();
        story.rewrap(&left);
        assert_eq!(
            story.live_documents(&story.active(new)),
            story.documents.len()
        );
        story.all_open();
    }
    // And back, under the pair that was made first and is active still.
    let left = story.active(algorithms[2]);
    story.set_algorithm(algorithms[0]);
    story.rewrap(&left);
    story.all_open();
    assert_eq!(keys.site.entries().unwrap().len(), 3);
}

/// The whole life of a pair, to the end of what Vault has of it.
#[test]
fn what_was_left_behind_is_destroyed_in_vault() {
    let Some(access) = openbao() else { return };
    for (engine, algorithm) in [
        (Engine::Kv, "CK-HPKE-XWING"),
        (Engine::Transit, "TRANSIT-RSA-OAEP-256"),
    ] {
        let keys = KeysInVault::create(engine, &access);
        let mut story = Story::begin(keys.set_up(&Parts::embedded().with_shared_pairs()));
        let first = story.active(algorithm);
        story.server.installation.succeeds(&["keys", "rotate"]);
        story.rewrap(&first);
        story.all_open();
        story.destroy(&first);
        let left = match engine {
            Engine::Kv => format!("{}/metadata/crypt-keeper/keys/{first}", keys.site.kv()),
            Engine::Transit => format!("{}/keys/crypt-keeper-{first}", keys.site.transit()),
        };
        let (status, _) = access.ask("GET", &left, &Value::Null).unwrap();
        assert_eq!(status, 404, "{engine:?}: Vault still has {left}");
        story.all_open();

        // A compromised one is left by the service itself.
        let second = story.active(algorithm);
        let words = ["keys", "compromised", &second];
        story.server.installation.succeeds(&words);
        story.wait_until("it does not recover", |story| {
            story.live_documents(&second) == 0
        });
        story.all_open();
        assert_ne!(story.active(algorithm), second);
    }
}
