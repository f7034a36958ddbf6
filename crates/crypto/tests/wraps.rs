//! Wrapping by every algorithm, from outside: our own vectors still open, and what must not open
//! does not.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may fail as its body may"
)]

#[path = "support/values.rs"]
mod values;

use std::sync::OnceLock;

use crypt_keeper_crypto::{
    KeyPair, PrivateHalf, PublicHalf, SecretBytes, WrapAlgorithm, WrapError, wrap::self_test,
};
use openssl::{pkey::PKey, rsa::Rsa};
use proptest::{collection::vec, prelude::*};
use serde_json::Value;
use values::{bytes, id, key, list, random_key, serial};

const ALGORITHM: WrapAlgorithm = WrapAlgorithm::RsaOaep256;

/// Making an RSA key pair takes a while: one of each algorithm for all tests.
fn pairs() -> &'static [KeyPair; 3] {
    static PAIRS: OnceLock<[KeyPair; 3]> = OnceLock::new();
    PAIRS.get_or_init(|| WrapAlgorithm::ALL.map(|algorithm| KeyPair::generate(algorithm).unwrap()))
}

fn pair() -> &'static KeyPair {
    &pairs()[0]
}

#[test]
fn wraps_of_the_vectors_still_open() {
    let rsa: Value =
        serde_json::from_str(include_str!("../../../tests/vectors/wrap-label.json")).unwrap();
    let hpke: Value =
        serde_json::from_str(include_str!("../../../tests/vectors/wrap-hpke.json")).unwrap();
    wraps_still_open(&rsa);
    for of_one_algorithm in list(&hpke["algorithms"], 2) {
        wraps_still_open(of_one_algorithm);
    }
}

fn wraps_still_open(vectors: &Value) {
    let algorithm = WrapAlgorithm::from_name(vectors["algorithm"].as_str().unwrap()).unwrap();
    let private = PrivateHalf::parse(
        algorithm,
        &SecretBytes::new(bytes(&vectors["private_half"])),
    )
    .unwrap();
    let public = PublicHalf::parse(algorithm, &bytes(&vectors["public_half"])).unwrap();
    assert_eq!(private.public_half().unwrap(), public);
    for case in list(&vectors["accept"], 6) {
        let (serial, id) = (serial(&case["serial"]), id(&case["document_id"]));
        let opened = private
            .unwrap(&bytes(&case["wrapped"]), serial, &id)
            .unwrap();
        assert_eq!(opened, key(&case["document_key"]));
    }
    for case in list(&vectors["refuse"], 4) {
        let (serial, id) = (serial(&case["serial"]), id(&case["document_id"]));
        let refused = private.unwrap(&bytes(&case["wrapped"]), serial, &id);
        assert!(
            matches!(refused, Err(WrapError::DoesNotOpen)),
            "{}: {refused:?}",
            case["why"]
        );
    }
}

#[test]
fn wrapping_twice_differs_and_both_open_after_the_halves_were_stored() {
    let key = random_key();
    for (pair, length) in pairs().iter().zip([384, 80, 1_168]) {
        let algorithm = pair.public_half().algorithm();
        assert_eq!(pair.private_half().algorithm(), algorithm);
        let public = PublicHalf::parse(algorithm, pair.public_half().as_bytes()).unwrap();
        assert_eq!(&public, pair.public_half());
        let stored = pair.private_half().to_bytes().unwrap();
        let private = PrivateHalf::parse(algorithm, &stored).unwrap();
        assert_eq!(private.public_half().unwrap(), public);
        self_test(&public, &private, 3).unwrap();
        let wraps = [(); 2].map(|()| public.wrap(&key, 3, &[1; 16]).unwrap());
        assert_ne!(wraps[0], wraps[1]);
        for wrapped in &wraps {
            assert_eq!(wrapped.len(), length);
            assert_eq!(private.unwrap(wrapped, 3, &[1; 16]).unwrap(), key);
        }
    }
}

