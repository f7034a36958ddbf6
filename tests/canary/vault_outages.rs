//! Vault is away while requests and commands come in, or answers half, or denies all.

use std::time::{Duration, Instant};

use crypt_keeper_test_services::{Direction, Fault};
use crypt_keeper_tests::{Engine, http};
use serde_json::json;

use crate::everyday::Documents;
use crate::outages::{NETWORK, not_ready, ready_again};
use crate::refusals::OTHER;
use crate::world::{Who, World};

pub(crate) fn run(world: &mut World, documents: &Documents) {
    sealed_and_stopped(world, documents);
    cut_off(world, documents);
    denied(world, documents);
}

/// A new process, which has opened no private half; it need not become ready.
pub(crate) fn restarted(world: &mut World) {
    assert!(world.server.terminate().success());
    world.server.spawn();
    let deadline = Instant::now() + Duration::from_secs(60);
    while http::request(world.server.address(), "GET", "/healthz", &[], &[]).is_err() {
        let log = || world.server.log();
        assert!(Instant::now() < deadline, "it does not answer: {}", log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn sealed_and_stopped(world: &mut World, documents: &Documents) {
    world.vault.as_ref().unwrap().bao.seal().unwrap();
    // KV's private halves were opened before.
    let status = match world.engine().unwrap() {
        Engine::Kv => 200,
        Engine::Transit => 503,
    };
    let shared = format!("download_url/{}/", documents.shared.id);
    world.asks(Who::Alice, status, "GET", &shared, None);
    is_away(world, documents);
    world.vault.as_mut().unwrap().bao.stop().unwrap();
    is_away(world, documents);
    world.vault.as_mut().unwrap().bao.start_again().unwrap();
    ready_again(world);
}

fn cut_off(world: &mut World, documents: &Documents) {
    for fault in [
        Fault::Refuse,
        Fault::ResetAfter(Direction::Request, 0),
        // In the midst of the head of its answers, and of their bodies.
        Fault::ResetAfter(Direction::Response, 40),
        Fault::ResetAfter(Direction::Response, 400),
    ] {
        world.vault.as_ref().unwrap().proxy.set(fault).unwrap();
        is_away(world, documents);
        world
            .vault
            .as_ref()
            .unwrap()
            .proxy
            .set(Fault::None)
            .unwrap();
        ready_again(world);
    }
}

fn is_away(world: &mut World, documents: &Documents) {
    let id = documents.shared.id.as_str();
    restarted(world);
    let answer = world.asks(Who::Alice, 503, "GET", &format!("download_url/{id}/"), None);
    assert!(answer.header("retry-after").is_some());
    world.types(Who::Alice, NETWORK, &["download", id]);
    not_ready(world);
    // A public half is all that an upload needs.
    let body = json!({"document_metadata": {
        "name": "a", "content_length": 1, "content_type": "t", "compressed": false,
    }});
    world.asks(Who::Alice, 201, "POST", "upload_url/", Some(&body));
    for (works, command) in [
        (false, &["doctor"][..]),
        (false, &["doctor", "--json"]),
        (false, &["keys", "rotate"]),
        (false, &["keys", "rotate", "--json"]),
        (true, &["keys", "list"]),
        (true, &["keys", "list", "--json"]),
        (true, &["setup"]),
        (true, &["documents", "show", id]),
    ] {
        let ran = world.operate(command);
        let said = format!("{command:?}: {}{}", ran.text(), ran.errors());
        assert_eq!(ran.code == Some(0), works, "{said}");
    }
}

/// Its token is one that may not unwrap.
fn denied(world: &mut World, documents: &Documents) {
    let vault = world.vault.as_ref().unwrap();
    let installation = &mut world.server.installation;
    vault.hand_token(
        installation,
        &mut world.known,
        "token of another role",
        &["destroy"],
    );
    restarted(world);
    let id = documents.shared.id.as_str();
    world.asks(Who::Alice, 500, "GET", &format!("download_url/{id}/"), None);
    world.types(Who::Alice, OTHER, &["download", id]);
    world.sends("readiness", "GET", "/readyz", &[], &[]);
    world.operate(&["healthcheck"]);
    for command in [&["doctor"][..], &["keys", "rotate"]] {
        let ran = world.operate(command);
        assert_ne!(ran.code, Some(0), "{command:?}: {}", ran.text());
    }
    let vault = world.vault.as_ref().unwrap();
    vault.hand_good_token(&mut world.server.installation, &mut world.known);
    assert!(world.server.terminate().success());
    world.server.start_again();
}
