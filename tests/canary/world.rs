//! A service logged at TRACE, three users at their terminals, and proxies that can cut it off.

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};

use crypt_keeper_test_services::FaultProxy;
use crypt_keeper_tests::http::{self, Answer};
use crypt_keeper_tests::{
    Account, Api, Ckc, Engine, Installation, Parts, Ran, Secrets, Server, Upload,
};

use crate::{Evidence, InVault, Known};

/// A user and what he works with.
pub(crate) struct Person {
    pub(crate) account: Account,
    pub(crate) ckc: Ckc,
    pub(crate) api: Api,
}

/// Who does something.
#[derive(Clone, Copy)]
pub(crate) enum Who {
    Alice,
    Bob,
    /// Nobody shares anything with her.
    Mallory,
}

/// What stands before the servers of others.
pub(crate) struct Proxies {
    pub(crate) postgres: FaultProxy,
    pub(crate) s3: FaultProxy,
}

pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) known: Known,
    pub(crate) evidence: Evidence,
    pub(crate) proxies: Option<Proxies>,
    /// What has the private halves, if they do not lie sealed in the key store.
    pub(crate) vault: Option<InVault>,
    people: Vec<Person>,
    log_format: String,
    /// `None`: nothing is sealed or signed with a master key.
    ring: Option<PathBuf>,
}

impl World {
    pub(crate) fn start(parts: &Parts, vault: Option<InVault>, log_format: &str) -> Self {
        let (mut known, mut evidence) = (Known::default(), Evidence::default());
        let mut installation = match &vault {
            Some(vault) => vault.configure(parts, &mut known),
            None => Installation::new(parts),
        };
        let needs_ring = vault.is_none() || parts.s3.is_none();
        installation.set("LOG__FILTER", "trace");
        installation.set("LOG__FORMAT", log_format);
        // A key in a query string is the caller's mistake; that it is not logged is our part.
        installation.set("V1__QUERY_AUTH", "true");
        let proxies = put_proxies(parts, &mut installation, &mut known);
        let mut begin = |installation: &Installation, command: &[&str]| {
            let ran = Ran::from(installation.run(command));
            assert_eq!(ran.code, Some(0), "{command:?}: {}", ran.errors());
            evidence.ran(&command.join(" "), &ran);
        };
        if vault.is_some() || !installation.is_embedded() {
            if needs_ring {
                let ring = installation.path("master.key").display().to_string();
                begin(&installation, &["master-key", "new", &ring]);
                installation.set("KEYS__MASTER_KEY_FILE", &ring);
            }
            begin(&installation, &["setup"]);
        }
        let server = Server::start_installation(installation);
        let ring = needs_ring.then(|| server.installation.master_key_file());
        if let Some(ring) = &ring {
            known.ring(ring);
        }
        let mut world = Self {
            server,
            known,
            evidence,
            proxies,
            vault,
            people: Vec::new(),
            log_format: log_format.to_owned(),
            ring,
        };
        for name in ["alice", "bob", "mallory"] {
            let account = world.key_of(name, &["user", "add", name, "--api-key"]);
            world.people.push(Person {
                ckc: world.server.ckc(&account),
                api: world.server.api(&account),
                account,
            });
        }
        if let Ok(profile) = fs::read_to_string(world.server.installation.data().join("ckc.toml")) {
            let key = profile.split('"').find(|text| text.starts_with("ck_"));
            let account = Account {
                name: "the first user".to_owned(),
                key: key.unwrap().to_owned(),
            };
            world.known.api_key("the first user", &account);
        }
        world
    }

    pub(crate) fn person(&self, who: Who) -> &Person {
        &self.people[who as usize]
    }

    /// The master keys, if any are needed.
    pub(crate) fn ring(&self) -> Option<&Path> {
        self.ring.as_deref()
    }

    /// What of Vault has the private halves, if it has them.
    pub(crate) fn engine(&self) -> Option<Engine> {
        self.vault.as_ref().map(|vault| vault.keys.engine)
    }

    /// A command whose standard output is there to hold a new API key.
    pub(crate) fn key_of(&mut self, name: &str, command: &[&str]) -> Account {
        let ran = Ran::from(self.server.installation.run(command));
        assert_eq!(ran.code, Some(0), "{command:?}: {}", ran.errors());
        let place = format!("{}: stderr", command.join(" "));
        self.evidence.add(&place, ran.stderr.clone());
        let account = Account {
            name: name.to_owned(),
            key: ran.line(),
        };
        self.known.api_key(&command.join(" "), &account);
        account
    }

