//! Commitment, seal and master key ring, from outside: our own vectors still open, and what must not
//! open does not.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may fail as its body may"
)]

#[path = "support/values.rs"]
mod values;

use crypt_keeper_crypto::{
    CommitmentError, ExposeSecret, KeyCommitment, MasterKey, MasterKeyError, MasterKeyRing,
    PrivateHalf, PublicHalf, Purpose, SealContext, SealError, SecretBytes, WrapAlgorithm,
    seal::sealed_under,
};
use proptest::{collection::vec, prelude::*};
use serde_json::Value;
use values::{bytes, id, key, list, random_key, serial};

const ALGORITHM: WrapAlgorithm = WrapAlgorithm::RsaOaep256;

fn ring(text: &str) -> Result<MasterKeyRing, MasterKeyError> {
    MasterKeyRing::parse(&SecretBytes::new(text.as_bytes().to_vec()))
}

#[test]
fn commitments_are_those_of_the_vectors() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../tests/vectors/key-commitment.json")).unwrap();
    for case in list(&vectors["cases"], 8) {
        let (key, id) = (key(&case["document_key"]), id(&case["document_id"]));
        let stored = KeyCommitment::from_bytes(bytes(&case["key_commitment"]).try_into().unwrap());
        assert_eq!(KeyCommitment::of(&key, &id).unwrap(), stored);
        stored.check(&key, &id).unwrap();
        let other = stored.check(&random_key(), &id);
        assert!(matches!(other, Err(CommitmentError::Mismatch)));
        let mut other_id = id;
        other_id[15] ^= 1;
        assert!(matches!(
            stored.check(&key, &other_id),
            Err(CommitmentError::Mismatch)
        ));
        for byte in 0..32 {
            let mut altered = *stored.as_bytes();
            altered[byte] ^= 0x80;
            assert!(KeyCommitment::from_bytes(altered).check(&key, &id).is_err());
        }
    }
}

#[test]
fn debug_output_of_a_master_key_is_redacted() {
    let key = MasterKey::generate().unwrap();
    let expected = format!(
        "MasterKey {{ id: MasterKeyId({}), key: SecretBytes([redacted]) }}",
        key.id()
    );
    assert_eq!(format!("{key:?}"), expected);
}

#[test]
fn sealed_blobs_and_subkeys_of_the_vectors_still_hold() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../tests/vectors/sealed-blob.json")).unwrap();
    let ring = ring(vectors["ring"].as_str().unwrap()).unwrap();
    for purpose in Purpose::ALL {
        let subkey = ring.first().subkey(purpose).unwrap();
        assert_eq!(
            subkey.expose_secret(),
            bytes(&vectors["subkeys"][purpose.name()])
        );
    }
    let open = |case: &Value| {
        let public_half = bytes(&case["public_half"]);
        let context = SealContext {
            serial: serial(&case["serial"]),
            algorithm: WrapAlgorithm::from_name(case["algorithm"].as_str().unwrap()).unwrap(),
            scope: case["scope"].as_str().unwrap(),
            public_half: &public_half,
        };
        ring.open(&context, &bytes(&case["blob"]))
    };
    for case in list(&vectors["accept"], 4) {
        assert_eq!(
            open(case).unwrap().expose_secret(),
            bytes(&case["plaintext"])
        );
    }
    for case in list(&vectors["refuse"], 10) {
        let refused = open(case);
        let as_expected = match case["why"].as_str().unwrap() {
            "another version" | "nothing but id and nonce" => {
                matches!(refused, Err(SealError::NotASealedBlob))
            }
            "an unknown master key" => matches!(refused, Err(SealError::UnknownMasterKey(_))),
            _ => matches!(refused, Err(SealError::DoesNotOpen(_))),
        };
        assert!(as_expected, "{}: {refused:?}", case["why"]);
    }
}

const CONTEXT: SealContext<'_> = SealContext {
    serial: 1,
    algorithm: ALGORITHM,
    scope: "shared",
    public_half: b"public",
};

#[test]
fn a_ring_seals_with_its_first_key_and_opens_with_all() {
    let mut ring = MasterKeyRing::new(MasterKey::generate().unwrap());
    let secret = SecretBytes::new(b"a private half".to_vec());
    let old = ring.seal(&CONTEXT, &secret).unwrap();
    assert_ne!(old, ring.seal(&CONTEXT, &secret).unwrap(), "a nonce twice");
    let old_id = ring.first().id();
    let next = MasterKey::generate().unwrap();
    ring.prepend(next.clone()).unwrap();
    let duplicate = ring.prepend(next.clone()).unwrap_err();
    assert!(matches!(duplicate, MasterKeyError::Duplicate(id) if id == next.id()));
    let new = ring.seal(&CONTEXT, &secret).unwrap();
    assert_eq!(
        (sealed_under(&old).unwrap(), sealed_under(&new).unwrap()),
        (old_id, next.id())
    );

    let again = MasterKeyRing::parse(&ring.to_text()).unwrap();
    assert_eq!(again.to_text(), ring.to_text());
    for blob in [&old, &new] {
        assert_eq!(again.open(&CONTEXT, blob).unwrap(), secret);
    }
    let without_old = MasterKeyRing::new(next);
    let refused = without_old.open(&CONTEXT, &old).unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!(
            "it is sealed under master key {old_id}, which is not in the ring: add its line to \
             the master key file"
        )
    );
}

