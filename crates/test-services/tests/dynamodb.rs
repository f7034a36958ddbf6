//! DynamoDB Local starts, answers, keeps what it was given, and is gone afterwards.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail their test")]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};

use crypt_keeper_test_services::{
    DynamoDb, DynamoDbOptions, ProcessIdentity, dynamodb, require_or_skip,
};

/// One call; the status and the body of its answer. Any signature will do.
fn call(port: u16, operation: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\
         X-Amz-Target: DynamoDB_20120810.{operation}\r\n\
         Content-Type: application/x-amz-json-1.0\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=test/20260301/us-east-1/dynamodb/aws4_request, \
         SignedHeaders=host, Signature=00\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

const TABLE: &str = r#"{"TableName":"kept","BillingMode":"PAY_PER_REQUEST",
    "AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],
    "KeySchema":[{"AttributeName":"id","KeyType":"HASH"}]}"#;

#[test]
fn dynamodb_answers_and_is_gone_afterwards() {
    let started = DynamoDb::start(&DynamoDbOptions::default());
    let Some(server) = require_or_skip("DynamoDB Local", started) else {
        return;
    };
    let port = server.port();
    assert_eq!(call(port, "CreateTable", TABLE).0, 200);
    let put = r#"{"TableName":"kept","Item":{"id":{"S":"one"}}}"#;
    assert_eq!(call(port, "PutItem", put).0, 200);
    let get = r#"{"TableName":"kept","Key":{"id":{"S":"one"}},"ConsistentRead":true}"#;
    let (status, answer) = call(port, "GetItem", get);
    assert_eq!(status, 200);
    assert!(answer.contains(r#""Item":{"id":{"S":"one"}}"#), "{answer}");

    let running = ProcessIdentity::of(server.pid().unwrap()).unwrap();
    drop(server);
    assert!(!running.is_running());
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
}

#[test]
fn the_shared_dynamodb_gives_every_test_its_own_tables() {
    let Some(access) = dynamodb() else {
        return;
    };
    let (one, other) = (
        access.fresh_prefix().unwrap(),
        access.fresh_prefix().unwrap(),
    );
    assert_ne!(one, other);
    let shown = format!("{access:?}");
    assert!(!shown.contains(&access.secret_key), "{shown}");
}
