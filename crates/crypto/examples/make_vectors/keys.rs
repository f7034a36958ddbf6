//! Vectors of commitment, wrap and seal.

use base64::{Engine, engine::general_purpose::STANDARD};
use crypt_keeper_crypto::{
    ExposeSecret, KeyCommitment, KeyPair, MasterKeyRing, Purpose, SealContext, SecretBytes,
    WrapAlgorithm,
};
use serde_json::{Map, Value, json};

use crate::{document_id, document_key, named};

const ALGORITHM: WrapAlgorithm = WrapAlgorithm::RsaOaep256;

pub(crate) fn commitment() -> Value {
    let cases: Vec<Value> = (0..8)
        .map(|case| {
            let name = format!("commitment {case}");
            let (key, id) = (document_key(&name), document_id(&name));
            json!({
                "document_key": hex::encode(key.expose_secret()),
                "document_id": hex::encode(id),
                "key_commitment": hex::encode(KeyCommitment::of(&key, &id).unwrap().as_bytes()),
            })
        })
        .collect();
    json!({
        "about": "HKDF-SHA256(ikm = document key, salt empty, info = \"crypt-keeper/commit/v1\" 00 \
            document id, 32 bytes)",
        "cases": cases,
    })
}

pub(crate) fn wrap_label() -> Value {
    let mut vectors = wraps(WrapAlgorithm::RsaOaep256);
    vectors["about"] = json!(
        "RSAES-OAEP, SHA-256 twice; label = \"crypt-keeper/wrap/v1\" 00 algorithm 00 serial (u64 \
            BE) document id. The key pair is for these vectors alone."
    );
    vectors
}

pub(crate) fn wrap_hpke() -> Value {
    json!({
        "about": "HPKE (RFC 9180) in base mode: KEM 0x0020 (X25519) or 0x647A (X-Wing), KDF \
            0x0001, AEAD 0x0002, associated data empty, info = label = \"crypt-keeper/wrap/v1\" 00 \
            algorithm 00 serial (u64 BE) document id; wrapped = encapsulated key, ciphertext, tag. \
            Private halves: scalar and seed. The key pairs are for these vectors alone.",
        "algorithms": [wraps(WrapAlgorithm::HpkeX25519), wraps(WrapAlgorithm::HpkeXWing)],
    })
}

fn wraps(algorithm: WrapAlgorithm) -> Value {
    let pair = KeyPair::generate(algorithm).unwrap();
    let serials = [
        0,
        1,
        255,
        4_611_686_018_427_387_905,
        i64::MAX as u64,
        u64::MAX,
    ];
    let wrap = |case: usize, serial: u64| {
        let name = format!("wrap {case}");
        let (key, id) = (document_key(&name), document_id(&name));
        let wrapped = pair.public_half().wrap(&key, serial, &id).unwrap();
        (key, id, wrapped)
    };
    let accept: Vec<Value> = serials
        .into_iter()
        .enumerate()
        .map(|(case, serial)| {
            let (key, id, wrapped) = wrap(case, serial);
            let label = [
                b"crypt-keeper/wrap/v1\0".as_slice(),
                algorithm.name().as_bytes(),
                b"\0",
                &serial.to_be_bytes(),
                &id,
            ]
            .concat();
            json!({
                "serial": serial.to_string(),
                "document_id": hex::encode(id),
                "document_key": hex::encode(key.expose_secret()),
                "label": hex::encode(label),
                "wrapped": hex::encode(wrapped),
            })
        })
        .collect();
    let (_, id, wrapped) = wrap(100, 7);
    let mut altered = wrapped.clone();
    let last = altered.len() - 1;
    altered[last / 2] ^= 1;
    let other_id = document_id("wrap, another document");
    let refuse = [
        ("another document's row", 7, other_id, &wrapped[..]),
        ("another serial", 8, id, &wrapped[..]),
        ("one bit flipped", 7, id, &altered[..]),
        ("cut by one byte", 7, id, &wrapped[..last]),
    ]
    .map(|(why, serial, id, wrapped): (&str, u64, [u8; 16], &[u8])| {
        json!({
            "why": why,
            "serial": serial.to_string(),
            "document_id": hex::encode(id),
            "wrapped": hex::encode(wrapped),
        })
    });
    json!({
        "algorithm": algorithm.name(),
        "public_half": hex::encode(pair.public_half().as_bytes()),
        "private_half": hex::encode(pair.private_half().to_bytes().unwrap().expose_secret()),
        "accept": accept,
        "refuse": refuse,
    })
}

