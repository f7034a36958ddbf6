//! Stricter than Tink: forgeries that only a holder of the key can make, refused in every way of
//! reading.

use std::collections::BTreeSet;

use crypt_keeper_crypto::{Alteration, DocumentError};
use openssl::sha::sha256;
use serde::Deserialize;

use crate::{
    forge::{Recipe, RecipeSegment, plaintext},
    vectors::{id, key},
    ways::{push, read_every_way},
};

#[derive(Deserialize)]
struct Boundaries {
    refuse: Vec<Refuse>,
}

#[derive(Deserialize)]
struct Refuse {
    why: String,
    #[serde(flatten)]
    recipe: Recipe,
    ciphertext_length: usize,
    ciphertext_sha256: String,
}

fn refusals() -> Vec<Refuse> {
    let vectors: Boundaries = serde_json::from_str(include_str!(
        "../../../../tests/vectors/document-boundaries.json"
    ))
    .unwrap();
    vectors.refuse
}

#[test]
fn every_forgery_is_refused_in_every_way_of_reading() {
    for case in refusals() {
        let object = case.recipe.object();
        assert_eq!(object.len(), case.ciphertext_length, "{}", case.why);
        assert_eq!(
            hex::encode(sha256(&object)),
            case.ciphertext_sha256,
            "{}",
            case.why
        );
        let (key, id) = (key(&case.recipe.document_key), id(&case.recipe.document_id));
        for (way, read) in read_every_way(&key, &id, &object) {
            assert!(
                matches!(read, Err(DocumentError::AlteredOrIncomplete(_))),
                "{}, {way}: {:?}",
                case.why,
                read.map(|plaintext| plaintext.len())
            );
        }
    }
}

#[test]
fn the_forgeries_are_those_that_the_format_promises_to_refuse() {
    let whys: BTreeSet<String> = refusals().into_iter().map(|case| case.why).collect();
    for count in 1..=3 {
        for what in [
            "1 bytes appended",
            "16 bytes appended",
            "1048576 bytes appended",
            "no last flag",
            "an empty last segment follows",
            "an empty last segment follows the last",
            "cut at the boundary after",
            "the last one's number too high",
        ] {
            let why = format!("{what}, {count} full segments");
            assert!(whys.contains(&why), "{why}");
        }
    }
    for count in 2..=4 {
        for what in [
            "0 and 1 swapped",
            "0 flagged as last",
            "0 dropped",
            "1 dropped",
            "0 doubled",
            "1 doubled",
            "0 of another encryption",
            "1 of another encryption",
        ] {
            let why = format!("{what} of {count} segments");
            assert!(whys.contains(&why), "{why}");
        }
    }
}

/// Without this, a forge that makes nothing but rubbish would pass for a test of refusals.
#[test]
fn the_forge_makes_genuine_objects_when_told_to() {
    let genuine = |recipe: &Recipe| {
        let (key, id) = (key(&recipe.document_key), id(&recipe.document_id));
        let length = recipe.segments.iter().map(|segment| segment.length).sum();
        let object = recipe.object();
        let all = read_every_way(&key, &id, &object);
        all.into_iter()
            .all(|(_, read)| read.ok() == Some(plaintext(recipe.case, length)))
    };
    for count in [2, 3] {
        let why = format!("no last flag, {count} full segments");
        let mut recipe = refusals()
            .into_iter()
            .find(|case| case.why == why)
            .unwrap()
            .recipe;
        assert!(!genuine(&recipe));
        recipe.segments.last_mut().unwrap().last = true;
        assert!(genuine(&recipe));
    }
}

#[test]
fn errors_name_the_segment_and_nothing_before_it_is_held_back() {
    let mut case = refusals()
        .into_iter()
        .find(|case| case.why == "2 of another encryption of 4 segments")
        .unwrap();
    let (key, id) = (key(&case.recipe.document_key), id(&case.recipe.document_id));
    let (released, end) = push(&key, &id, &case.recipe.object(), 70_001);
    let Err(DocumentError::AlteredOrIncomplete(alteration)) = end else {
        panic!("{end:?}")
    };
    assert_eq!(alteration, Alteration::SegmentNotVerified { segment: 2 });
    assert_eq!(
        DocumentError::from(alteration).to_string(),
        "the document was altered or is incomplete: segment 2 does not verify"
    );
    let before: usize = case.recipe.segments[..2]
        .iter()
        .map(|segment| segment.length)
        .sum();
    assert_eq!(released, plaintext(case.recipe.case, before));

    case.recipe.headers[0].replace_range(..2, "29");
    let (released, end) = push(&key, &id, &case.recipe.object(), 70_001);
    assert!(released.is_empty());
    assert_eq!(
        end.unwrap_err().to_string(),
        "the document was altered or is incomplete: it does not start with a header of this format"
    );
}

/// A length between a full segment and a segment more holds no tag: it needs no key to refuse it.
#[test]
fn a_stub_after_a_full_segment_is_refused_whatever_it_holds() {
    let mut recipe = refusals().remove(0).recipe;
    recipe.segments = vec![RecipeSegment {
        header: 0,
        number: 0,
        last: false,
        offset: 0,
        length: 1_048_520,
    }];
    for stub in 1..=16 {
        recipe.zeros_appended = stub;
        let (key, id) = (key(&recipe.document_key), id(&recipe.document_id));
        let (_, end) = push(&key, &id, &recipe.object(), 999_983);
        assert!(
            matches!(
                end,
                Err(DocumentError::AlteredOrIncomplete(Alteration::CutShort))
            ),
            "{stub}: {end:?}"
        );
    }
}
