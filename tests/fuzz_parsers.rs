//! Whatever is parsed at the edges, nothing panics, and what was accepted is what it says it is.

use crypt_keeper_crypto::{
    CbcDecryptor, DocumentKey, ExposeSecret as _, Format, MasterKeyRing, SealContext, SecretBytes,
    WrapAlgorithm, seal,
};
use crypt_keeper_domain::model::{ApiKeyToken, DocumentId, UserName};
use crypt_keeper_server::config::{self, Environment, KEYS, Override};
use crypt_keeper_tests::fuzz::hold;
use crypt_keeper_tests::regressions;
use proptest::prelude::*;

#[test]
fn ids_are_refused_or_survive_their_text_over_all_cycles() {
    let text = prop_oneof![
        "\\PC{0,60}",
        "[0-9a-fA-F{}-]{30,40}",
        "[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
        "urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}",
    ];
    hold(2_000, regressions!("fuzz_ids"), &text, |text| {
        if let Ok(id) = DocumentId::parse(&text) {
            let canonical = id.to_string();
            prop_assert_eq!(DocumentId::parse(&canonical).ok(), Some(id));
            // Class and partition are functions of every id.
            let _ = (id.class(), id.partition(), id.created_at());
        }
        Ok(())
    });
}

#[test]
fn names_and_api_keys_are_refused_or_kept_as_they_are_over_all_cycles() {
    let text = prop_oneof![
        "\\PC{0,140}|[\\x00-\\x7f]{0,20}",
        "ck_[0-9A-Za-z]{11,13}_[0-9A-Za-z]{42,44}",
        "ck_[0-9A-Za-z_]{0,70}",
    ];
    hold(2_000, regressions!("fuzz_names"), &text, |text| {
        if let Ok(name) = UserName::parse(&text) {
            prop_assert_eq!(name.as_str(), text.as_str());
            prop_assert!(text.len() <= 128 && !text.contains([':', '\0', '\n', '\x1b']));
        }
        if let Ok(key) = ApiKeyToken::parse(&text) {
            prop_assert_eq!(key.expose_secret(), text.as_str());
            prop_assert_eq!(text.len(), 3 + 12 + 1 + 43);
        }
        Ok(())
    });
}

#[test]
fn rings_and_seals_are_refused_without_repeating_them_over_all_cycles() {
    let line = prop_oneof![
        "[0-9a-f]{16}:[A-Za-z0-9+/]{43}=",
        "[0-9a-f]{14,18}:[A-Za-z0-9+/=]{40,48}",
        "\\PC{0,70}|#.{0,10}|",
    ];
    let text = proptest::collection::vec(line, 0..5).prop_map(|lines| lines.join("\n"));
    hold(1_000, regressions!("fuzz_rings"), &text, |text| {
        match MasterKeyRing::parse(&SecretBytes::new(text.clone().into_bytes())) {
            Ok(ring) => {
                // What it writes it reads, and it is the same.
                let again = MasterKeyRing::parse(&ring.to_text())
                    .map_err(|error| TestCaseError::fail(error.to_string()))?;
                prop_assert_eq!(again.first().id(), ring.first().id());
                prop_assert_eq!(again.keys().count(), ring.keys().count());
            }
            Err(error) => {
                let said = error.to_string();
                for part in text.split(['\n', ':']).filter(|part| part.len() > 24) {
                    prop_assert!(!said.contains(part), "{said}");
                }
            }
        }
        Ok(())
    });
    let blob = proptest::collection::vec(any::<u8>(), 0..120);
    let ring = MasterKeyRing::parse(&SecretBytes::new(
        b"0123456789abcdef:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_vec(),
    ));
    let ring = ring.unwrap();
    let context = SealContext {
        serial: 7,
        algorithm: WrapAlgorithm::RsaOaep256,
        scope: "shared",
        public_half: b"public",
    };
    hold(1_000, regressions!("fuzz_seals"), &blob, |blob| {
        let _ = seal::sealed_under(&blob);
        // With the right id in front it gets as far as the tag.
        let near = [
            &[1],
            0x0123_4567_89ab_cdef_u64.to_be_bytes().as_slice(),
            &blob,
        ]
        .concat();
        prop_assert!(ring.open(&context, &blob).is_err());
        prop_assert!(ring.open(&context, &near).is_err());
        Ok(())
    });
}

#[test]
fn objects_of_2017_are_cut_to_their_length_or_refused_over_all_cycles() {
    let key = DocumentKey::new(Box::new([9; 32]));
    let object = proptest::collection::vec(any::<u8>(), 0..100);
    let pieces = 1_usize..40;
    hold(
        1_000,
        regressions!("fuzz_cbc"),
        &(object, 0_u64..90, pieces),
        |(object, length, size)| {
            let mut decryptor = CbcDecryptor::new(&key, length).unwrap();
            let mut plaintext = Vec::new();
            for mut piece in object.chunks(size) {
                match push_all(&mut decryptor, &mut piece) {
                    Ok(part) => plaintext.extend_from_slice(&part),
                    Err(_) => return Ok(()),
                }
            }
            if decryptor.finish().is_ok() {
                prop_assert_eq!(plaintext.len() as u64, length);
                // IV, then whole blocks, enough of them.
                prop_assert_eq!(object.len() % 16, 0);
                prop_assert!(object.len() as u64 >= 16 + 16 * length.div_ceil(16));
            }
            Ok(())
        },
    );
}

