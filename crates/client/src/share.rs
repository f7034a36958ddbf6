//! Sharing: give others access, see who has it.

use crate::client::Client;
use crate::document_id::DocumentId;
use crate::error::{Asked, Error};
use crate::transport::Repeat;
use crypt_keeper_api::v1::{self, ShareRequest, ShareResponse, SharesResponse};
use reqwest::StatusCode;

impl Client {
    /// Gives a user access to a document. Doing so twice changes nothing.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::DocumentNotFound`]; [`Error::Unauthorized`] unless the
    /// caller owns the document.
    pub async fn share(&self, id: DocumentId, user: &str) -> Result<ShareResponse, Error> {
        let request = ShareRequest {
            document_id: id.to_string(),
            username: user.to_owned(),
        };
        let body =
            serde_json::to_vec(&request).map_err(|error| Error::Internal(error.to_string()))?;
        let answer = self
            .transport()
            .post(&v1::share_path(), body, Repeat::Harmless)
            .await?;
        if answer.status == StatusCode::BAD_REQUEST {
            let request_id = answer.request_id.clone();
            return Err(if says(&answer.body, v1::error::INVALID_USER) {
                Error::UserNotFound {
                    user: user.to_owned(),
                    request_id,
                }
            } else if says(&answer.body, v1::error::INVALID_DOCUMENT) {
                Error::DocumentNotFound {
                    id: id.to_string(),
                    request_id,
                }
            } else {
                answer.refusal(Asked::Share(id.to_string()))
            });
        }
        answer.read(StatusCode::CREATED, Asked::Share(id.to_string()))
    }

    /// Who has access to a document: the owner first, then in order of sharing.
    ///
    /// # Errors
    /// [`Error::DocumentNotFound`]; [`Error::Unauthorized`] unless the caller owns the document.
    pub async fn shares(&self, id: DocumentId) -> Result<SharesResponse, Error> {
        let answer = self.transport().get(&v1::share_path_of(id)).await?;
        if answer.status == StatusCode::BAD_REQUEST
            && says(&answer.body, v1::error::INVALID_DOCUMENT)
        {
            let request_id = answer.request_id;
            return Err(Error::DocumentNotFound {
                id: id.to_string(),
                request_id,
            });
        }
        answer.read(StatusCode::OK, Asked::Share(id.to_string()))
    }
}

/// Version 1 answers 400 to all that is not found here, and tells them apart by words alone.
fn says(body: &[u8], words: &str) -> bool {
    v1::error::message_of(body).as_deref() == Some(words)
}
