//! The body of `POST upload_url/`: read into a value of the domain, or refused with all that is
//! wrong with it at once.

use crypt_keeper_domain::model::{
    DocumentMetadata, EncryptionFormat, FieldError, InvalidRetentionName, RetentionName,
};
use crypt_keeper_domain::usecase;
use serde_json::Value;
use serde_json::value::RawValue;

use super::errors::{Operation, Refusal};
use super::json::{Members, members, text};

const METADATA: &str = "document_metadata";
const RETENTION: &str = "retention";
/// The greatest length that is stored: 2^63-1.
const LENGTH_NEEDED: &str = "a whole number from 0 to 9223372036854775807 is needed";
const BOOLEAN_NEEDED: &str = "true or false is needed (1, 0, \"1\", \"0\", \"True\", \"False\", \"t\" and \"f\" are taken too)";

/// A request to upload.
#[derive(Debug)]
pub(super) struct UploadRequest<'a> {
    /// What is to be uploaded.
    pub(super) request: usecase::UploadRequest,
    /// Everything that was sent, for the echo.
    pub(super) sent: Members<'a>,
}

impl<'a> UploadRequest<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Refusal> {
        let sent = members(body)?.ok_or_else(no_metadata)?;
        let raw = sent.get(METADATA).ok_or_else(no_metadata)?;
        let metadata: Members<'a> = serde_json::from_str(raw.get()).map_err(|_| no_metadata())?;
        if metadata.is_empty() {
            return Err(no_metadata());
        }
        let request = match (read_metadata(&metadata), read_retention(&sent)) {
            (Ok(metadata), Ok(retention)) => usecase::UploadRequest {
                metadata,
                retention,
            },
            (metadata, retention) => {
                let mut errors = metadata.err().unwrap_or_default();
                errors.extend(retention.err());
                return Err(Refusal::of_fields(Operation::UploadUrl, errors));
            }
        };
        Ok(Self { request, sent })
    }
}

fn no_metadata() -> Refusal {
    Refusal::of_resource(
        Operation::UploadUrl,
        serde_json::json!({ "__all__": "Must provide document metadata." }),
    )
}

/// Clients of 2017 know of none, and send none.
fn read_retention(sent: &Members<'_>) -> Result<Option<RetentionName>, FieldError> {
    present(sent, RETENTION)
        .map(|raw| {
            let name = read_text(raw).map_err(|message| field(RETENTION, message))?;
            name.parse()
                .map_err(|error: InvalidRetentionName| field(RETENTION, error.to_string()))
        })
        .transpose()
}

fn read_metadata(given: &Members<'_>) -> Result<DocumentMetadata, Vec<FieldError>> {
    let name = required(given, "name", read_text);
    let content_length = required(given, "content_length", read_length);
    let content_type = required(given, "content_type", read_text);
    let compressed = required(given, "compressed", read_boolean);
    let format = match present(given, "encryption_type") {
        None => Ok(EncryptionFormat::default()),
        Some(raw) => read_text(raw)
            .map_err(|message| field("encryption_type", message))
            .and_then(|name| EncryptionFormat::parse(&name)),
    };

    // What could be read is judged even if the rest could not: all errors at once.
    let judged = DocumentMetadata::new(
        name.as_deref().unwrap_or_default(),
        *content_length.as_ref().unwrap_or(&0),
        content_type.as_deref().unwrap_or_default(),
        *compressed.as_ref().unwrap_or(&false),
        format.as_ref().cloned().unwrap_or_default(),
    );
    let mut errors: Vec<_> = [
        name.err(),
        content_length.err(),
        content_type.err(),
        compressed.err(),
        format.err(),
    ]
    .into_iter()
    .flatten()
    .collect();
    match judged {
        Ok(metadata) if errors.is_empty() => Ok(metadata),
        Ok(_) => Err(errors),
        Err(more) => {
            errors.extend(more);
            Err(errors)
        }
    }
}

fn field(field: &'static str, message: impl Into<String>) -> FieldError {
    FieldError {
        field,
        message: message.into(),
    }
}

/// A member that is there and not null.
fn present<'a>(given: &Members<'a>, name: &str) -> Option<&'a RawValue> {
    given.get(name).copied().filter(|raw| raw.get() != "null")
}

fn required<T>(
    given: &Members<'_>,
    name: &'static str,
    read: impl FnOnce(&RawValue) -> Result<T, &'static str>,
) -> Result<T, FieldError> {
    match present(given, name) {
        None => Err(field(
            name,
            format!("Document metadata must have field: {name}"),
        )),
        Some(raw) => read(raw).map_err(|message| field(name, message)),
    }
}

fn read_text(raw: &RawValue) -> Result<String, &'static str> {
    text(raw).ok_or("text is needed")
}

/// Integers, text of digits with blanks around, and numbers with a fraction of zero.
fn read_length(raw: &RawValue) -> Result<i64, &'static str> {
    let written = raw.get();
    let length = match serde_json::from_str(written) {
        Ok(Value::String(text)) => {
            let digits = text.trim();
            let only_digits =
                !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            only_digits.then(|| digits.parse().ok()).flatten()
        }
        Ok(Value::Number(_)) if written.contains(['.', 'e', 'E']) => {
            written.parse().ok().and_then(whole)
        }
        Ok(Value::Number(_)) => written.parse().ok(),
        _ => None,
    };
    length.filter(|length| *length >= 0).ok_or(LENGTH_NEEDED)
}

/// A float that is a whole number and fits.
fn whole(number: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0; // 2^63, the first that does not fit
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole and within bounds, as was just checked"
    )]
    (number.fract() == 0.0 && (0.0..LIMIT).contains(&number)).then_some(number as i64)
}

fn read_boolean(raw: &RawValue) -> Result<bool, &'static str> {
    match raw.get() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => match text(raw).as_deref() {
            Some("True" | "t" | "1") => Ok(true),
            Some("False" | "f" | "0") => Ok(false),
            _ => Err(BOOLEAN_NEEDED),
        },
    }
}