fn push_all(
    decryptor: &mut CbcDecryptor,
    piece: &mut &[u8],
) -> Result<Vec<u8>, crypt_keeper_crypto::DocumentError> {
    let mut released = Vec::new();
    while let Some(part) = decryptor.push(piece)? {
        released.extend_from_slice(part);
    }
    Ok(released)
}

#[test]
fn names_of_formats_are_known_or_not_over_all_cycles() {
    hold(
        500,
        regressions!("fuzz_formats"),
        &"\\PC{0,24}|AES(\\||256_GCM_HKDF_)(CBC|1MB|4KB)",
        |name| {
            if let Some(format) = Format::from_name(&name) {
                prop_assert_eq!(format.name(), name.as_str());
            }
            Ok(())
        },
    );
}

/// Keys whose values may hold passwords, and a value with one.
const SECRET_KEYS: [&str; 2] = ["metadata.postgres.url", "keys.sealed.url"];
const PASSWORD: &str = "hunter2hunter2";

fn any_secret() -> impl Strategy<Value = String> {
    "(postgres(ql)?://|)u:hunter2hunter2@h/d( |\\?[ -~&&[^\"\\\\]]{0,9}|)"
}

/// TOML from nearly right to noise.
fn any_configuration() -> impl Strategy<Value = String> {
    let names: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
    let value = prop_oneof![
        "true|false|-?[0-9]{1,20}|[0-9]{1,4}\\.[0-9]{1,4}|1979-05-27",
        "\"[ -~&&[^\"\\\\]]{0,30}\"",
        "\\[(\"[a-z0-9./]{0,12}\"(, )?){0,3}\\]",
        "\\{ [a-z]{1,5} = 1 \\}",
        "\"(sqlite|postgres|local|s3|sealed|json|human|127.0.0.1:0|0.0.0.0:1)\"",
    ];
    let name = prop_oneof![
        4 => proptest::sample::select(names).prop_map(str::to_owned),
        1 => "[a-z_]{1,10}(\\.[a-z_]{1,10}){0,3}",
    ];
    let line = (name, value).prop_map(|(name, value)| format!("{name} = {value}"));
    let secret = (proptest::sample::select(&SECRET_KEYS[..]), any_secret())
        .prop_map(|(name, value)| format!("{name} = \"{value}\""));
    let line = prop_oneof![6 => line, 3 => secret, 1 => "\\PC{0,30}"];
    let lines = proptest::collection::vec(line, 0..6);
    prop_oneof![9 => lines.prop_map(|lines| lines.join("\n")), 1 => "\\PC{0,200}"]
}

/// One line, which a terminal can show, and no password in it.
fn is_readable(said: &str) -> Result<(), TestCaseError> {
    prop_assert!(
        !said.is_empty() && said.lines().count() == 1 && !said.contains(char::is_control),
        "{said:?}"
    );
    prop_assert!(!said.contains(PASSWORD), "{said}");
    Ok(())
}

#[test]
fn configuration_files_are_read_or_refused_in_one_line_over_all_cycles() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("crypt-keeper.toml");
    hold(
        600,
        regressions!("fuzz_configuration_files"),
        &any_configuration(),
        |text| {
            std::fs::write(&file, &text).map_err(|error| TestCaseError::fail(error.to_string()))?;
            match config::load(Some(&file), &Environment::default(), &[]) {
                // What is in force is shown without secrets.
                Ok(loaded) => {
                    let shown = loaded.settings.to_string();
                    prop_assert!(!shown.contains(PASSWORD), "{shown}");
                    let debugged = format!("{loaded:?}");
                    prop_assert!(!debugged.contains(PASSWORD));
                }
                Err(error) => is_readable(&error.to_string())?,
            }
            Ok(())
        },
    );
}

#[test]
fn variables_and_flags_are_read_or_refused_in_one_line_over_all_cycles() {
    let names: Vec<String> = KEYS.iter().map(config::Key::variable).collect();
    let name = prop_oneof![
        4 => proptest::sample::select(names),
        1 => "CRYPT_KEEPER__[A-Z_]{0,20}",
    ];
    let value = "\\PC{0,40}|true|false|[0-9]{1,6}";
    let secret_name = proptest::sample::select(&SECRET_KEYS[..])
        .prop_map(|name| format!("CRYPT_KEEPER__{}", name.replace('.', "__").to_uppercase()));
    let variable = prop_oneof![3 => (name, value), 1 => (secret_name, any_secret())];
    let variables = proptest::collection::vec(variable, 0..4);
    let keys: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
    let flag = (
        prop_oneof![
            proptest::sample::select(keys).prop_map(str::to_owned),
            "[ -~]{0,20}"
        ],
        "\\PC{0,20}",
    );
    let flags = proptest::collection::vec(flag, 0..3);
    hold(
        600,
        regressions!("fuzz_configuration_variables"),
        &(variables, flags),
        |(variables, flags)| {
            let environment: Environment = variables.into_iter().collect();
            let overrides: Vec<Override> = flags
                .into_iter()
                .map(|(key, value)| Override::new(&key, value))
                .collect();
            // An empty folder has no file of the default name; this one may be anywhere.
            if let Err(error) = config::load(None, &environment, &overrides) {
                is_readable(&error.to_string())?;
            }
            Ok(())
        },
    );
}
