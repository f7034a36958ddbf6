//! Bodies of refusals. A 401 and a 404 of version 1 have none.

use serde_json::{Value, json};

/// What is said when nothing more may be said.
pub const CANNED_MESSAGE: &str =
    "Sorry, this request could not be processed. Please try again later.";
/// The body was no JSON.
pub const NOT_JSON: &str = "Request is not valid JSON.";

/// No active user has the name that a document was to be shared with.
pub const INVALID_USER: &str = "Must provide a valid username.";
/// There is no document of the id that was to be shared or listed.
pub const INVALID_DOCUMENT: &str = "Must provide a valid document id.";

/// `{"error_message": "Sorry, ..."}`: the answer to failures whose details go to the log.
#[must_use]
pub fn canned() -> Value {
    json!({ "error_message": CANNED_MESSAGE })
}

/// `{"error": "Request is not valid JSON."}`.
#[must_use]
pub fn not_json() -> Value {
    json!({ "error": NOT_JSON })
}

/// `{"secure_document_service/<resource>": errors}`: a request that was understood and refused.
#[must_use]
pub fn resource_error(resource: &str, errors: impl Into<Value>) -> Value {
    let mut body = serde_json::Map::with_capacity(1);
    body.insert(format!("secure_document_service/{resource}"), errors.into());
    Value::Object(body)
}

/// Reads the words meant for people out of any refusal of version 1, problem+json (RFC 9457)
/// included; `None` where there are none.
///
/// The words come from the other side: escape them before they reach a terminal.
#[must_use]
pub fn message_of(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let mut words = Vec::new();
    collect(&value, None, &mut words);
    (!words.is_empty()).then(|| words.join(" "))
}

fn collect(value: &Value, field: Option<&str>, words: &mut Vec<String>) {
    match value {
        Value::String(text) => words.push(match field {
            Some(field) => format!("{field}: {text}"),
            None => text.clone(),
        }),
        Value::Array(items) => items.iter().for_each(|item| collect(item, field, words)),
        Value::Object(fields) => {
            if let Some(detail) = fields.get("detail").or_else(|| fields.get("title")) {
                return collect(detail, field, words);
            }
            for (name, item) in fields {
                // The envelope's own names say nothing; a field's name does, unless the message
                // already quotes it.
                let envelope = name == "error"
                    || name == "error_message"
                    || name == "__all__"
                    || name.starts_with("secure_document_service/")
                    || item
                        .as_str()
                        .is_some_and(|text| text.contains(name.as_str()));
                collect(
                    item,
                    if envelope { None } else { Some(name.as_str()) },
                    words,
                );
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(body: &Value) -> Option<String> {
        message_of(body.to_string().as_bytes())
    }

    #[test]
    fn the_words_of_every_envelope_are_found() {
        assert_eq!(words(&canned()).as_deref(), Some(CANNED_MESSAGE));
        assert_eq!(words(&not_json()).as_deref(), Some(NOT_JSON));
        let all = resource_error("upload_url", json!({"__all__": "Must provide metadata."}));
        assert_eq!(words(&all).as_deref(), Some("Must provide metadata."));
        let field = "Document metadata must have field: name";
        let fields = resource_error("upload_url", json!({"compressed": "odd", "name": field}));
        assert_eq!(words(&fields), Some(format!("compressed: odd {field}")));
        let share = resource_error("share", "Must provide username.");
        assert_eq!(words(&share).as_deref(), Some("Must provide username."));
        assert_eq!(words(&json!("bare")).as_deref(), Some("bare"));
        let problem = json!({"type": "about:blank", "title": "Full", "detail": "disk is full"});
        assert_eq!(words(&problem).as_deref(), Some("disk is full"));
    }

    #[test]
    fn bodies_without_words_have_none() {
        assert_eq!(message_of(b""), None);
        assert_eq!(message_of(b"<html>"), None);
        assert_eq!(message_of(b"{}"), None);
        assert_eq!(message_of(b"[1, null]"), None);
    }
}
