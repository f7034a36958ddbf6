//! `ckc download`.

use crate::args::DownloadArgs;
use crate::context::Session;
use crate::input;
use crate::progress_line::progress;
use crate::words::Style;
use crypt_keeper_client::terminal::{escaped, escaped_path};
use crypt_keeper_client::{Bytes, DownloadOptions, Downloaded, Error, Existing, Format, Target};
use serde::Serialize;
use std::io::{self, Write};
use std::path::Path;

pub(crate) async fn run(session: &Session, args: &DownloadArgs) -> Result<(), Error> {
    let id = input::document_id(&args.id)?;
    let words = session.words;
    // The old command always replaced the file that was named to it; a name that the uploader
    // chose replaces nothing.
    let existing = if args.force || args.filename.is_some() {
        Existing::Replace
    } else {
        Existing::Keep
    };
    let options = DownloadOptions {
        existing,
        legacy: session.legacy,
    };
    let target = target(args);
    let progress = progress("downloading, decrypting", words.quiet);
    let downloaded = session
        .client
        .download(id, target, options, progress)
        .await?;
    if downloaded.format == Format::AesCbc {
        words.warn("this document is AES|CBC: nothing proves that it is what was uploaded");
    }
    if downloaded.metadata.compressed {
        words.note("The uploader marked the content as compressed; it was written as it is.");
    }
    match &downloaded.path {
        Some(path) => tell(session, args, &downloaded, path),
        // Standard output is the document.
        None => Ok(()),
    }
}

fn target(args: &DownloadArgs) -> Target {
    let old_folder = args.path.clone();
    match (&args.output, &args.filename) {
        (Some(output), _) if output.as_path() == Path::new("-") => {
            Target::Stream(standard_output())
        }
        (Some(output), _) if output.is_dir() || ends_in_separator(output) => {
            Target::Folder(output.clone())
        }
        (Some(output), _) => Target::File(output.clone()),
        (None, Some(name)) => Target::File(old_folder.unwrap_or_default().join(name)),
        (None, None) => Target::Folder(old_folder.unwrap_or_default()),
    }
}

/// Standard output without the standard library's buffer, which looks for lines in it.
fn standard_output() -> Box<dyn Write + Send> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd as _;
        if let Ok(descriptor) = io::stdout().as_fd().try_clone_to_owned() {
            return Box::new(std::fs::File::from(descriptor));
        }
    }
    Box::new(io::stdout())
}

fn ends_in_separator(path: &Path) -> bool {
    path.to_string_lossy().ends_with(std::path::is_separator)
}

fn tell(
    session: &Session,
    args: &DownloadArgs,
    downloaded: &Downloaded,
    path: &Path,
) -> Result<(), Error> {
    let words = session.words;
    let metadata = &downloaded.metadata;
    match words.style {
        Style::Quiet => words.result(&escaped_path(path)),
        Style::OldJson => words.json(&OldAnswer { downloaded: true }),
        Style::Json => words.json(&Answer {
            document_id: &downloaded.document_id.to_string(),
            path: &path.to_string_lossy(),
            name: &metadata.name,
            content_length: metadata.content_length,
            content_type: &metadata.content_type,
            encryption_type: &metadata.encryption_type,
        }),
        Style::Old => {
            let name = args.filename.as_deref().unwrap_or(path);
            words.result(&format!(
                "Successful downloaded file {}.",
                escaped_path(name)
            ))
        }
        Style::Plain => {
            let length = Bytes(metadata.content_length);
            words.result(&format!("Downloaded {}, {length}.", escaped_path(path)))?;
            if path
                .file_name()
                .is_some_and(|name| name.to_string_lossy() != metadata.name.as_str())
                && args.output.is_none()
            {
                let name: String = metadata.name.chars().take(200).collect();
                words.note(&format!(
                    "It was stored as {:?}.",
                    escaped(&name).to_string()
                ));
            }
            Ok(())
        }
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    document_id: &'a str,
    path: &'a str,
    name: &'a str,
    content_length: u64,
    content_type: &'a str,
    encryption_type: &'a str,
}

#[derive(Serialize)]
struct OldAnswer {
    downloaded: bool,
}
