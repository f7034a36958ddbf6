//! Login by the service account of a pod: the real auth method of OpenBao, before a fake cluster
//! that answers a recorded review of the account's token. No cluster takes part.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypt_keeper_domain::model::Scope;
use crypt_keeper_keys_vault::{AuthMethod, CallError, LoginError, VaultSession};
use crypt_keeper_test_services::TlsFiles;
use serde_json::{Value, json};

use crate::support::{ALL_ROLES, Scene, Site};

const UID: &str = "9d2a3c64-5f7e-4d9c-8a55-0f3e5d0c4b11";

/// As a cluster issues it (a bound token); the signature is the cluster's to judge.
fn service_account_token(uid: &str) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({ "alg": "RS256", "kid": "recorded" }));
    let claims = part(json!({
        "aud": ["https://kubernetes.default.svc"],
        "exp": 4_102_444_800_u64,
        "iat": 1_772_366_400_u64,
        "iss": "https://kubernetes.default.svc",
        "kubernetes.io": {
            "namespace": "documents",
            "pod": { "name": "crypt-keeper-0", "uid": "0a1b" },
            "serviceaccount": { "name": "crypt-keeper", "uid": uid },
        },
        "nbf": 1_772_366_400_u64,
        "sub": "system:serviceaccount:documents:crypt-keeper",
    }));
    format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode([7; 256]))
}

/// The answer of a cluster (v1.30) to a TokenReview, with the name of the account left as it was.
fn review(good: bool) -> Value {
    let user = json!({
        "username": "system:serviceaccount:documents:crypt-keeper",
        "uid": UID,
        "groups": [
            "system:serviceaccounts",
            "system:serviceaccounts:documents",
            "system:authenticated",
        ],
    });
    let status = if good {
        json!({ "authenticated": true, "user": user, "audiences": ["https://kubernetes.default.svc"] })
    } else {
        json!({ "authenticated": false, "error": "invalid bearer token" })
    };
    json!({
        "kind": "TokenReview",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": { "creationTimestamp": null },
        "spec": {},
        "status": status,
    })
}

/// Answers every review of `good` with yes, of any other token with no.
fn fake_cluster(good: String) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            // A client that hangs up is no concern of the cluster's.
            let _ = answer_review(stream, &good);
        }
    });
    port
}

fn answer_review(stream: TcpStream, good: &str) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut request, mut length) = (String::new(), 0);
    reader.read_line(&mut request)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let is_review = request.starts_with("POST /apis/authentication.k8s.io/v1/tokenreviews ");
    let answer = review(is_review && asked["spec"]["token"] == good).to_string();
    let length = answer.len();
    write!(
        &stream,
        "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{answer}"
    )
}

#[tokio::test]
async fn a_pod_logs_in_by_its_service_account() {
    let Some(site) = Site::shared() else { return };
    let token = service_account_token(UID);
    let port = fake_cluster(token.clone());
    // Asked for, and of no use without TLS.
    let folder = tempfile::tempdir().unwrap();
    let authority = TlsFiles::create(folder.path()).unwrap().authority;
    let authority = std::fs::read_to_string(authority).unwrap();
    let mount = site.kv.replace("kv-", "kubernetes-");
    let must = |path: &str, body: Value| site.access.must("POST", path, &body).unwrap();
    must(
        &format!("sys/auth/{mount}"),
        json!({ "type": "kubernetes" }),
    );
    must(
        &format!("auth/{mount}/config"),
        json!({
            "kubernetes_host": format!("http://127.0.0.1:{port}"),
            "token_reviewer_jwt": service_account_token("reviewer"),
            "disable_local_ca_jwt": true,
            "kubernetes_ca_cert": authority,
        }),
    );
    let policies: Vec<_> = ALL_ROLES.iter().map(|role| site.policy(role)).collect();
    must(
        &format!("auth/{mount}/role/crypt-keeper"),
        json!({
            "bound_service_account_names": ["crypt-keeper"],
            "bound_service_account_namespaces": ["documents"],
            "token_policies": policies,
            "token_ttl": "600s",
        }),
    );
    let session = |token: &str| {
        let mut config = site.config_by(AuthMethod::Kubernetes {
            role: "crypt-keeper".to_owned(),
            token_file: site.file("service-account", token),
        });
        config.auth.mount = Some(mount.parse().unwrap());
        VaultSession::start(config).unwrap()
    };
    let scene = Scene::kv(session(&token), site.kv_mount());
    scene.active_pair(Scope::Shared).await;
    scene.wrapped().await.is_released(&*scene.vault).await;

    let stranger = session(&service_account_token("another"));
    let error = stranger.check().await.unwrap_err();
    assert_eq!(error, CallError::Login(LoginError::Refused("kubernetes")));
}
