//! `ckc upload`.

use crate::args::{Cipher, UploadArgs};
use crate::context::Session;
use crate::progress_line::progress;
use crate::words::Style;
use crypt_keeper_client::terminal::escaped;
use crypt_keeper_client::{Bytes, Error, Source, UploadOptions};
use serde::Serialize;
use std::io;
use std::path::Path;

pub(crate) async fn run(session: &Session, args: &UploadArgs) -> Result<(), Error> {
    let words = session.words;
    let source = if args.file == Path::new("-") {
        Source::Stream(Box::new(io::stdin()))
    } else {
        Source::File(args.file.clone())
    };
    if args.cipher == Cipher::AesCbc {
        words.warn("AES|CBC shows no alteration: whoever can write the object can change it");
    }
    let options = UploadOptions {
        name: args.name.clone().filter(|name| !name.is_empty()),
        content_type: args
            .content_type
            .clone()
            .or_else(|| session.content_type.clone())
            .filter(|content_type| !content_type.is_empty()),
        format: args.cipher.into(),
        retention: args.retention.clone().filter(|class| !class.is_empty()),
    };
    let uploaded = session
        .client
        .upload(
            source,
            options,
            progress("encrypting, uploading", words.quiet),
        )
        .await?;
    let id = uploaded.document_id.to_string();
    match words.style {
        Style::Quiet => words.result(&id),
        Style::OldJson => words.json(&OldAnswer { document_id: &id }),
        Style::Json => words.json(&Answer {
            document_id: &id,
            name: &uploaded.name,
            content_length: uploaded.content_length,
            content_type: &uploaded.content_type,
            encryption_type: uploaded.format.name(),
        }),
        Style::Old | Style::Plain => {
            // The same words in both: a script may read either.
            words.result(&format!("Document ID: {id}"))?;
            let (name, length) = (escaped(&uploaded.name), Bytes(uploaded.content_length));
            words.note(&format!(
                "Uploaded {name}, {length}, encrypted. What comes next:"
            ));
            words.note(&format!("  ckc download {id}"));
            words.note(&format!("  ckc share {id} USER"));
            Ok(())
        }
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    document_id: &'a str,
    name: &'a str,
    content_length: u64,
    content_type: &'a str,
    encryption_type: &'a str,
}

#[derive(Serialize)]
struct OldAnswer<'a> {
    #[serde(rename = "documentId")]
    document_id: &'a str,
}
