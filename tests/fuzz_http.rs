//! Whatever is sent, the service answers, stores nothing half, and goes on.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

use crypt_keeper_tests::fuzz::hold;
use crypt_keeper_tests::http::{self, Answer};
use crypt_keeper_tests::{Account, Parts, Server, Upload, regressions};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use serde_json::{Value, json};

const BASE: &str = "/api/v1/secure_document_service";

struct Target {
    server: Server,
    account: Account,
}

impl Target {
    fn start() -> Self {
        let server = Server::start(&Parts::embedded());
        let account = server.user("alice");
        Self { server, account }
    }

    fn authorization(&self) -> String {
        format!("ApiKey {}:{}", self.account.name, self.account.key)
    }

    fn post(&self, resource: &str, body: &[u8]) -> Answer {
        let authorization = self.authorization();
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
        ];
        let target = format!("{BASE}/{resource}");
        http::request(self.server.address(), "POST", &target, &headers, body).unwrap()
    }

    fn assert_unharmed(mut self) {
        assert!(self.server.is_running());
        assert!(self.server.is_ready());
        let log = self.server.log();
        assert!(!log.contains("panicked"), "{log}");
        let half = self.server.installation.database().half_states();
        assert_eq!(half, [""; 0]);
    }
}

/// Any JSON at all.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        "\\PC{0,40}|[\\x00-\\x7f]{0,20}|[0-9 ]{0,24}".prop_map(Value::from),
        "a{4090,4100}|é{2047,2050}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::hash_map(any_member(), inner, 0..6)
                .prop_map(|members| members.into_iter().collect::<Value>()),
        ]
    })
}

/// Members that mean something, and others.
fn any_member() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(vec![
            "document_metadata",
            "name",
            "content_length",
            "content_type",
            "compressed",
            "encryption_type",
            "document_id",
            "username",
            "symmetric_key",
            "single_use_url",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,12}",
    ]
}

fn metadata() -> Value {
    json!({
        "name": "a.txt", "content_length": 10, "content_type": "text/plain", "compressed": false,
        "encryption_type": "AES|CBC",
    })
}

/// Bodies from nearly right to noise.
fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let nearly = (any_member(), any_json()).prop_map(|(member, value)| {
        let mut metadata = metadata();
        metadata[member] = value;
        json!({ "document_metadata": metadata })
            .to_string()
            .into_bytes()
    });
    let beside = (any_member(), any_json()).prop_map(|(member, value)| {
        let mut body = json!({ "document_metadata": metadata() });
        body[member] = value;
        body.to_string().into_bytes()
    });
    let share = (any_json(), any_json()).prop_map(|(id, user)| {
        json!({ "document_id": id, "username": user })
            .to_string()
            .into_bytes()
    });
    let whole = any_json().prop_map(|body| body.to_string().into_bytes());
    let damaged =
        (any::<prop::sample::Index>(), any::<u8>(), any::<bool>()).prop_map(|(at, byte, cut)| {
            let mut body = json!({ "document_metadata": metadata() })
                .to_string()
                .into_bytes();
            let at = at.index(body.len());
            body[at] = byte;
            if cut {
                body.truncate(at);
            }
            body
        });
    let deep = (1_usize..2_000).prop_map(|depth| "[{\"a\":".repeat(depth).into_bytes());
    let noise = proptest::collection::vec(any::<u8>(), 0..200);
    prop_oneof![3 => nearly, 2 => beside, 2 => share, 2 => whole, 3 => damaged, 1 => deep, 1 => noise]
}

/// A refusal that a client of version 1 can read.
fn is_a_refusal(answer: &Answer) -> TestCaseResult {
    prop_assert_eq!(answer.status, 400, "{}", answer.text());
    prop_assert_eq!(answer.header("content-type"), Some("application/json"));
    let body: Value = serde_json::from_slice(&answer.body)
        .map_err(|error| TestCaseError::fail(format!("{error}: {}", answer.text())))?;
    prop_assert!(body.is_object() || body.is_string(), "{body}");
    Ok(())
}

#[test]
fn every_body_of_an_upload_is_stored_or_refused_over_all_cycles() {
    let target = Target::start();
    let api = target.server.api(&target.account);
    hold(300, regressions!("fuzz_http_upload"), &any_body(), |body| {
        let answer = target.post("upload_url/", &body);
        if answer.status != 201 {
            return is_a_refusal(&answer);
        }
        // What was accepted is there, as it was sent.
        let upload = Upload::of(&answer);
        let stored = api.download_url(&upload.id).unwrap();
        prop_assert_eq!(stored.status, 200, "{}", stored.text());
        prop_assert!(Upload::of(&stored).key == upload.key);
        let sent: Value = serde_json::from_slice(&body).unwrap();
        let stored = stored.json();
        prop_assert_eq!(
            &stored["document_metadata"]["name"],
            &sent["document_metadata"]["name"]
        );
        Ok(())
    });
    target.assert_unharmed();
}

#[test]
fn every_body_of_a_share_is_granted_or_refused_over_all_cycles() {
    let target = Target::start();
    hold(150, regressions!("fuzz_http_share"), &any_body(), |body| {
        is_a_refusal(&target.post("share/", &body))
    });
    target.assert_unharmed();
}

