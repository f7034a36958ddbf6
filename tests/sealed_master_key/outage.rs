//! Vault goes away under a running service.

use std::fs;
use std::time::Duration;

use crypt_keeper_test_services::{
    OpenBao, OpenBaoOptions, ProcessIdentity, Signal, require_or_skip,
};

use crate::desk::{Desk, lines, wait_until};

/// A service that runs needs Vault no more, until its ring changes.
#[test]
fn a_running_service_outlives_vault_and_takes_up_a_change_when_it_is_back() {
    let bao = OpenBao::start(&OpenBaoOptions::default());
    let Some(mut bao) = require_or_skip("OpenBao", bao) else {
        return;
    };
    let (server, _site) = Desk::set_up(bao.access()).serve();
    let alice = server.ckc(&server.user("alice"));
    alice.write("report.pdf", b"of substance");
    let id = alice.succeeds(&["-q", "upload", "report.pdf"]).line();
    server
        .installation
        .succeeds(&["master-key", "rotate", "--add-only"]);
    let new = lines(&server.installation.path("ring"))[0].0.clone();
    wait_until("it has the new key", || server.metrics().contains(&new));

    bao.seal().unwrap();
    alice.succeeds(&["download", &id, "-o", "one"]);
    alice.succeeds(&["-q", "upload", "report.pdf"]);
    assert!(server.is_ready());
    // A change that it cannot read: it says so, and goes on.
    let ring = server.installation.path("ring");
    let text = fs::read_to_string(&ring).unwrap();
    fs::write(&ring, format!("# touched\n{text}")).unwrap();
    wait_until("it says so", || {
        server.log().contains("the master keys in force stay")
    });
    assert!(server.log().contains("Vault is sealed"));
    alice.succeeds(&["download", &id, "-o", "two"]);
    let refused = server.installation.run(&["master-key", "status"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && said.contains("Vault is sealed"),
        "{said}"
    );

    bao.stop().unwrap();
    bao.start_again().unwrap();
    let identity = ProcessIdentity::of(server.pid()).unwrap();
    wait_until("it reads the ring again", || {
        assert!(identity.signal(Signal::HUP));
        std::thread::sleep(Duration::from_millis(500));
        server.log().contains("read the master keys again")
    });
    server.installation.succeeds(&["master-key", "rotate"]);
    alice.succeeds(&["download", &id, "-o", "three"]);
    assert_eq!(alice.read("three"), b"of substance");
}
