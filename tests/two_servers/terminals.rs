//! Somebody who types `ckc`, and types an upload again if the connection broke in its middle.

use crypt_keeper_tests::{Ckc, content, random, random_below};

use crate::kills::Attempts;
use crate::record::{Document, Made, Record};
use crate::shared::Shared;

/// The largest file, in bytes.
const LARGEST: u64 = 300_000;
/// Exit code of `ckc` when the service cannot be reached.
const NETWORK: i32 = 6;

struct Terminal<'a> {
    shared: &'a Shared,
    alice: Ckc,
    bob: Ckc,
    record: Record,
}

/// Works until it is told to stop, or sees what it must not; gives what it was told.
pub(crate) fn work(shared: &Shared) -> Record {
    let of = |name: &str, key: &str| {
        Ckc::new()
            .with("CKC_URL", &format!("http://{}", shared.address))
            .with("CKC_USER", name)
            .with("CKC_API_KEY", key)
    };
    let mut terminal = Terminal {
        alice: of(&shared.alice.name, &shared.alice.key),
        bob: of(&shared.bob.name, &shared.bob.key),
        shared,
        record: Record::default(),
    };
    while !shared.is_to_stop() && terminal.turn().is_some() {}
    terminal.record
}

impl Terminal<'_> {
    fn turn(&mut self) -> Option<()> {
        let length = usize::try_from(random_below(LARGEST)).ok()?;
        let seed = u64::from_le_bytes(random());
        self.alice.write("a.bin", content(length, seed));
        let mut document = Document {
            id: self.upload()?,
            made: Made::ByCkc,
            length,
            seed,
            is_shared: false,
        };
        self.shared.uploaded();
        let shared = self.types(&self.alice, &["share", &document.id, "bob"]);
        document.is_shared = shared.is_some();
        self.record.documents.push(document);
        let any = random_below(self.record.documents.len() as u64);
        let any = self.record.documents[usize::try_from(any).ok()?].clone();
        for reader in [&self.alice, &self.bob] {
            self.types(reader, &["download", &any.id, "--force", "-o", "copy"])?;
            if reader.read("copy") != any.content() {
                let id = &any.id;
                return self.shared.went_wrong(format!("ckc: {id} is not the same"));
            }
        }
        self.record.downloads += 2;
        Some(())
    }

    /// An upload may have been accepted though no answer came, so `ckc` leaves it to its user to
    /// send it again.
    fn upload(&self) -> Option<String> {
        let mut attempts = Attempts::begin(&self.shared.kills);
        loop {
            let ran = self.alice.run(&["-q", "upload", "a.bin"]);
            match ran.code {
                Some(0) => return Some(ran.line()),
                Some(NETWORK) if attempts.broke_by_a_kill() => self.shared.connection_broke(),
                code => {
                    let said = ran.errors();
                    return self.shared.went_wrong(format!("upload: {code:?} {said}"));
                }
            }
        }
    }

    /// What `ckc` tries again by itself has to succeed.
    fn types(&self, ckc: &Ckc, arguments: &[&str]) -> Option<()> {
        let ran = ckc.run(arguments);
        if ran.code == Some(0) {
            return Some(());
        }
        let (code, said) = (ran.code, ran.errors());
        self.shared
            .went_wrong(format!("{}: {code:?} {said}", arguments.join(" ")))
    }
}
