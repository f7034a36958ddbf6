//! What the tokens of the service and of its operator may do.

use std::fs;

use crypt_keeper_test_services::openbao;
use serde_json::{Value, json};

use crate::desk::Desk;

/// The service itself may open, and cannot seal; its operator's token can do both, and no more.
#[test]
fn each_role_has_its_part() {
    let Some(access) = openbao() else { return };
    let mut desk = Desk::set_up(&access);
    desk.hand_token(&["master-key"]);
    let other = desk.installation.path("other");
    let refused = desk
        .installation
        .run(&["master-key", "new", other.to_str().unwrap()]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains("deploy/vault/master-key-change.hcl"),
        "{said}"
    );
    assert!(!other.exists(), "nothing is made in clear instead");
    let ring = desk.ring();
    let before = fs::read(&ring).unwrap();
    let refused = desk.installation.run(&["master-key", "rotate"]);
    assert!(!refused.status.success());
    assert_eq!(fs::read(&ring).unwrap(), before);
    let key = desk.key.clone();
    let (server, site) = desk.serve();
    assert!(server.is_ready());

    let (mount, name) = key.split_once('/').unwrap();
    let ask = |roles: &[&str], method: &str, path: &str, body: &Value| {
        let token = site.token(roles, 60).unwrap();
        access.ask_as(&token, None, method, path, body).unwrap().0
    };
    let text = json!({ "plaintext": "AAAA" });
    for (roles, method, path, body, status) in [
        (
            ["master-key"],
            "POST",
            format!("{mount}/encrypt/{name}"),
            &text,
            403,
        ),
        (
            ["master-key"],
            "GET",
            format!("{mount}/keys/{name}"),
            &Value::Null,
            403,
        ),
        (
            ["master-key-change"],
            "POST",
            format!("{mount}/encrypt/{name}"),
            &text,
            200,
        ),
        (
            ["master-key-change"],
            "POST",
            format!("{mount}/encrypt/another"),
            &text,
            403,
        ),
        (
            ["master-key-change"],
            "POST",
            format!("{mount}/keys/{name}/rotate"),
            &json!({}),
            403,
        ),
        (
            ["master-key-change"],
            "POST",
            format!("{mount}/keys/{name}/config"),
            &json!({ "deletion_allowed": true }),
            403,
        ),
        (
            ["master-key-change"],
            "DELETE",
            format!("{mount}/keys/{name}"),
            &Value::Null,
            403,
        ),
        (
            ["master-key-change"],
            "GET",
            format!("{mount}/export/encryption-key/{name}"),
            &Value::Null,
            403,
        ),
        (
            ["destroy"],
            "DELETE",
            format!("{mount}/keys/{name}"),
            &Value::Null,
            403,
        ),
        (
            ["serve"],
            "POST",
            format!("{mount}/decrypt/{name}"),
            &json!({ "ciphertext": "vault:v1:AAAA" }),
            403,
        ),
    ] {
        assert_eq!(
            ask(&roles, method, &path, body),
            status,
            "{roles:?} {method} {path}"
        );
    }
}