    /// A command of the operator.
    pub(crate) fn operate(&mut self, command: &[&str]) -> Ran {
        let ran = Ran::from(self.server.installation.run(command));
        self.evidence
            .ran(&format!("crypt-keeper {}", command.join(" ")), &ran);
        ran
    }

    /// `ckc`, as talkative as can be; it must end with this code.
    pub(crate) fn types(&mut self, who: Who, code: i32, arguments: &[&str]) -> Ran {
        let arguments: Vec<&str> = [&["-v", "--retries", "1"], arguments].concat();
        let ran = self.person(who).ckc.run(&arguments);
        let line = format!("ckc {}", arguments.join(" "));
        assert_eq!(
            ran.code,
            Some(code),
            "{line}\n{}{}",
            ran.text(),
            ran.errors()
        );
        assert!(ran.errors().contains("DEBUG"), "{line} says nothing");
        self.evidence.ran(&line, &ran);
        ran
    }

    /// A request of somebody, which must be answered so.
    pub(crate) fn asks(
        &mut self,
        who: Who,
        status: u16,
        method: &str,
        resource: &str,
        body: Option<&serde_json::Value>,
    ) -> Answer {
        let answer = self.person(who).api.call(method, resource, body).unwrap();
        let request = format!("{method} {resource}");
        assert_eq!(answer.status, status, "{request}: {}", answer.text());
        self.evidence.answer(&request, &answer);
        if matches!(status, 200 | 201) && answer.text().contains("symmetric_key") {
            let what = format!("{request} number {}", self.evidence.places().count());
            let released = Upload::of(&answer);
            self.known.released(&what, &released, &answer.body);
        }
        answer
    }

    /// A request of nobody's API client.
    pub(crate) fn sends(
        &mut self,
        what: &str,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let answer = http::request(self.server.address(), method, target, headers, body);
        let answer = answer.unwrap_or_else(|error| panic!("{what}: {error}"));
        self.evidence.answer(what, &answer);
        answer
    }

    /// The databases, their logs and the objects, as they lie there now.
    fn seize_stores(&mut self, when: &str) {
        for (name, bytes) in self.server.installation.database().dump() {
            self.evidence.add(&format!("{name}, {when}"), bytes);
        }
        let mut left = vec![self.server.installation.data().join("blobs")];
        while let Some(path) = left.pop() {
            if path.is_dir() {
                left.extend(
                    fs::read_dir(&path)
                        .unwrap()
                        .map(|entry| entry.unwrap().path()),
                );
            } else if let Ok(bytes) = fs::read(&path) {
                let place = format!("{}, {when}", path.display());
                self.evidence.add(&place, bytes);
            }
        }
    }

    /// Stops the service, and gives what is known and what is to be searched.
    pub(crate) fn end(mut self) -> (Known, Evidence) {
        let metrics = self.server.metrics();
        self.evidence.add("metrics", metrics);
        let proc = PathBuf::from(format!("/proc/{}", self.server.pid()));
        self.evidence
            .add("command line", fs::read(proc.join("cmdline")).unwrap());
        self.seize_stores("while it runs");
        assert!(self.server.terminate().success());
        self.seize_stores("after its end");
        self.assert_the_stores_were_seized();
        let ring = self.ring.as_ref().map(|ring| self.known.ring(ring));
        let database = self.server.installation.database();
        let pairs = match &self.vault {
            None => self.known.private_halves(&database, &ring.unwrap()),
            Some(vault) if vault.keys.engine == Engine::Kv => {
                self.known.private_halves_in_kv(&database, &vault.keys.site)
            }
            // They never leave it.
            Some(_) => database.key_pairs().len(),
        };
        assert!(pairs > 1, "{pairs} key pairs");

        let log = fs::read(self.server.installation.path("server.log")).unwrap();
        self.assert_everything_was_logged(&log);
        self.evidence.add("log", log);
        (self.known, self.evidence)
    }

