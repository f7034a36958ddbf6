//! A script of 2017: it uploads, shares and downloads over a connection for each request, and makes
//! one that breaks once more.

use std::io;

use crypt_keeper_tests::http::{Answer, request_url};
use crypt_keeper_tests::{Api, Upload, content, random, random_below};

use crate::kills::Attempts;
use crate::record::{Document, Made, Record};
use crate::shared::Shared;

/// The largest object, in bytes.
const LARGEST: u64 = 64 << 10;

struct Script<'a> {
    shared: &'a Shared,
    alice: Api,
    bob: Api,
    record: Record,
}

/// Works until it is told to stop, or sees what it must not; gives what it was told.
pub(crate) fn work(shared: &Shared) -> Record {
    let mut script = Script {
        alice: Api::new(shared.address, &shared.alice),
        bob: Api::new(shared.address, &shared.bob),
        shared,
        record: Record::default(),
    };
    while !shared.is_to_stop() && script.turn().is_some() {}
    script.record
}

impl Script<'_> {
    fn turn(&mut self) -> Option<()> {
        let length = usize::try_from(random_below(LARGEST)).ok()?;
        let seed = u64::from_le_bytes(random());
        let made = self.ask(201, "upload_url", || self.alice.upload_url("a.bin"))?;
        let upload = Upload::of(&made);
        // The bucket is not killed: it has to take it at once.
        let put = request_url("PUT", &upload.url, &content(length, seed));
        match put {
            Ok(answer) if answer.status == 200 => {}
            other => return self.shared.went_wrong(format!("PUT: {other:?}")),
        }
        let mut document = Document {
            id: upload.id,
            made: Made::ByScript { key: upload.key },
            length,
            seed,
            is_shared: false,
        };
        self.shared.uploaded();
        if random_below(2) == 0 {
            let share = || self.alice.share(&document.id, "bob");
            let shared = self.ask(201, "share", share);
            document.is_shared = shared.is_some();
        }
        self.record.documents.push(document);
        let any = random_below(self.record.documents.len() as u64);
        let any = self.record.documents[usize::try_from(any).ok()?].clone();
        self.reads(&any)
    }

    /// Its owner reads it, and Bob if it was shared with him; otherwise he is refused.
    fn reads(&mut self, document: &Document) -> Option<()> {
        let id = document.id.as_str();
        self.fetch(document, "download_url", |script| {
            script.alice.download_url(id)
        })?;
        if document.is_shared {
            return self.fetch(document, "Bob's download_url", |script| {
                script.bob.download_url(id)
            });
        }
        self.ask(401, "a stranger's download_url", || {
            self.bob.download_url(id)
        })
        .map(drop)
    }

    fn fetch(
        &mut self,
        document: &Document,
        what: &str,
        call: impl Fn(&Self) -> io::Result<Answer>,
    ) -> Option<()> {
        let given = Upload::of(&self.ask(200, what, || call(self))?);
        self.record.downloads += 1;
        let object = request_url("GET", &given.url, &[]);
        let is_same = object.is_ok_and(|object| object.body == document.content());
        match &document.made {
            Made::ByScript { key } if *key == given.key && is_same => Some(()),
            _ => {
                let id = &document.id;
                self.shared
                    .went_wrong(format!("{what}: {id} is not the same"))
            }
        }
    }

    /// Asks until there is an answer, which has to be this one: 503 is none, since the store is there
    /// all the time, and rows that a killed server had locked are free as soon as its connections
    /// break. Only a kill may break a connection.
    fn ask(
        &self,
        wanted: u16,
        what: &str,
        call: impl Fn() -> io::Result<Answer>,
    ) -> Option<Answer> {
        let mut attempts = Attempts::begin(&self.shared.kills);
        loop {
            match call() {
                Ok(answer) if answer.status == wanted => return Some(answer),
                Ok(answer) => {
                    let (status, text) = (answer.status, answer.text());
                    return self.shared.went_wrong(format!("{what}: {status} {text}"));
                }
                Err(_) if attempts.broke_by_a_kill() => self.shared.connection_broke(),
                Err(error) => {
                    let why = format!("{what}: {error}, and no kill accounts for it");
                    return self.shared.went_wrong(why);
                }
            }
        }
    }
}
