//! Sharing: who else may download a document.

use serde::{Deserialize, Serialize};

/// Body of `POST share/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareRequest {
    /// Which document.
    pub document_id: String,
    /// Who gets access.
    pub username: String,
}

/// Answer (201) to `POST share/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareResponse {
    /// The id as it was sent.
    pub document_id: String,
    /// [`super::share_path_of`] this document; also the `Location`.
    pub resource_uri: String,
    /// Who got access.
    pub username: String,
}

/// Answer (200) to `GET share/<id>/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharesResponse {
    /// The id as it was asked for.
    pub document_id: String,
    /// [`super::share_path_of`] this document.
    pub resource_uri: String,
    /// The owner first, then in order of sharing.
    pub users: Vec<String>,
}
