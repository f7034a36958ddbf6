//! Vectors of the document formats.

use crypt_keeper_crypto::{
    CbcEncryptor, Encryptor, ExposeSecret, Format, FreshHeader, RangePlan,
    document::layout::{Layout, SEGMENT_LENGTH, TAG_LENGTH, segment_capacity},
};
use openssl::sha::sha256;
use serde_json::{Value, json};

use crate::{
    document_id, document_key,
    forge::{Recipe, RecipeSegment, plaintext},
    named,
};

/// Plaintext bytes of a full segment 0 and of any other full segment.
const FIRST: usize = segment_capacity(0);
const OTHER: usize = segment_capacity(1);

/// Sizes around every boundary, ranges, and forgeries at one, two and more segments.
pub(crate) fn boundaries() -> Value {
    let sizes = [
        0,
        1,
        15,
        16,
        17,
        FIRST - 1,
        FIRST,
        FIRST + 1,
        SEGMENT_LENGTH,
        FIRST + OTHER - 1,
        FIRST + OTHER,
        FIRST + OTHER + 1,
        2 * SEGMENT_LENGTH,
        FIRST + 2 * OTHER,
        FIRST + 2 * OTHER + 1,
        FIRST + 3 * OTHER,
    ];
    let accept: Vec<Value> = sizes
        .iter()
        .enumerate()
        .map(|(case, size)| accepted(case, *size))
        .collect();
    let refuse: Vec<Value> = refusals()
        .iter()
        .map(|(why, segments, zeros)| refused(why, segments, *zeros))
        .collect();
    json!({
        "format": Format::Aes256GcmHkdf1Mb.name(),
        "about": "Accept: the object is the header and the encryption of the plaintext under it. \
            Refuse: the object is headers[0], then each segment's AES-256-GCM ciphertext and tag \
            of plaintext[offset, offset + length) under the key derived with headers[header] and \
            the nonce of this number and flag, then zeros_appended zero bytes. Ranges: the object's \
            bytes to fetch for bytes [start, end) of the plaintext, and what comes out.",
        "plaintext": "byte i of case n is (i * 31 + n) mod 251",
        "accept": accept,
        "ranges": ranges(),
        "refuse": refuse,
    })
}

fn header_bytes(case: usize, which: usize) -> [u8; 39] {
    let mut bytes = [0; 39];
    bytes[..32].copy_from_slice(&named(&format!("document {case}, salt {which}")));
    bytes[32..].copy_from_slice(&named(&format!("document {case}, nonce prefix {which}"))[..7]);
    bytes
}

fn header(case: usize, which: usize) -> FreshHeader {
    FreshHeader::try_fill(|bytes| {
        bytes.copy_from_slice(&header_bytes(case, which));
        Ok::<(), ()>(())
    })
    .unwrap()
}

fn encrypt(case: usize, clear: &[u8]) -> Vec<u8> {
    let name = format!("document {case}");
    let mut encryptor =
        Encryptor::new(&document_key(&name), &document_id(&name), header(case, 0)).unwrap();
    let (mut object, mut left) = (Vec::new(), clear);
    while let Some(segment) = encryptor.push(&mut left).unwrap() {
        object.extend_from_slice(segment);
    }
    object.extend_from_slice(&encryptor.finish().unwrap());
    object
}

fn accepted(case: usize, length: usize) -> Value {
    let name = format!("document {case}");
    let clear = plaintext(case, length);
    let object = encrypt(case, &clear);
    json!({
        "case": case,
        "document_id": hex::encode(document_id(&name)),
        "document_key": hex::encode(document_key(&name).expose_secret()),
        "header": hex::encode(&object[..40]),
        "plaintext_length": length,
        "plaintext_sha256": hex::encode(sha256(&clear)),
        "ciphertext_length": object.len(),
        "ciphertext_sha256": hex::encode(sha256(&object)),
    })
}

/// Ranges of the document of case 14, which has three full segments and one byte more.
fn ranges() -> Value {
    let (case, length) = (14, FIRST + 2 * OTHER + 1);
    let clear = plaintext(case, length);
    let ciphertext_length = Layout::of_plaintext(length as u64)
        .unwrap()
        .ciphertext_length();
    let wanted = [
        (0, 1),
        (0, FIRST),
        (FIRST - 1, FIRST + 1),
        (FIRST, FIRST + 1),
        (FIRST + 5, FIRST + 5),
        (FIRST, FIRST + OTHER),
        (100, FIRST + OTHER + 100),
        (length - 1, length),
        (length - 2, length + 1000),
        (length, length),
        (length + 5, length + 9),
        (0, length),
    ];
    let ranges: Vec<Value> = wanted
        .into_iter()
        .map(|(start, end)| {
            let plan = RangePlan::new(ciphertext_length, start as u64..end as u64).unwrap();
            let (fetch, out) = (plan.ciphertext_range(), plan.plaintext_range());
            let clear = &clear[out.start.try_into().unwrap()..out.end.try_into().unwrap()];
            json!({
                "start": start, "end": end,
                "fetch_start": fetch.start, "fetch_end": fetch.end,
                "plaintext_length": clear.len(),
                "plaintext_sha256": hex::encode(sha256(clear)),
            })
        })
        .collect();
    json!({ "case": case, "ranges": ranges })
}

