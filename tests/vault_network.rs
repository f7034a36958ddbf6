//! A service whose way to HashiCorp Vault (to OpenBao, which is what tests have) is slow, silent, or
//! breaks: no request outlives its deadline, and all is well when the network is.

use std::time::{Duration, Instant};

use crypt_keeper_test_services::{Direction, Fault, FaultProxy, openbao};
use crypt_keeper_tests::{Engine, KeysInVault, Parts, Server, http};

/// A call to Vault is given 3 seconds, a read of a private half 5, on a machine that is not busy.
const DEADLINE: Duration = Duration::from_secs(8);

fn await_answers(server: &Server) {
    let begin = Instant::now();
    while http::request(server.address(), "GET", "/healthz", &[], &[]).is_err() {
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "{}",
            server.log()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn no_request_hangs_on_a_vault_that_is_slow_or_breaks_connections() {
    let Some(access) = openbao() else { return };
    for engine in [Engine::Kv, Engine::Transit] {
        let proxy = FaultProxy::start(access.socket().unwrap()).unwrap();
        let keys = KeysInVault::create(engine, &access);
        let mut installation = keys.set_up(&Parts::embedded());
        let address = format!("http://{}", proxy.address());
        installation.set("KEYS__VAULT__ADDRESS", &address);
        let mut server = Server::start_installation(installation);
        let account = server.user("alice");
        let ckc = server.ckc(&account);
        ckc.write("report.pdf", b"of substance");
        let id = ckc.succeeds(&["-q", "upload", "report.pdf"]).line();
        for (number, fault) in [
            Fault::Delay(Duration::from_secs(5)),
            Fault::Hang,
            Fault::ResetAfter(Direction::Request, 0),
            Fault::ResetAfter(Direction::Response, 40),
        ]
        .into_iter()
        .enumerate()
        {
            // A new process holds no private half.
            assert!(server.terminate().success());
            proxy.set(fault).unwrap();
            server.spawn();
            await_answers(&server);
            let api = server.api(&account);
            let begin = Instant::now();
            let refused = api.download_url(&id).unwrap();
            let took = begin.elapsed();
            let what = format!("{engine:?} {fault:?} after {took:?}: {}", refused.text());
            assert_eq!(refused.status, 503, "{what}");
            assert!(refused.header("retry-after").is_some(), "{what}");
            assert!(took < DEADLINE, "{what}");
            // Uploads need public halves alone.
            assert_eq!(api.upload_url("more.txt").unwrap().status, 201, "{what}");

            proxy.set(Fault::None).unwrap();
            let back = Instant::now();
            while api.download_url(&id).unwrap().status != 200 {
                assert!(back.elapsed() < Duration::from_secs(10), "{what}");
                std::thread::sleep(Duration::from_millis(100));
            }
            let copy = format!("copy-{number}");
            ckc.succeeds(&["download", &id, "-o", &copy]);
            assert_eq!(ckc.read(&copy), b"of substance");
        }
        assert!(!server.log().contains("panicked"));
    }
}
