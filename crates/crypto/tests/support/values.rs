//! Reads the values of vectors.

use crypt_keeper_crypto::{DocumentKey, random_bytes};
use serde_json::Value;

pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

pub(crate) fn id(value: &Value) -> [u8; 16] {
    bytes(value).try_into().unwrap()
}

pub(crate) fn key(value: &Value) -> DocumentKey {
    DocumentKey::from_slice(&bytes(value)).unwrap()
}

pub(crate) fn serial(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
}

pub(crate) fn list(value: &Value, at_least: usize) -> &Vec<Value> {
    let list = value.as_array().unwrap();
    assert!(list.len() >= at_least, "{}", list.len());
    list
}

pub(crate) fn random_key() -> DocumentKey {
    DocumentKey::try_fill(|bytes| random_bytes(bytes)).unwrap()
}
