//! What is done in every cell.

use crypt_keeper_tests::{Ckc, OldCommand, content};

use crate::cell::Cell;
use crate::{life, old_command, sharing, wire};

/// Around every boundary of the document format: segment 0 holds 1,048,520 bytes, the others
/// 1,048,560.
const SIZES: [usize; 12] = [
    0, 1, 15, 16, 17, 1_048_519, 1_048_520, 1_048_521, 1_048_576, 2_097_080, 2_097_081, 8_388_608,
];

/// How much has come back byte for byte.
pub(crate) struct Done {
    pub(crate) documents: usize,
    pub(crate) bytes: usize,
}

/// A document, and the file of its owner that it was made from.
pub(crate) struct Sent {
    pub(crate) id: String,
    pub(crate) file: String,
}

impl Sent {
    /// Encrypts and stores so many bytes.
    pub(crate) fn by(ckc: &Ckc, size: usize) -> Self {
        let file = format!("{size}.bin");
        ckc.write(&file, content(size, size as u64));
        let id = ckc.succeeds(&["-q", "upload", &file]).line();
        Self { id, file }
    }

    /// Fetches and decrypts it, and compares.
    pub(crate) fn comes_back_to(&self, owner: &Ckc) {
        let copy = format!("copy-{}", self.file);
        owner.succeeds(&["download", &self.id, "--force", "-o", &copy]);
        assert!(owner.read(&copy) == owner.read(&self.file), "{}", self.file);
    }
}

/// All of it; `None` if a server cannot be had and tests may be skipped.
pub(crate) fn main_job(cell: Cell) -> Option<Done> {
    let (mut server, keys) = cell.start()?;
    let [alice, bob, mallory] = ["alice", "bob", "mallory"].map(|name| server.user(name));
    let of_2017 = [&alice, &bob].map(|account| OldCommand::of(&server, account));
    let [Some(old_alice), Some(old_bob)] = of_2017 else {
        return None;
    };
    let terminals = [&alice, &bob, &mallory].map(|account| server.ckc(account));
    let mut sent = Vec::new();
    for size in SIZES {
        let document = Sent::by(&terminals[0], size);
        document.comes_back_to(&terminals[0]);
        sent.push(document);
    }
    let last = sent.last().unwrap();
    sharing::only_those_it_is_shared_with(last, &terminals);
    let bare = wire::a_bare_client_is_answered_as_in_2017(&server, [&alice, &bob, &mallory]);
    let (old_documents, old_bytes) = old_command::works_as_ever(&old_alice, &old_bob);
    life::objects_are_where_they_belong(cell, &server, &bare);
    let late = life::documents_outlive_rotation_and_crash(&mut server, last, &terminals[0]);
    life::private_halves_are_where_they_belong(cell, &server, keys.as_ref());
    // Whoever had it before has it still, and nobody else.
    sharing::is_read_by(last, &terminals);

    let documents = SIZES.len() + 1 + old_documents + late.documents;
    let doctor = server.installation.run(&["doctor"]);
    let found = String::from_utf8_lossy(&doctor.stdout);
    assert!(doctor.status.success(), "{found}");
    let stored = server.installation.stored();
    assert_eq!(stored.half_states(), [""; 0]);
    assert_eq!(stored.documents(), documents);
    assert!(!server.log().contains("panicked"), "{}", server.log());
    Some(Done {
        documents,
        bytes: SIZES.iter().sum::<usize>() + bare.object.len() + old_bytes + late.bytes,
    })
}
