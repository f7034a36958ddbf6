//! Whatever is sent, the answer is one of the contract's, and a refusal leaves nothing behind.
//! `PROPTEST_CASES` says how much is tried.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use crate::app::{A_TXT, App};
use crate::transcript::Answer;

/// Keys that mean something, and one that does not.
const KEYS: [&str; 9] = [
    "document_metadata",
    "name",
    "content_length",
    "content_type",
    "compressed",
    "encryption_type",
    "document_id",
    "username",
    "mine",
];

/// JSON as text, so that numbers of every spelling are in it.
fn json() -> impl Strategy<Value = String> {
    let text = any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap());
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
        "\"[ 0-9+-]{0,20}\"",
        text,
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        let key = prop_oneof![
            4 => prop::sample::select(&KEYS[..]).prop_map(str::to_owned),
            1 => any::<String>(),
        ];
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            btree_map(key, inner, 0..7).prop_map(|members| {
                let members: Vec<_> = members
                    .iter()
                    .map(|(key, value)| format!("{}:{value}", serde_json::to_string(key).unwrap()))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

/// A body that is nearly right: one field of it is anything.
fn nearly_right() -> impl Strategy<Value = String> {
    (prop::sample::select(&KEYS[1..6]), json()).prop_map(|(key, value)| {
        let mut metadata: serde_json::Map<String, Value> = serde_json::from_str::<Value>(A_TXT)
            .unwrap()["document_metadata"]
            .as_object()
            .unwrap()
            .clone();
        metadata.remove(key);
        let rest = serde_json::to_string(&metadata).unwrap();
        let rest = rest.strip_suffix('}').unwrap();
        format!("{{\"document_metadata\":{rest},\"{key}\":{value}}}}}")
    })
}

/// Bytes: JSON, nearly right, cut, or nothing of the kind.
fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => nearly_right().prop_map(String::into_bytes),
        4 => json().prop_map(String::into_bytes),
        1 => (json(), any::<prop::sample::Index>()).prop_map(|(text, at)| {
            let mut bytes = text.into_bytes();
            bytes.truncate(at.index(bytes.len() + 1));
            bytes
        }),
        1 => vec(any::<u8>(), 0..200),
    ]
}

fn runner(cases: u32) -> TestRunner {
    let default = Config::default();
    // Its own default is for pure functions; `PROPTEST_CASES` is already in it.
    let cases = if default.cases == 256 {
        cases
    } else {
        default.cases
    };
    TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..default
    })
}

/// Tries a law on a server.
fn hold<T: std::fmt::Debug>(
    cases: u32,
    strategy: &impl Strategy<Value = T>,
    law: impl AsyncFn(&App, T) -> Result<(), TestCaseError>,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let app = runtime.block_on(App::start());
    let held = runner(cases).run(strategy, |value| runtime.block_on(law(&app, value)));
    if let Err(broken) = held {
        panic!("{broken}");
    }
}

fn well_formed_xml(answer: &Answer) -> bool {
    let mut reader = quick_xml::Reader::from_str(answer.text());
    loop {
        match reader.read_event() {
            Ok(quick_xml::events::Event::Eof) => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

#[test]
fn any_body_of_an_upload_is_accepted_or_refused_whole() {
    hold(300, &body(), async |app, body| {
        let before = app.documents().await;
        let answer = app.post("alice", "upload_url/", &body).await;
        let stored = app.documents().await - before;
        match answer.status {
            201 => {
                let sent: Value = serde_json::from_slice(&body).unwrap();
                prop_assert_eq!(stored, 1);
                prop_assert_eq!(
                    &answer.json()["document_metadata"],
                    &sent["document_metadata"]
                );
                let id = answer.json()["document_id"].as_str().unwrap().to_owned();
                let kept = app.get("alice", &format!("download_url/{id}/")).await;
                prop_assert_eq!(kept.status, 200, "{}", kept);
                for field in ["name", "content_type"] {
                    prop_assert_eq!(
                        &kept.json()["document_metadata"][field],
                        &sent["document_metadata"][field]
                    );
                }
            }
            400 => {
                prop_assert_eq!(stored, 0);
                prop_assert!(answer.json().is_object(), "{}", answer);
            }
            _ => prop_assert!(false, "{}", answer),
        }
        Ok(())
    });
}

#[test]
fn any_body_of_a_share_is_accepted_or_refused() {
    hold(200, &body(), async |app, body| {
        let answer = app.post("alice", "share/", &body).await;
        prop_assert!(matches!(answer.status, 400 | 401), "{}", answer);
        prop_assert!(answer.json().is_object(), "{}", answer);
        Ok(())
    });
}

#[test]
fn every_answer_is_well_formed_xml_if_that_is_asked_for() {
    hold(200, &body(), async |app, body| {
        let answer = app.post("alice", "upload_url/?format=xml", &body).await;
        prop_assert!(matches!(answer.status, 201 | 400), "{}", answer);
        prop_assert!(well_formed_xml(&answer), "{}", answer);
        Ok(())
    });
}

#[test]
fn any_authorization_is_refused_without_a_word() {
    let header = prop_oneof![
        "[ -~]{0,100}",
        "(?i:apikey)[ :]{1,3}[ -~]{0,80}",
        "ApiKey (alice|bob|\\PC{0,10}):(ck_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}|[!-~]{0,70})",
    ];
    hold(300, &header, async |app, header| {
        let header = format!("Authorization: {header}");
        let answer = app.request("POST", "upload_url/", &[&header], b"{}").await;
        // What is no header at all never gets as far as the service.
        prop_assert!(matches!(answer.status, 400 | 401), "{}", answer);
        prop_assert_eq!(answer.text(), "");
        Ok(())
    });
}

#[test]
fn any_document_id_in_a_path_is_answered_as_the_contract_says() {
    let id = prop_oneof![
        "[0-9a-fA-F-]{30,38}",
        "(%[0-9a-f]{2}|[!-~&&[^/?#%]]){1,40}",
        "\\{?[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\\}?",
    ];
    hold(300, &id, async |app, id| {
        let answer = app.get("alice", &format!("download_url/{id}/")).await;
        prop_assert!(matches!(answer.status, 400 | 404), "{}: {}", id, answer);
        let answer = app.get("alice", &format!("share/{id}/")).await;
        prop_assert!(matches!(answer.status, 400 | 404), "{}: {}", id, answer);
        Ok(())
    });
}