pub(crate) fn sealed_blob() -> Value {
    let line = |name: &str| {
        let id = hex::encode(&named(&format!("{name}, id"))[..8]);
        format!("{id}:{}\n", STANDARD.encode(named(&format!("{name}, key"))))
    };
    let text = line("master key 0") + &line("master key 1");
    let ring = MasterKeyRing::parse(&SecretBytes::new(text.clone().into_bytes())).unwrap();
    let old = MasterKeyRing::new(ring.keys().nth(1).unwrap().clone());
    let subkeys: Map<String, Value> = Purpose::ALL
        .into_iter()
        .map(|purpose| {
            let subkey = ring.first().subkey(purpose).unwrap();
            (
                purpose.name().to_owned(),
                json!(hex::encode(subkey.expose_secret())),
            )
        })
        .collect();
    let scopes = [
        "shared",
        "partition:0:20260101",
        "customer:0197b2a4-0000-7000-8000-000000000001",
        "hold",
    ];
    let case = |serial: u64, scope: &str, public: &[u8], secret: &[u8], blob: &[u8]| {
        json!({
            "serial": serial.to_string(),
            "algorithm": ALGORITHM.name(),
            "scope": scope,
            "public_half": hex::encode(public),
            "plaintext": hex::encode(secret),
            "blob": hex::encode(blob),
        })
    };
    let accept: Vec<Value> = scopes
        .iter()
        .enumerate()
        .map(|(index, scope)| {
            let public = named(&format!("public half {index}"));
            let secret = named(&format!("private half {index}"));
            let serial = 1 << (15 * index);
            let context = SealContext {
                serial,
                algorithm: ALGORITHM,
                scope,
                public_half: &public,
            };
            // The last one is sealed under the ring's second key.
            let sealing = if index + 1 == scopes.len() {
                &old
            } else {
                &ring
            };
            let blob = sealing
                .seal(&context, &SecretBytes::new(secret.to_vec()))
                .unwrap();
            case(serial, scope, &public, &secret, &blob)
        })
        .collect();
    let public = named("public half");
    let secret = named("private half");
    let context = SealContext {
        serial: 5,
        algorithm: ALGORITHM,
        scope: "shared",
        public_half: &public,
    };
    let blob = ring
        .seal(&context, &SecretBytes::new(secret.to_vec()))
        .unwrap();
    let with = |at: usize, bits: u8| {
        let mut altered = blob.clone();
        altered[at] ^= bits;
        altered
    };
    let other = named("another public half");
    let refuse: Vec<Value> = [
        ("another serial", 6, "shared", &public, blob.clone()),
        ("another scope", 5, "hold", &public, blob.clone()),
        ("another public half", 5, "shared", &other, blob.clone()),
        ("another version", 5, "shared", &public, with(0, 3)),
        ("an unknown master key", 5, "shared", &public, with(1, 1)),
        ("nonce altered", 5, "shared", &public, with(9, 1)),
        ("ciphertext altered", 5, "shared", &public, with(21, 1)),
        ("tag altered", 5, "shared", &public, with(blob.len() - 1, 1)),
        (
            "cut by one byte",
            5,
            "shared",
            &public,
            blob[..blob.len() - 1].to_vec(),
        ),
        (
            "nothing but id and nonce",
            5,
            "shared",
            &public,
            blob[..21].to_vec(),
        ),
    ]
    .into_iter()
    .map(|(why, serial, scope, public, blob)| {
        let mut value = case(serial, scope, public, &secret, &blob);
        value["why"] = json!(why);
        value
    })
    .collect();
    json!({
        "about": "01, master key id (8), nonce (12), AES-256-GCM ciphertext and tag; key = \
            HKDF-SHA256(master key, salt empty, info = \"crypt-keeper/sub/v1\" 00 \"seal\"); \
            associated data = \"crypt-keeper/seal/v1\" 00 and, each after its length (u32 BE), \
            serial (u64 BE), algorithm, scope, master key id, SHA-256 of the public half. The \
            subkeys are those of the ring's first key. The keys are for these vectors alone.",
        "ring": text,
        "subkeys": subkeys,
        "accept": accept,
        "refuse": refuse,
    })
}