#[test]
fn the_rings_errors_say_the_line_and_the_fault_and_show_nothing() {
    let good = "0011223344556677:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let fault = |text: &str| ring(text).unwrap_err().to_string();
    let line = |number: usize, what: &str| format!("line {number} of the master key ring: {what}");
    let key = "the key is not standard padded base64 of 32 bytes";
    let id = "the id is not 16 lower-case hexadecimal digits";

    assert_eq!(
        fault(""),
        "the master key ring is empty: it needs a line `id:key`"
    );
    assert_eq!(fault("\n# nothing\n\n"), fault(""));
    assert_eq!(
        fault("no key"),
        line(1, "there is no colon between id and key")
    );
    assert_eq!(
        fault(&format!("\n{good}\n{good}")),
        line(3, "its id is that of an earlier line")
    );
    assert_eq!(
        fault(&format!("{good}\nAABBCCDDEEFF0011:{}", &good[17..])),
        line(2, id)
    );
    assert_eq!(fault(&good[1..]), line(1, id));
    assert_eq!(fault(&good.replace('=', "")), line(1, key));
    assert_eq!(fault(&good.replace('A', "*")), line(1, key));
    assert_eq!(
        fault(&good.replace("h8=", "h9=")),
        line(1, key),
        "bits beyond the last byte"
    );
    assert_eq!(fault(&format!("{good}AA==")), line(1, key));
    let text = SecretBytes::new(b"0011223344556677:\xff".to_vec());
    let error = MasterKeyRing::parse(&text).unwrap_err().to_string();
    assert_eq!(error, line(1, "it is not UTF-8 text"));

    let kept = ring(&format!("# the ring\r\n\r\n{good}\r\n")).unwrap();
    assert_eq!(
        kept.to_text().expose_secret(),
        format!("{good}\n").as_bytes()
    );
    assert_eq!(kept.first().id().to_string(), "0011223344556677");
}

#[test]
fn purposes_give_different_keys() {
    let master = MasterKey::generate().unwrap();
    let mut subkeys: Vec<_> = Purpose::ALL
        .map(|purpose| master.subkey(purpose).unwrap().expose_secret().to_vec())
        .to_vec();
    assert!(subkeys.iter().all(|subkey| subkey.len() == 32));
    subkeys.sort();
    subkeys.dedup();
    assert_eq!(subkeys.len(), 5);
}

proptest! {
    #[test]
    fn an_arbitrary_ring_is_refused_without_showing_it(
        text in prop_oneof![vec(any::<u8>(), 0..200), "[0-9a-f:=+A-Z \n]{0,120}".prop_map(String::into_bytes)],
    ) {
        if let Err(error) = MasterKeyRing::parse(&SecretBytes::new(text.clone())) {
            let shown = format!("{error} {error:?}");
            for word in String::from_utf8_lossy(&text).split(['\n', ':']).filter(|w| w.len() > 20) {
                prop_assert!(!shown.contains(word));
            }
        }
    }

    #[test]
    fn a_ring_with_one_byte_changed_never_reads_as_the_same(at in 0..122_usize, to in any::<u8>()) {
        let text = b"0011223344556677:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n\
                     8899aabbccddeeff:IEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8=";
        let original = MasterKeyRing::parse(&SecretBytes::new(text.to_vec())).unwrap().to_text();
        let mut changed = text.to_vec();
        let at = at % changed.len();
        prop_assume!(changed[at] != to);
        changed[at] = to;
        if let Ok(ring) = MasterKeyRing::parse(&SecretBytes::new(changed)) {
            prop_assert_ne!(ring.to_text(), original);
        }
    }

    #[test]
    fn an_altered_blob_does_not_open(at in any::<proptest::sample::Index>(), bit in 0..8_u8) {
        let ring = ring("0011223344556677:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
        let mut blob = ring.seal(&CONTEXT, &SecretBytes::new(vec![9; 50])).unwrap();
        let at = at.index(blob.len());
        blob[at] ^= 1 << bit;
        prop_assert!(ring.open(&CONTEXT, &blob).is_err());
        blob.truncate(at);
        prop_assert!(ring.open(&CONTEXT, &blob).is_err());
    }
}

#[test]
fn what_is_shared_between_threads_may_be() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<PrivateHalf>();
    shared::<PublicHalf>();
    shared::<MasterKeyRing>();
    shared::<crypt_keeper_crypto::SegmentEncryptor>();
    shared::<crypt_keeper_crypto::SegmentDecryptor>();
    shared::<crypt_keeper_crypto::SegmentSlot>();
    shared::<crypt_keeper_crypto::Encryptor>();
    shared::<crypt_keeper_crypto::Decryptor>();
    shared::<crypt_keeper_crypto::RangeDecryptor>();
    shared::<crypt_keeper_crypto::CbcEncryptor>();
    shared::<crypt_keeper_crypto::CbcDecryptor>();
}