/// `count` full segments, the last one flagged.
fn exact_fit(count: u32) -> Vec<RecipeSegment> {
    (0..count)
        .map(|number| RecipeSegment {
            header: 0,
            number,
            last: number + 1 == count,
            offset: match number {
                0 => 0,
                _ => FIRST + OTHER * (number as usize - 1),
            },
            length: segment_capacity(number),
        })
        .collect()
}

fn refusals() -> Vec<(String, Vec<RecipeSegment>, usize)> {
    let mut all: Vec<(String, Vec<RecipeSegment>, usize)> = Vec::new();
    for count in 1..=3_u32 {
        let fit = exact_fit(count);
        let at = |what: &str| format!("{what}, {count} full segments");
        for zeros in [1, TAG_LENGTH, SEGMENT_LENGTH] {
            all.push((at(&format!("{zeros} bytes appended")), fit.clone(), zeros));
        }
        let end = fit.iter().map(|segment| segment.length).sum();
        let empty = RecipeSegment {
            header: 0,
            number: count,
            last: true,
            offset: end,
            length: 0,
        };
        let mut open = fit.clone();
        open.last_mut().unwrap().last = false;
        all.push((at("no last flag"), open.clone(), 0));
        all.push((
            at("an empty last segment follows"),
            [open, vec![empty]].concat(),
            0,
        ));
        let both_last = [fit.clone(), vec![empty]].concat();
        all.push((at("an empty last segment follows the last"), both_last, 0));
        let cut = exact_fit(count + 1)[..count as usize].to_vec();
        all.push((at("cut at the boundary after"), cut, 0));
        let mut misnumbered = fit.clone();
        misnumbered.last_mut().unwrap().number += 1;
        all.push((at("the last one's number too high"), misnumbered, 0));
    }
    for count in 2..=4_u32 {
        let fit = exact_fit(count);
        let at = |what: &str| format!("{what} of {count} segments");
        for first in 0..count as usize - 1 {
            let mut swapped = fit.clone();
            swapped.swap(first, first + 1);
            all.push((
                at(&format!("{first} and {} swapped", first + 1)),
                swapped,
                0,
            ));
            let mut early = fit.clone();
            early[first].last = true;
            all.push((at(&format!("{first} flagged as last")), early, 0));
        }
        for which in 0..count as usize {
            let mut dropped = fit.clone();
            dropped.remove(which);
            all.push((at(&format!("{which} dropped")), dropped, 0));
            let mut doubled = fit.clone();
            doubled.insert(which, fit[which]);
            all.push((at(&format!("{which} doubled")), doubled, 0));
            let mut mixed = fit.clone();
            mixed[which].header = 1;
            all.push((at(&format!("{which} of another encryption")), mixed, 0));
        }
    }
    all
}

fn refused(why: &str, segments: &[RecipeSegment], zeros_appended: usize) -> Value {
    let case = 100;
    let name = format!("document {case}");
    let headers = [0, 1]
        .map(|which| format!("28{}", hex::encode(header_bytes(case, which))))
        .to_vec();
    let recipe = Recipe {
        case,
        document_id: hex::encode(document_id(&name)),
        document_key: hex::encode(document_key(&name).expose_secret()),
        headers,
        segments: segments.to_vec(),
        zeros_appended,
    };
    let object = recipe.object();
    let mut value = serde_json::to_value(&recipe).unwrap();
    value["why"] = json!(why);
    value["ciphertext_length"] = json!(object.len());
    value["ciphertext_sha256"] = json!(hex::encode(sha256(&object)));
    value
}

/// Objects of the first version.
pub(crate) fn cbc() -> Value {
    let accept: Vec<Value> = [0, 1, 15, 16, 17, 31, 32, 33, 1000]
        .into_iter()
        .enumerate()
        .map(|(case, length)| {
            let key = document_key(&format!("cbc {case}"));
            let clear = plaintext(case, length);
            let mut encryptor = CbcEncryptor::new(&key).unwrap();
            let (mut object, mut left) = (Vec::new(), clear.as_slice());
            while let Some(bytes) = encryptor.push(&mut left).unwrap() {
                object.extend_from_slice(bytes);
            }
            object.extend_from_slice(&encryptor.finish().unwrap());
            json!({
                "case": case,
                "document_key": hex::encode(key.expose_secret()),
                "content_length": length,
                "ciphertext": hex::encode(object),
            })
        })
        .collect();
    json!({
        "format": Format::AesCbc.name(),
        "about": "initialization vector (16), AES-256-CBC blocks, the last partial block padded \
            with spaces, none for an exact multiple of 16",
        "plaintext": "byte i of case n is (i * 31 + n) mod 251",
        "accept": accept,
    })
}
