//! TLS by certificate files, and another certificate without a restart.

use std::path::Path;
use std::sync::Arc;

use crypt_keeper_server::config::TlsFiles;
use crypt_keeper_server::http::ReloadableCertificate;

use crate::app::{App, Options};

/// Writes a certificate for 127.0.0.1 by itself, and its key; the certificate.
fn certify(folder: &Path) -> String {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made.cert.pem()
}

fn files(folder: &Path) -> TlsFiles {
    TlsFiles {
        cert_file: folder.join("cert.pem"),
        key_file: folder.join("key.pem"),
    }
}

/// A client that trusts one certificate.
fn client(certificate: &str) -> reqwest::Client {
    let certificate = reqwest::Certificate::from_pem(certificate.as_bytes()).unwrap();
    reqwest::Client::builder()
        .tls_certs_only([certificate])
        .pool_max_idle_per_host(0)
        .build()
        .unwrap()
}

#[tokio::test]
async fn the_certificate_is_used_and_can_be_changed_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let first = certify(folder.path());
    let certificate = Arc::new(ReloadableCertificate::load(&files(folder.path())).unwrap());
    let app = App::start_with(Options {
        tls: Some(certificate.server_config().unwrap()),
        ..Options::default()
    })
    .await;
    let url = format!("https://{}/healthz", app.address());
    let answer = client(&first).get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.version(), reqwest::Version::HTTP_2);

    let second = certify(folder.path());
    certificate.reload().unwrap();
    assert!(client(&first).get(&url).send().await.is_err());
    assert_eq!(
        client(&second).get(&url).send().await.unwrap().status(),
        200
    );

    std::fs::write(folder.path().join("cert.pem"), "nonsense").unwrap();
    let error = certificate.reload().unwrap_err().to_string();
    assert!(error.contains("cert.pem"), "{error}");
    assert_eq!(
        client(&second).get(&url).send().await.unwrap().status(),
        200
    );
}

#[test]
fn files_that_are_of_no_use_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let load = || {
        let loaded = ReloadableCertificate::load(&files(folder.path()));
        let shown = loaded.unwrap_err().to_string();
        shown.replace(&folder.path().display().to_string(), "<folder>")
    };
    let missing = load();
    certify(folder.path());
    let cert = std::fs::read_to_string(folder.path().join("cert.pem")).unwrap();
    let key = std::fs::read_to_string(folder.path().join("key.pem")).unwrap();
    std::fs::write(folder.path().join("cert.pem"), &key).unwrap();
    let not_a_certificate = load();
    std::fs::write(folder.path().join("cert.pem"), &cert).unwrap();
    std::fs::write(folder.path().join("key.pem"), &cert).unwrap();
    let not_a_key = load();
    certify(folder.path());
    std::fs::write(folder.path().join("cert.pem"), &cert).unwrap();
    let not_together = load();
    insta::assert_snapshot!(
        [missing, not_a_certificate, not_a_key, not_together].join("\n"),
        @"
    cannot read a certificate chain in <folder>/cert.pem: No such file or directory (os error 2)
    cannot read a certificate chain in <folder>/cert.pem: it holds none
    cannot read a private key in <folder>/key.pem: it holds none
    the certificate and its key cannot be used: keys may not be consistent: KeyMismatch
    "
    );
}