#[test]
fn a_wrapped_key_opens_for_its_own_document_pair_and_bytes_alone() {
    let (key, serial, id) = (random_key(), 1 << 40, [7; 16]);
    for pair in pairs() {
        let algorithm = pair.public_half().algorithm();
        let wrapped = pair.public_half().wrap(&key, serial, &id).unwrap();
        let refused = |wrapped: &[u8], serial: u64, id: &[u8; 16], what: &str| {
            let opened = pair.private_half().unwrap(wrapped, serial, id);
            let is_refused = matches!(opened, Err(WrapError::DoesNotOpen));
            assert!(is_refused, "{algorithm}, {what}: {opened:?}");
        };
        for bit in 0..64 {
            refused(&wrapped, serial ^ (1 << bit), &id, "another serial");
        }
        for byte in 0..16 {
            let mut other = id;
            other[byte] ^= 1;
            refused(&wrapped, serial, &other, "another document");
        }
        // Every byte; RSA, whose bytes are all alike, is slow.
        let step = if algorithm == ALGORITHM { 16 } else { 1 };
        for at in (0..wrapped.len()).step_by(step) {
            for bit in [0x01, 0x80] {
                let mut altered = wrapped.clone();
                altered[at] ^= bit;
                refused(&altered, serial, &id, &format!("byte {at} altered"));
            }
            refused(&wrapped[..at], serial, &id, &format!("cut to {at} bytes"));
        }
        refused(&[&*wrapped, &[0]].concat(), serial, &id, "extended");
        refused(&[&[0], &*wrapped].concat(), serial, &id, "shifted");
        for other in pairs() {
            if other.public_half() != pair.public_half() {
                let opened = other.private_half().unwrap(&wrapped, serial, &id);
                assert!(matches!(opened, Err(WrapError::DoesNotOpen)));
            }
        }
        assert_eq!(
            pair.private_half().unwrap(&wrapped, serial, &id).unwrap(),
            key
        );
    }
}

/// The algorithm is in the label: the X25519 that is half of X-Wing does not take over its wraps,
/// and a name of another algorithm cannot be written over a row's.
#[test]
fn one_scalar_under_two_names_is_two_keys() {
    let [_, x25519, x_wing] = pairs();
    for (algorithm, of) in [
        (WrapAlgorithm::HpkeXWing, x25519),
        (WrapAlgorithm::HpkeX25519, x_wing),
    ] {
        let secret = of.private_half().to_bytes().unwrap();
        let renamed = PrivateHalf::parse(algorithm, &secret).unwrap();
        let wrapped = of.public_half().wrap(&random_key(), 1, &[1; 16]).unwrap();
        let opened = renamed.unwrap(&wrapped, 1, &[1; 16]);
        assert!(matches!(opened, Err(WrapError::DoesNotOpen)));
        assert!(PublicHalf::parse(algorithm, of.public_half().as_bytes()).is_err());
        assert_ne!(renamed.public_half().unwrap(), *of.public_half());
    }
}

#[test]
fn one_private_half_serves_many_threads() {
    let key = random_key();
    for pair in pairs() {
        let wrapped = pair.public_half().wrap(&key, 3, &[1; 16]).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..5 {
                        let opened = pair.private_half().unwrap(&wrapped, 3, &[1; 16]).unwrap();
                        assert_eq!(opened, key);
                    }
                });
            }
        });
    }
}

#[test]
fn halves_of_two_pairs_fail_the_self_test() {
    for pair in pairs() {
        let other = KeyPair::generate(pair.public_half().algorithm()).unwrap();
        let failed = self_test(pair.public_half(), other.private_half(), 1);
        assert!(
            matches!(failed, Err(WrapError::SelfTestFailed)),
            "{failed:?}"
        );
    }
}

