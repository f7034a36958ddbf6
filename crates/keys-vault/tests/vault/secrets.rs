//! Nothing that Vault answers, and nothing that it is asked with, comes to light in an error: a fake
//! answers every request with a canary in every place that a client library may repeat.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crypt_keeper_domain::model::{Algorithm, KeyState, Scope};
use crypt_keeper_domain::ports::{KeyVault, Probe};
use crypt_keeper_keys_vault::{AuthMethod, VaultSession};

use crate::support::{Scene, Site, uncached, words};

const CANARY: &str = "hvs.canaryCANARYcanary";

/// Answers with a status and a body, over and over.
fn fake_vault(status: u16, body: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            count.fetch_add(1, Ordering::SeqCst);
            let mut lines = BufReader::new(&stream).lines();
            while lines
                .next()
                .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
            {}
            let length = body.len();
            // A client that hangs up has seen enough.
            let _ = write!(
                &stream,
                "HTTP/1.1 {status} {CANARY}\r\nX-Canary: {CANARY}\r\nContent-Length: {length}\r\n\
                 Connection: close\r\n\r\n{body}"
            );
        }
    });
    (address, asked)
}

const BODIES: [&str; 7] = [
    r#"{"errors":["1 error occurred: token hvs.canaryCANARYcanary is bad"]}"#,
    r#"{"errors":["Vault is sealed hvs.canaryCANARYcanary"]}"#,
    r#"{"auth":{"client_token":"hvs.canaryCANARYcanary"}}"#,
    r#"{"data":{"id":"hvs.canaryCANARYcanary"},"wrap_info":{"token":"hvs.canaryCANARYcanary"}}"#,
    r#"{"data":{"data":{"private":"hvs.canaryCANARYcanary"}}}"#,
    r#"{"data":{"plaintext":"hvs.canaryCANARYcanary"#,
    "hvs.canaryCANARYcanary",
];

#[tokio::test]
async fn no_error_repeats_what_vault_said_or_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, CANARY).unwrap();
    let mut said = Vec::new();
    for status in [200, 204, 307, 400, 403, 404, 429, 473, 500, 503] {
        for body in BODIES {
            let (address, asked) = fake_vault(status, body);
            for method in [
                AuthMethod::Token {
                    file: secret.clone(),
                },
                AuthMethod::AppRole {
                    role_id: CANARY.to_owned(),
                    secret_id_file: secret.clone(),
                },
                AuthMethod::Kubernetes {
                    role: "role".to_owned(),
                    token_file: secret.clone(),
                },
            ] {
                let config = crypt_keeper_keys_vault::SessionConfig {
                    address: address.parse().unwrap(),
                    namespace: None,
                    ca_file: None,
                    auth: crypt_keeper_keys_vault::Auth {
                        method,
                        mount: None,
                    },
                    patience: crypt_keeper_keys_vault::SessionConfig::PATIENCE,
                };
                let session = VaultSession::start(config).unwrap();
                let error = session.check().await.unwrap_err();
                said.push(format!("{} {error:?}", words(&error)));
            }
            assert!(asked.load(Ordering::SeqCst) >= 3);
        }
    }
    for said in said {
        assert!(
            !said.contains("canary") && !said.contains("CANARY"),
            "{said}"
        );
    }
}

/// Past the login: the calls themselves, with a real token and answers that are altered on their
/// way.
#[tokio::test]
async fn no_error_of_a_vault_holds_its_token_or_a_private_half() {
    let Some(site) = Site::shared() else { return };
    let token = site.token(&["serve"]);
    let session = VaultSession::start(site.config(&token)).unwrap();
    let full = Scene::kv(site.session(), site.kv_mount());
    let pair = full.active_pair(Scope::Shared).await;
    let entry = site.entry(&pair);
    let private = entry["private"].as_str().unwrap();
    let wrapped = full.wrapped().await;

    let kv = Scene::kv_with(session.clone(), site.kv_mount(), uncached);
    kv.enter(&pair).await;
    let transit = Scene::transit(session.clone(), site.transit_mount());
    let mut said = vec![format!("{:?} {:?} {:?}", session, kv.vault, transit.vault)];
    let mut altered = entry.clone();
    altered["serial"] = "1".into();
    site.set_entry(&pair, &altered);
    let error = wrapped.release(&*kv.vault).await.unwrap_err();
    said.push(format!("{} {error:?}", words(&error)));
    altered["serial"] = 1.into();
    site.set_entry(&pair, &altered);
    let error = wrapped.release(&*kv.vault).await.unwrap_err();
    said.push(format!("{} {error:?}", words(&error)));
    let error = kv.vault.check().await.unwrap_err();
    said.push(format!("{error} {error:?}"));
    let error = kv.try_active_pair(Scope::Hold).await.unwrap_err();
    said.push(format!("{} {error:?}", words(&error)));
    let serial = kv.make.serial();
    let algorithm = Algorithm::TransitRsaOaep256;
    let error = transit
        .vault
        .create(serial, &Scope::Shared, algorithm)
        .await;
    let error = error.unwrap_err();
    said.push(format!("{} {error:?}", words(&error)));
    let mut pair = transit.make.pair(Scope::Shared, KeyState::Active);
    pair.algorithm = algorithm;
    transit.enter(&pair).await;
    let error = transit.vault.check().await.unwrap_err();
    said.push(format!("{error} {error:?}"));
    for said in said {
        for secret in [
            token.as_str(),
            site.access.root_token(),
            private,
            &private[..40],
        ] {
            assert!(!said.contains(secret), "{said}");
        }
    }
}