#[test]
fn every_authorization_but_the_right_one_is_refused_over_all_cycles() {
    let target = Target::start();
    let right = target.authorization();
    let body = json!({ "document_metadata": metadata() }).to_string();
    let head = |authorization: &[u8]| {
        let before = format!(
            "POST {BASE}/upload_url/ HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\
             content-length: {}\r\nauthorization: ",
            body.len()
        );
        [
            before.as_bytes(),
            authorization,
            b"\r\n\r\n",
            body.as_bytes(),
        ]
        .concat()
    };
    let accepted = http::exchange(target.server.address(), &head(right.as_bytes()), "POST");
    assert_eq!(accepted.unwrap().status, 201, "the right one is right");

    let (length, unchanged) = (right.len(), right.clone().into_bytes());
    let altered = (0..length, any::<u8>()).prop_map(move |(at, byte)| {
        let mut altered = unchanged.clone();
        altered[at] = byte;
        altered
    });
    let cut = {
        let right = right.clone();
        (0..length).prop_map(move |end| right.as_bytes()[..end].to_vec())
    };
    let longer = {
        let right = right.clone();
        "[!-~]{1,10}".prop_map(move |more| format!("{right}{more}").into_bytes())
    };
    let other =
        "(ApiKey|apikey|Basic|Bearer|)[ :]{0,3}[\\PC]{0,60}(:ck_[0-9A-Za-z]{12}_[0-9A-Za-z]{43})?"
            .prop_map(String::into_bytes);
    let noise = proptest::collection::vec(any::<u8>(), 0..120);
    let any_authorization = prop_oneof![altered, cut, longer, other, noise]
        // A line end would be another header.
        .prop_filter("one line", |bytes| {
            !bytes.contains(&b'\r') && !bytes.contains(&b'\n')
        });
    hold(
        400,
        regressions!("fuzz_http_authorization"),
        &any_authorization,
        |authorization| {
            let answer = http::exchange(target.server.address(), &head(&authorization), "POST");
            let answer = answer.map_err(|error| TestCaseError::fail(error.to_string()))?;
            // The scheme in any letter case, and blanks around, are the same header.
            let same = |bytes: &[u8]| {
                let text = String::from_utf8_lossy(bytes).trim().to_owned();
                let (scheme, rest) = text.split_once(' ')?;
                Some((scheme.to_ascii_lowercase(), rest.trim().to_owned()))
            };
            if same(&authorization) == same(right.as_bytes()) {
                prop_assert_eq!(answer.status, 201);
                return Ok(());
            }
            // 400: not HTTP.
            prop_assert!(matches!(answer.status, 400 | 401), "{}", answer.status);
            if answer.status == 401 {
                prop_assert!(answer.body.is_empty());
            }
            Ok(())
        },
    );
    target.assert_unharmed();
}

#[test]
fn every_id_is_answered_over_all_cycles() {
    let target = Target::start();
    let authorization = target.authorization();
    let segment = prop_oneof![
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "[0-9A-Fa-f-]{0,40}",
        "\\{[0-9a-f]{32}\\}",
        "(%[0-9A-Fa-f]{2}){0,40}",
        "[!-~&&[^/?#%]]{0,60}",
        "(\\.\\./){1,8}etc/passwd",
    ];
    let methods =
        proptest::sample::select(vec!["GET", "POST", "HEAD", "DELETE", "OPTIONS", "BREW"]);
    let resources = proptest::sample::select(vec!["download_url", "share", "upload_url"]);
    hold(
        300,
        regressions!("fuzz_http_ids"),
        &(methods, resources, segment),
        |(method, resource, id)| {
            let answer = http::request(
                target.server.address(),
                method,
                &format!("{BASE}/{resource}/{id}/"),
                &[("authorization", &authorization)],
                &[],
            );
            let answer = answer.map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert!(
                matches!(answer.status, 200 | 308 | 400 | 401 | 404 | 405),
                "{}: {}",
                answer.status,
                answer.text()
            );
            prop_assert!(!answer.text().contains("symmetric_key"));
            Ok(())
        },
    );
    target.assert_unharmed();
}

#[test]
fn noise_on_the_wire_does_not_stop_the_service_over_all_cycles() {
    let target = Target::start();
    let right = "GET /healthz HTTP/1.1\r\nhost: h\r\nx-request-id: a\r\nconnection: close\r\n\r\n";
    let altered =
        proptest::collection::vec((0..right.len(), any::<u8>()), 1..4).prop_map(move |changes| {
            let mut altered = right.as_bytes().to_vec();
            for (at, byte) in changes {
                altered[at] = byte;
            }
            altered
        });
    let noise = proptest::collection::vec(any::<u8>(), 1..300);
    let long = (0_usize..40_000, "[a-z]{1,3}").prop_map(|(length, name)| {
        format!(
            "GET /healthz HTTP/1.1\r\n{name}: {}\r\n\r\n",
            "v".repeat(length)
        )
        .into_bytes()
    });
    hold(
        150,
        regressions!("fuzz_http_wire"),
        &prop_oneof![altered, noise, long],
        |bytes| {
            use std::io::{Read as _, Write as _};
            let mut stream = std::net::TcpStream::connect(target.server.address()).unwrap();
            // Whether it is a request is for the server to say; whether it waits for more, too.
            let _ = stream.write_all(&bytes);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            stream
                .set_read_timeout(Some(std::time::Duration::from_millis(200)))
                .unwrap();
            let mut start = [0; 12];
            if stream.read_exact(&mut start).is_ok() {
                prop_assert!(
                    !start.starts_with(b"HTTP/1.1 5"),
                    "{}",
                    start.escape_ascii()
                );
            }
            Ok(())
        },
    );
    target.assert_unharmed();
}
