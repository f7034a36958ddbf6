use std::fmt;

/// The longest name of a document, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 4096;
/// The longest content type, in characters.
pub const MAX_CONTENT_TYPE_CHARACTERS: usize = 1000;
/// The longest name of an encryption format, in characters.
pub const MAX_FORMAT_CHARACTERS: usize = 20;

/// What is wrong with one field of an input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct FieldError {
    /// The field, as the wire names it.
    pub field: &'static str,
    /// What was wrong, the limit, what to do.
    pub message: String,
}

/// How the client encrypted the document, in the client's own words: up to 20 characters, stored
/// as sent. The service knows two of them.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EncryptionFormat(String);

impl EncryptionFormat {
    /// AES-256-CBC as clients of 2017 write it; what API v1 assumes when nothing is said.
    pub const AES_CBC: &str = "AES|CBC";
    /// The segmented AEAD of docs/document-format.md.
    pub const AES256_GCM_HKDF_1MB: &str = "AES256_GCM_HKDF_1MB";

    /// Takes a name as it was sent.
    ///
    /// # Errors
    /// [`FieldError`] if it is over 20 characters or has a NUL.
    pub fn parse(name: &str) -> Result<Self, FieldError> {
        let characters = name.chars().count();
        if characters > MAX_FORMAT_CHARACTERS {
            return Err(FieldError {
                field: "encryption_type",
                message: format!(
                    "at most {MAX_FORMAT_CHARACTERS} characters are allowed, {characters} were sent"
                ),
            });
        }
        no_nul("encryption_type", name)?;
        Ok(Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for EncryptionFormat {
    fn default() -> Self {
        Self(Self::AES_CBC.to_owned())
    }
}

impl fmt::Debug for EncryptionFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptionFormat({:?})", self.0)
    }
}

/// What the uploader says of a document. The name is data, never a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentMetadata {
    name: String,
    content_length: i64,
    content_type: String,
    compressed: bool,
    format: EncryptionFormat,
}

impl DocumentMetadata {
    /// Checks every field, and answers all that is wrong at once.
    ///
    /// # Errors
    /// A [`FieldError`] for each field that breaks a rule: `name` has at most 4,096 bytes,
    /// `content_length` (bytes of plaintext) is from 0 to 2^63-1, `content_type` has at most
    /// 1,000 characters, and no text has U+0000, which PostgreSQL cannot keep.
    pub fn new(
        name: &str,
        content_length: i64,
        content_type: &str,
        compressed: bool,
        format: EncryptionFormat,
    ) -> Result<Self, Vec<FieldError>> {
        let checks = [
            check_name(name),
            check_length(content_length),
            check_type(content_type),
        ];
        let errors: Vec<_> = checks.into_iter().filter_map(Result::err).collect();
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            name: name.to_owned(),
            content_length,
            content_type: content_type.to_owned(),
            compressed,
            format,
        })
    }

    /// The name, as sent.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes of plaintext, as the client says.
    #[must_use]
    pub fn content_length(&self) -> i64 {
        self.content_length
    }

    /// The content type, as sent.
    #[must_use]
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    /// Whether the client says it compressed the content.
    #[must_use]
    pub fn compressed(&self) -> bool {
        self.compressed
    }

    /// How the client encrypted it.
    #[must_use]
    pub fn format(&self) -> &EncryptionFormat {
        &self.format
    }
}

fn check_name(name: &str) -> Result<(), FieldError> {
    if name.len() > MAX_NAME_BYTES {
        return Err(FieldError {
            field: "name",
            message: format!(
                "at most {MAX_NAME_BYTES} bytes are allowed, {} were sent",
                name.len()
            ),
        });
    }
    no_nul("name", name)
}

fn check_length(content_length: i64) -> Result<(), FieldError> {
    if content_length < 0 {
        return Err(FieldError {
            field: "content_length",
            message: format!(
                "a length from 0 to {} is needed, {content_length} was sent",
                i64::MAX
            ),
        });
    }
    Ok(())
}

fn check_type(content_type: &str) -> Result<(), FieldError> {
    let characters = content_type.chars().count();
    if characters > MAX_CONTENT_TYPE_CHARACTERS {
        return Err(FieldError {
            field: "content_type",
            message: format!(
                "at most {MAX_CONTENT_TYPE_CHARACTERS} characters are allowed, {characters} were sent"
            ),
        });
    }
    no_nul("content_type", content_type)
}

fn no_nul(field: &'static str, text: &str) -> Result<(), FieldError> {
    if text.contains('\0') {
        return Err(FieldError {
            field,
            message: "the character U+0000 is not allowed".to_owned(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(name: &str, length: i64, kind: &str) -> Result<DocumentMetadata, Vec<FieldError>> {
        DocumentMetadata::new(name, length, kind, false, EncryptionFormat::default())
    }

    #[test]
    fn odd_names_are_data() {
        for name in ["", "../../x", "con", "\u{202e}gpj.exe", &"é".repeat(2048)] {
            assert_eq!(metadata(name, 0, "").unwrap().name(), name);
        }
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let errors = metadata(&"x".repeat(4097), -1, &"é".repeat(1001)).unwrap_err();
        let fields: Vec<_> = errors.iter().map(|error| error.field).collect();
        assert_eq!(fields, ["name", "content_length", "content_type"]);
        assert_eq!(metadata("a\0", i64::MAX, "\0").unwrap_err().len(), 2);
        assert!(metadata("a", i64::MAX, &"é".repeat(1000)).is_ok());
    }

    #[test]
    fn formats_are_counted_in_characters() {
        assert!(EncryptionFormat::parse(&"é".repeat(20)).is_ok());
        assert!(EncryptionFormat::parse(&"x".repeat(21)).is_err());
        assert!(EncryptionFormat::parse("\0").is_err());
        assert_eq!(EncryptionFormat::default().as_str(), "AES|CBC");
    }
}