    /// The search of the wrong files would find nothing: what must lie there is found there.
    fn assert_the_stores_were_seized(&self) {
        let database = self.server.installation.database();
        let mut expected = Secrets::default();
        expected.add("a document's name", b"shared.bin");
        for pair in database.key_pairs() {
            let what = format!("a half of {}", pair.serial);
            if self.vault.is_none() {
                let sealed = database.sealed_private_half(pair.serial);
                expected.add(&what, &sealed[..32]);
            } else {
                // Its first bytes are those of every RSA key.
                let middle = pair.public_half.len() / 2;
                expected.add(&what, &pair.public_half[middle - 16..middle + 16]);
            }
        }
        for when in ["while it runs", "after its end"] {
            let found: BTreeSet<String> = self
                .evidence
                .places()
                .filter(|(place, _)| place.ends_with(when))
                .flat_map(|(place, bytes)| expected.find(place, bytes))
                .map(|found| found.secret)
                .collect();
            assert_eq!(
                found.len(),
                1 + database.key_pairs().len(),
                "{when}: {found:?}"
            );
        }
    }

    /// The search of a log in which nothing is would find nothing.
    fn assert_everything_was_logged(&self, log: &[u8]) {
        let log = String::from_utf8_lossy(log);
        assert!(!log.contains("panicked"), "{log}");
        let json = self.log_format == "json";
        let mut statuses = BTreeSet::new();
        // What the service says on standard output is for people and stands in the same file.
        for line in log.lines().filter(|line| line.contains("crypt_keeper")) {
            if json {
                let line: serde_json::Value = serde_json::from_str(line).expect("a JSON line");
                statuses.extend(line["status"].as_u64());
            } else {
                let status = line.split_once("status=").map(|(_, rest)| &rest[..3]);
                statuses.extend(status.and_then(|status| status.parse::<u64>().ok()));
            }
        }
        for status in [200, 201, 400, 401, 404, 405, 413, 500, 503] {
            assert!(
                statuses.contains(&status),
                "{status} is not in {statuses:?}"
            );
        }
        if self.vault.is_some() {
            // What it met of the outages, and nothing of what the client library has to say.
            for said in ["Vault is away: ", "cannot log in to Vault"] {
                assert!(log.contains(said), "{said}");
            }
            for library in ["vaultrs", "rustify"] {
                let targets = [format!(" {library}:"), format!("\"{library}")];
                assert!(
                    !targets.iter().any(|target| log.contains(target)),
                    "{library}"
                );
            }
        }
        if self.proxies.is_none() {
            // The one line of the folder's that only a filter below INFO lets through.
            assert!(log.contains("DEBUG") && log.contains("no such object"));
        }
    }
}

/// Puts proxies before the servers, and gives the database a password to lose.
fn put_proxies(
    parts: &Parts,
    installation: &mut Installation,
    known: &mut Known,
) -> Option<Proxies> {
    let s3 = parts.s3.as_ref()?;
    known.password("secret access key", &s3.secret_key);
    let (scheme, host) = s3.endpoint.split_once("://").unwrap();
    assert_eq!(scheme, "http", "a proxy cannot look into TLS");
    let in_front_of_s3 = FaultProxy::start(resolved(host)).unwrap();
    let through = format!("http://{}", in_front_of_s3.address());
    installation.set("BLOBS__S3__PUBLIC_ENDPOINT", &s3.endpoint);
    installation.set("BLOBS__S3__ENDPOINT", &through);

    let url = installation.setting("METADATA__POSTGRES__URL").to_owned();
    let (scheme, rest) = url.split_once("://").unwrap();
    let (authority, path) = rest.split_once('/').unwrap();
    let (user, host) = authority.rsplit_once('@').unwrap();
    let proxy = FaultProxy::start(resolved(host)).unwrap();
    // A server that trusts its clients looks at no password: so there is one to be found.
    let random = hex::encode(crypt_keeper_tests::random::<16>());
    let (user, password) = user.split_once(':').unwrap_or((user, &random));
    known.password("password of the database", password);
    let address = proxy.address();
    let through = format!("{scheme}://{user}:{password}@{address}/{path}");
    installation.set("METADATA__POSTGRES__URL", &through);
    Some(Proxies {
        postgres: proxy,
        s3: in_front_of_s3,
    })
}

fn resolved(host: &str) -> SocketAddr {
    host.to_socket_addrs().unwrap().next().expect("an address")
}
