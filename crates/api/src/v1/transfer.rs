//! Upload and download: where the bytes go, and the key they are encrypted under.

use super::{NewDocumentMetadata, StoredDocumentMetadata};
use crate::{PresignedUrl, WireKey};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Body of `POST upload_url/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadRequest {
    /// What is announced.
    pub document_metadata: NewDocumentMetadata,
    /// The name of the retention class it is to be of; `None`: the uploader's default, or else the
    /// service's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<String>,
}

/// Answer (201) to `POST upload_url/`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UploadResponse {
    /// The document's id, a UUID in its canonical form.
    pub document_id: String,
    /// Echo of what was sent, unknown keys included.
    #[serde(default)]
    pub document_metadata: Map<String, Value>,
    /// [`super::upload_url_path_of`] this document; also the `Location`.
    pub resource_uri: String,
    /// Presigned PUT of the object. Only `host` is signed.
    pub single_use_url: PresignedUrl,
    /// The key to encrypt under.
    pub symmetric_key: WireKey,
}

/// Answer (200) to `GET download_url/<id>/`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DownloadResponse {
    /// The document's id, a UUID in its canonical form.
    pub document_id: String,
    /// What was announced.
    pub document_metadata: StoredDocumentMetadata,
    /// [`super::download_url_path_of`] this document.
    pub resource_uri: String,
    /// Presigned GET of the object.
    pub single_use_url: PresignedUrl,
    /// The key it was encrypted under.
    pub symmetric_key: WireKey,
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";

    #[test]
    fn an_upload_answer_is_read_whatever_the_order_of_its_keys() {
        let text = format!(
            r#"{{"symmetric_key":"{KEY}","single_use_url":"http://s/o?sig=1","document_id":"d",
                "resource_uri":"/r/","document_metadata":{{"name":"a","mine":[1]}},"later":1}}"#
        );
        let answer: UploadResponse = serde_json::from_str(&text).unwrap();
        assert_eq!(answer.document_id, "d");
        assert_eq!(answer.document_metadata["mine"], serde_json::json!([1]));
        let written = serde_json::to_value(&answer).unwrap();
        assert_eq!(written["symmetric_key"], KEY);
        assert_eq!(written["single_use_url"], "http://s/o?sig=1");
    }

    #[test]
    fn a_request_without_a_retention_class_is_as_it_was_before_there_were_any() {
        let mut request = UploadRequest {
            document_metadata: NewDocumentMetadata {
                name: "a".to_owned(),
                content_length: 1,
                content_type: String::new(),
                compressed: false,
                encryption_type: String::new(),
            },
            retention: None,
        };
        let members = |request: &UploadRequest| {
            let written = serde_json::to_value(request).unwrap();
            let members: Vec<_> = written.as_object().unwrap().keys().cloned().collect();
            members
        };
        assert_eq!(members(&request), ["document_metadata"]);
        request.retention = Some("short".to_owned());
        assert_eq!(members(&request), ["document_metadata", "retention"]);
    }

    #[test]
    fn debug_of_an_answer_holds_neither_key_nor_signature() {
        let text = format!(
            r#"{{"symmetric_key":"{KEY}","single_use_url":"http://s/o?sig=1","document_id":"d",
                "resource_uri":"/r/","document_metadata":{{"name":"a","content_length":"1",
                "content_type":"","compressed":false,"encryption_type":""}}}}"#
        );
        let answer: DownloadResponse = serde_json::from_str(&text).unwrap();
        let shown = format!("{answer:?}");
        assert!(!shown.contains("sig=1") && !shown.contains("65, 65") && !shown.contains("QUFB"));
        assert!(shown.contains("http://s/o"), "{shown}");
    }
}
