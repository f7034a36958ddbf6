//! Commands act on the files of a service that runs, and it heeds them at once.

use crate::desk::Desk;
use crate::http;

#[test]
fn a_new_key_works_at_once_and_a_revoked_one_no_more() {
    let mut desk = Desk::set_up();
    let service = desk.serve();
    let key = desk
        .run(&["user", "add", "alice", "--api-key"])
        .line()
        .to_owned();
    let upload = || http::upload(service.address, "alice", &key, "a.txt");
    http::id_of(&upload());

    assert_eq!(desk.run(&["user", "disable", "alice"]).code, 0);
    assert_eq!(upload().0, 401);
    assert_eq!(desk.run(&["user", "enable", "alice"]).code, 0);
    http::id_of(&upload());
    assert_eq!(desk.run(&["api-key", "revoke", &key[3..15]]).code, 0);
    assert_eq!(upload().0, 401);
}

#[test]
fn documents_of_before_and_after_a_rotation_are_readable() {
    let mut desk = Desk::set_up();
    let service = desk.serve();
    let key = desk
        .run(&["user", "add", "alice", "--api-key"])
        .line()
        .to_owned();
    let before = http::id_of(&http::upload(service.address, "alice", &key, "before"));
    let rotation = desk.run(&["keys", "rotate", "--json"]).json().remove(0);
    // A pair that was looked up in the last second may still be the one that is tried first.
    let after = http::id_of(&http::upload(service.address, "alice", &key, "after"));
    let shown = desk
        .run(&["documents", "show", &after, "--json"])
        .json()
        .remove(0);
    assert_eq!(shown["serial"], rotation["active"]["serial"]);
    assert_eq!(shown["key_state"], "active");
    for id in [&before, &after] {
        assert_eq!(http::download(service.address, "alice", &key, id), 200);
    }
}

#[test]
fn two_operators_at_once_do_not_get_into_each_others_way() {
    let mut desk = Desk::set_up();
    let _service = desk.serve();
    let desk = &desk;
    std::thread::scope(|scope| {
        for number in 0..8 {
            scope.spawn(move || {
                desk.run(&["user", "add", &format!("user-{number}"), "--api-key"])
                    .line();
            });
        }
    });
    assert_eq!(desk.run(&["user", "list", "--json"]).json().len(), 9);
}