#[test]
fn hpke_halves_of_other_lengths_or_of_low_order_are_refused() {
    let encoding = "is not acceptable: it is not in the expected encoding";
    let low = "is not acceptable: its X25519 point is of low order";
    for pair in &pairs()[1..] {
        let algorithm = pair.public_half().algorithm();
        let public = |bytes: &[u8]| {
            let refused = PublicHalf::parse(algorithm, bytes).unwrap_err();
            refused.to_string()
        };
        let good = pair.public_half().as_bytes();
        for length in [0, 1, 31, 33, good.len() - 1] {
            assert!(public(&vec![9; length]).ends_with(encoding), "{length}");
            let secret = SecretBytes::new(vec![9; length]);
            let refused = PrivateHalf::parse(algorithm, &secret).unwrap_err();
            assert!(refused.to_string().ends_with(encoding), "{length}");
        }
        assert!(public(&[good, &[0]].concat()).ends_with(encoding));
        // 0, 1 and p - 1 (RFC 7748 leaves it to the protocol to refuse them).
        for (first, rest, last) in [(0, 0, 0), (1, 0, 0), (0xec, 0xff, 0x7f)] {
            let mut point = [rest; 32];
            (point[0], point[31]) = (first, last);
            let bytes = [&good[..good.len() - 32], &point].concat();
            assert!(public(&bytes).ends_with(low), "{algorithm}, {first}");
        }
    }
    // FIPS 203, section 7.2: a coefficient of 4,095 is not reduced modulo 3,329.
    let mut unreduced = pairs()[2].public_half().as_bytes().to_vec();
    unreduced[..3].fill(0xff);
    let refused = PublicHalf::parse(WrapAlgorithm::HpkeXWing, &unreduced).unwrap_err();
    assert!(refused.to_string().ends_with(encoding), "{refused}");
}

#[test]
fn keys_of_other_parameters_are_refused_by_what_is_wrong_with_them() {
    let public = |der: &[u8]| PublicHalf::parse(ALGORITHM, der).unwrap_err().to_string();
    let private = |der: Vec<u8>| {
        PrivateHalf::parse(ALGORITHM, &SecretBytes::new(der))
            .unwrap_err()
            .to_string()
    };
    let small = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let why = "is not acceptable: its modulus has 2048 bits, not 3072";
    assert!(public(&small.public_key_to_der().unwrap()).ends_with(why));
    assert!(private(small.private_key_to_pkcs8().unwrap()).ends_with(why));

    let three = openssl::bn::BigNum::from_u32(3).unwrap();
    let three = PKey::from_rsa(Rsa::generate_with_e(3072, &three).unwrap()).unwrap();
    let why = "is not acceptable: its public exponent is not 65537";
    assert!(public(&three.public_key_to_der().unwrap()).ends_with(why));
    assert!(private(three.private_key_to_pkcs8().unwrap()).ends_with(why));

    let curve = PKey::generate_x25519().unwrap();
    let why = "is not acceptable: it is not a key of the expected kind";
    assert!(public(&curve.public_key_to_der().unwrap()).ends_with(why));
    assert!(private(curve.private_key_to_pkcs8().unwrap()).ends_with(why));

    let why = "is not acceptable: it is not in the expected encoding";
    let der = pair().public_half().as_bytes();
    assert!(
        public(&[der, &[0]].concat()).ends_with(why),
        "trailing bytes"
    );
    assert!(public(&der[..der.len() - 1]).ends_with(why));
    assert!(public(b"").ends_with(why));
    assert!(private(b"".to_vec()).ends_with(why));
    let pem = small.public_key_to_pem().unwrap();
    assert!(public(&pem).ends_with(why));
    assert!(matches!(
        WrapAlgorithm::from_name("RSA-OAEP"),
        Err(WrapError::UnknownAlgorithm)
    ));
}

#[test]
fn debug_output_of_key_pairs_is_redacted() {
    for pair in pairs() {
        let shown = format!("{pair:?}");
        assert!(shown.contains("[redacted]") && shown.len() < 160, "{shown}");
    }
}

proptest! {
    #[test]
    fn arbitrary_keys_and_wraps_are_refused(bytes in vec(any::<u8>(), 0..500)) {
        prop_assert!(PublicHalf::parse(ALGORITHM, &bytes).is_err());
        prop_assert!(PrivateHalf::parse(ALGORITHM, &SecretBytes::new(bytes.clone())).is_err());
        for pair in pairs() {
            let refused = pair.private_half().unwrap(&bytes, 1, &[0; 16]);
            prop_assert!(matches!(refused, Err(WrapError::DoesNotOpen)));
        }
    }
}
