//! `keys`.

mod customers;
mod destroy;
mod partitions;
mod rewrap;
mod rotate;
mod stopped;

pub(crate) use rotate::of_two_rotators_one_wins;

use crate::desk::{Desk, Service};
use crate::http;

/// A service with one document of Alice's; its key pair's serial, and what fetches the document.
struct Story {
    desk: Desk,
    service: Service,
    key: String,
    id: String,
    serial: String,
}

impl Story {
    fn new() -> Self {
        Self::of_scope("shared")
    }

    fn of_scope(scope: &str) -> Self {
        // What a compromised pair leaves behind is looked at in peace.
        let mut desk = Desk::bare()
            .with("CRYPT_KEEPER__KEYS__REWRAP_RATE", "off")
            .with("CRYPT_KEEPER__KEYS__SCOPE", scope);
        assert_eq!(desk.run(&["setup"]).code, 0);
        let service = desk.serve();
        let ran = desk.run(&["user", "add", "alice", "--api-key"]);
        let key = ran.line().to_owned();
        let uploaded = http::upload(service.address, "alice", &key, "report.pdf");
        let serial = desk.run(&["keys", "list", "--json"]).json().remove(0);
        Self {
            id: http::id_of(&uploaded),
            serial: serial["serial"].as_str().unwrap().to_owned(),
            desk,
            service,
            key,
        }
    }

    /// The status of a download.
    fn download(&self) -> u16 {
        http::download(self.service.address, "alice", &self.key, &self.id)
    }

    /// The status of an upload.
    fn upload(&self) -> u16 {
        http::upload(self.service.address, "alice", &self.key, "more.pdf").0
    }

    /// Runs commands on the pair, and writes down what one sees.
    fn type_in(&self, commands: &[&str]) -> String {
        let lines: Vec<_> = commands
            .iter()
            .map(|command| command.replace("SERIAL", &self.serial))
            .collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        self.desk.type_in(&lines)
    }
}
