//! What must be there after a crash.

use crate::{Account, Api, Record, Server, Upload, WRITERS};

/// Every upload gives the key that it gave before; every reader that was added can read; nothing is
/// there by halves; and no answer was one that must not be.
///
/// # Panics
/// If it is not so.
pub fn assert_kept(server: &Server, owner: &Account, reader: &Account, record: &Record) {
    let in_parts = |items: usize| items.div_ceil(WRITERS).max(1);
    std::thread::scope(|scope| {
        for part in record.uploads.chunks(in_parts(record.uploads.len())) {
            let api = server.api(owner);
            scope.spawn(move || part.iter().for_each(|upload| assert_is_there(&api, upload)));
        }
        for part in record.shares.chunks(in_parts(record.shares.len())) {
            let api = server.api(reader);
            scope.spawn(move || {
                for id in part {
                    let answer = api.download_url(id).expect("an answer");
                    assert_eq!(answer.status, 200, "{id}");
                }
            });
        }
    });
    let stored = server.installation.stored();
    assert_eq!(stored.half_states(), [""; 0]);
    assert!(stored.documents() >= record.uploads.len());
    // A key that left was written down first.
    assert!(stored.releases() >= record.downloads);
    assert_eq!(record.wrong, [""; 0]);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

fn assert_is_there(api: &Api, upload: &Upload) {
    let found = Upload::of(&api.download_url(&upload.id).expect("an answer"));
    assert!(found.key == upload.key, "{} has another key", upload.id);
}
