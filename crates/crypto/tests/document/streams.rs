//! The adapters over `std::io`: sources that give little, targets that fail, ends that are missing.

use std::io::{self, Read, Write};

use crypt_keeper_crypto::{
    DecryptingReader, DecryptingWriter, DocumentKey, EncryptingReader, EncryptingWriter,
    FreshHeader, document::decrypt,
};

use crate::forge::plaintext;

const ID: [u8; 16] = [4; 16];

fn key() -> DocumentKey {
    DocumentKey::new(Box::new([6; 32]))
}

fn header() -> FreshHeader {
    FreshHeader::generate().unwrap()
}

/// Gives one odd piece at a time, interrupted before each.
struct Trickle<'a> {
    bytes: &'a [u8],
    interrupt: bool,
}

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupt = !self.interrupt;
        if self.interrupt {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let length = self.bytes.len().min(buffer.len()).min(7_919);
        buffer[..length].copy_from_slice(&self.bytes[..length]);
        self.bytes = &self.bytes[length..];
        Ok(length)
    }
}

#[test]
fn readers_take_whatever_their_source_gives() {
    for length in [0, 1, 1_048_520, 1_048_521, 2_500_000] {
        let clear = plaintext(2, length);
        let source = Trickle {
            bytes: &clear,
            interrupt: false,
        };
        let mut reader = EncryptingReader::new(source, &key(), &ID, header()).unwrap();
        assert_eq!(reader.read(&mut []).unwrap(), 0);
        let mut object = Vec::new();
        reader.read_to_end(&mut object).unwrap();
        assert!(decrypt(&key(), &ID, &object).unwrap() == clear);

        let source = Trickle {
            bytes: &object,
            interrupt: false,
        };
        let mut read = Vec::new();
        DecryptingReader::new(source, &key(), &ID)
            .read_to_end(&mut read)
            .unwrap();
        assert!(read == clear);
    }
}

#[test]
fn a_writer_that_is_dropped_unfinished_leaves_what_every_reader_refuses() {
    for length in [0, 10, 1_048_520, 1_048_521, 2_097_081] {
        let mut object = Vec::new();
        let mut writer = EncryptingWriter::new(&mut object, &key(), &ID, header()).unwrap();
        writer.write_all(&plaintext(3, length)).unwrap();
        writer.flush().unwrap();
        drop(writer);
        assert!(decrypt(&key(), &ID, &object).is_err(), "{length}");
    }
}

#[test]
fn writers_give_their_target_back_whole() {
    let clear = plaintext(4, 1_500_000);
    let mut writer = EncryptingWriter::new(Vec::new(), &key(), &ID, header()).unwrap();
    for piece in clear.chunks(33_333) {
        writer.write_all(piece).unwrap();
    }
    let object = writer.finish().unwrap();
    let mut writer = DecryptingWriter::new(Vec::new(), &key(), &ID);
    writer.write_all(&object).unwrap();
    writer.flush().unwrap();
    assert!(writer.finish().unwrap() == clear);
}

/// Takes `left` bytes, then is full.
struct Full {
    left: usize,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let length = bytes.len().min(self.left);
        self.left -= length;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn after_a_failed_write_nothing_more_is_written_as_if_nothing_were() {
    let mut writer = EncryptingWriter::new(Full { left: 10 }, &key(), &ID, header()).unwrap();
    let error = writer.write_all(&plaintext(5, 2_000_000)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(
        writer.write(b"more").unwrap_err().to_string(),
        "an earlier write failed; start again"
    );
    assert!(writer.finish().is_err());
}

#[test]
fn a_source_that_fails_is_not_an_end() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
    let mut reader = DecryptingReader::new(Broken, &key(), &ID);
    assert_eq!(
        reader.read(&mut [0; 9]).unwrap_err().kind(),
        io::ErrorKind::ConnectionReset
    );
    let mut reader = EncryptingReader::new(Broken, &key(), &ID, header()).unwrap();
    assert_eq!(
        reader.read(&mut [0; 9]).unwrap_err().kind(),
        io::ErrorKind::ConnectionReset
    );
}

#[test]
fn debug_output_holds_no_plaintext() {
    let mut writer = EncryptingWriter::new(io::sink(), &key(), &ID, header()).unwrap();
    writer.write_all(&[0x58; 100]).unwrap();
    let shown = format!("{writer:?}");
    assert!(!shown.contains("88, 88") && shown.len() < 300, "{shown}");
}
