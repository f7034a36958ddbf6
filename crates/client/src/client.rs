//! A service, as one user sees it.

use crate::config::Settings;
use crate::document_id::DocumentId;
use crate::error::{Asked, Error};
use crate::transport::{Patience, Transport};
use crypt_keeper_api::v1;
use reqwest::StatusCode;

/// Speaks to one service as one user. What it can do is in the files of its verbs: `upload`,
/// `download`, `share`.
#[derive(Debug)]
pub struct Client {
    transport: Transport,
}

impl Client {
    /// Prepares to speak to a service; nothing is sent.
    ///
    /// # Errors
    /// [`Error::SettingsFile`] if the file of certificates cannot be used, [`Error::Internal`] if
    /// TLS cannot be set up.
    pub fn new(settings: &Settings, patience: Patience) -> Result<Self, Error> {
        Ok(Self {
            transport: Transport::new(settings, patience)?,
        })
    }

    /// Tries the credentials, without any effect: asks for a document that cannot exist.
    ///
    /// # Errors
    /// [`Error::Unauthorized`] if they are wrong, and those of the network.
    pub async fn check_credentials(&self) -> Result<(), Error> {
        let nowhere = DocumentId::random()?;
        let answer = self
            .transport
            .get(&v1::download_url_path_of(nowhere))
            .await?;
        match answer.status {
            // A server that is none of ours answers 404 to everything, but with a page of its own.
            StatusCode::NOT_FOUND if answer.body.is_empty() => Ok(()),
            StatusCode::NOT_FOUND => Err(answer.unexpected("it has no such resource (404)")),
            _ => Err(answer.refusal(Asked::Anything)),
        }
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.transport
    }
}
