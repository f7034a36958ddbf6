//! Every way there is to read an object. They must all agree.

use std::io::{self, Cursor, Read, Write};

use crypt_keeper_crypto::{
    DecryptingReader, DecryptingWriter, Decryptor, DocumentError, DocumentIdBytes, DocumentKey,
    Header, Layout, RangeEnd, RangePlan, SeekableReader, SegmentDecryptor, document,
};

/// What an object reads as, in each way.
pub(crate) fn read_every_way(
    key: &DocumentKey,
    id: &DocumentIdBytes,
    object: &[u8],
) -> Vec<(String, Result<Vec<u8>, DocumentError>)> {
    let mut results = vec![("at once".to_owned(), document::decrypt(key, id, object))];
    for piece in [1, 977, 65_536, 1_048_575, 1_048_577] {
        // Single bytes take their time: small objects only.
        if piece == 1 && object.len() > 100_000 {
            continue;
        }
        results.push((
            format!("pushed, {piece} bytes a piece"),
            push(key, id, object, piece).1,
        ));
    }
    for piece in [4_093, 2_000_003] {
        results.push((
            format!("reader, {piece}"),
            from_io(reader(key, id, object, piece)),
        ));
        results.push((
            format!("writer, {piece}"),
            from_io(writer(key, id, object, piece)),
        ));
    }
    results.push((
        "segments, last one first".to_owned(),
        backwards(key, id, object),
    ));
    results.push(("as a range".to_owned(), range(key, id, object, 10_007)));
    results.push(("seekable".to_owned(), from_io(seekable(key, id, object))));
    results
}

/// Pushes an object in pieces; answers what was released before the end or the error, too.
pub(crate) fn push(
    key: &DocumentKey,
    id: &DocumentIdBytes,
    object: &[u8],
    piece: usize,
) -> (Vec<u8>, Result<Vec<u8>, DocumentError>) {
    let mut released = Vec::new();
    let mut decryptor = Decryptor::new(key, id);
    for mut bytes in object.chunks(piece) {
        loop {
            match decryptor.push(&mut bytes) {
                Ok(Some(verified)) => released.extend_from_slice(verified),
                Ok(None) => break,
                Err(error) => {
                    assert!(
                        decryptor.push(&mut [0_u8; 9].as_slice()).is_err(),
                        "it recovered"
                    );
                    assert!(decryptor.finish().is_err(), "it recovered");
                    return (released, Err(error));
                }
            }
        }
        assert!(bytes.is_empty(), "not all was taken");
    }
    match decryptor.finish() {
        Ok(last) => {
            let whole = [released.as_slice(), &last].concat();
            (released, Ok(whole))
        }
        Err(error) => (released, Err(error)),
    }
}

fn reader(
    key: &DocumentKey,
    id: &DocumentIdBytes,
    object: &[u8],
    piece: usize,
) -> io::Result<Vec<u8>> {
    let mut reader = DecryptingReader::new(object, key, id);
    let (mut plaintext, mut buffer) = (Vec::new(), vec![0; piece]);
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(plaintext),
            Ok(length) => plaintext.extend_from_slice(&buffer[..length]),
            Err(error) => {
                assert!(
                    reader.read(&mut buffer).is_err(),
                    "an error that a retry overcomes"
                );
                return Err(error);
            }
        }
    }
}

fn writer(
    key: &DocumentKey,
    id: &DocumentIdBytes,
    object: &[u8],
    piece: usize,
) -> io::Result<Vec<u8>> {
    let mut writer = DecryptingWriter::new(Vec::new(), key, id);
    for piece in object.chunks(piece) {
        writer.write_all(piece)?;
    }
    writer.finish()
}

fn header(object: &[u8]) -> Result<Header, DocumentError> {
    // What is too short for a header is too short for a layout.
    Layout::of_ciphertext(object.len() as u64)?;
    Header::parse(object[..40].try_into().unwrap())
}

fn backwards(
    key: &DocumentKey,
    id: &DocumentIdBytes,
    object: &[u8],
) -> Result<Vec<u8>, DocumentError> {
    let segments = SegmentDecryptor::new(key, id, &header(object)?)?;
    let layout = Layout::of_ciphertext(object.len() as u64)?;
    let mut plaintext = vec![0; usize::try_from(layout.plaintext_length()).unwrap()];
    for segment in (0..layout.segments()).rev() {
        let place = layout.ciphertext_range(segment);
        let mut bytes = object[to_usize(place)].to_vec();
        let opened = segments.open(segment, layout.is_last(segment), &mut bytes)?;
        plaintext[to_usize(layout.plaintext_range(segment))].copy_from_slice(opened);
    }
    Ok(plaintext)
}

pub(crate) fn range(
    key: &DocumentKey,
    id: &DocumentIdBytes,
    object: &[u8],
    piece: usize,
) -> Result<Vec<u8>, DocumentError> {
    let header = header(object)?;
    let (plaintext, end) = read_range(key, id, &header, object, 0..u64::MAX, piece)?;
    assert_eq!(end, RangeEnd::DocumentEnd);
    Ok(plaintext)
}

/// Reads a range of plaintext from a store that holds `object`.
pub(crate) fn read_range(
    key: &DocumentKey,
    id: &DocumentIdBytes,
    header: &Header,
    object: &[u8],
    wanted: std::ops::Range<u64>,
    piece: usize,
) -> Result<(Vec<u8>, RangeEnd), DocumentError> {
    let plan = RangePlan::new(object.len() as u64, wanted)?;
    let fetched = &object[to_usize(plan.ciphertext_range())];
    let mut decryptor = plan.decryptor(SegmentDecryptor::new(key, id, header)?);
    let mut plaintext = Vec::new();
    for mut bytes in fetched.chunks(piece) {
        while let Some(verified) = decryptor.push(&mut bytes)? {
            plaintext.extend_from_slice(verified);
        }
    }
    Ok((plaintext, decryptor.finish()?))
}

fn seekable(key: &DocumentKey, id: &DocumentIdBytes, object: &[u8]) -> io::Result<Vec<u8>> {
    let mut plaintext = Vec::new();
    SeekableReader::open(Cursor::new(object), key, id)?.read_to_end(&mut plaintext)?;
    Ok(plaintext)
}

/// The document error inside an I/O error; the adapters over memory know no other.
pub(crate) fn from_io<T>(result: io::Result<T>) -> Result<T, DocumentError> {
    result.map_err(|error| {
        let inner = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<DocumentError>());
        inner
            .unwrap_or_else(|| panic!("no DocumentError in {error:?}"))
            .clone()
    })
}

pub(crate) fn to_usize(range: std::ops::Range<u64>) -> std::ops::Range<usize> {
    usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()
}
