//! An object on its way in, over as many connections as it takes.

use crate::client::Client;
use crate::document_id::DocumentId;
use crate::error::Error;
use crate::transport::{Backoff, ObjectBody};
use bytes::Bytes;
use crypt_keeper_api::PresignedUrl;

pub(crate) struct Fetch<'a> {
    client: &'a Client,
    document_id: DocumentId,
    url: PresignedUrl,
    body: Option<ObjectBody>,
    /// The content that the bytes so far came from.
    etag: Option<String>,
    received: u64,
    total: Option<u64>,
    backoff: Backoff,
    renewed: bool,
}

impl<'a> Fetch<'a> {
    pub(crate) fn new(client: &'a Client, document_id: DocumentId, url: PresignedUrl) -> Self {
        let backoff = Backoff::new(*client.transport().patience());
        Self {
            client,
            document_id,
            url,
            body: None,
            etag: None,
            received: 0,
            total: None,
            backoff,
            renewed: false,
        }
    }

    /// Opens, or opens again where it broke off, and answers the length of the whole object where
    /// the store says it.
    pub(crate) async fn open(&mut self) -> Result<Option<u64>, Error> {
        loop {
            let transport = self.client.transport();
            let error = match transport
                .get_object(&self.url, self.received, self.etag.as_deref())
                .await
            {
                Ok(body) => {
                    if self.received == 0 {
                        self.etag.clone_from(&body.etag);
                        self.total = body.total;
                    } else if body.total != self.total {
                        return Err(Error::Altered("its length changed on the way".to_owned()));
                    }
                    self.body = Some(body);
                    return Ok(self.total);
                }
                Err(error) => error,
            };
            match error {
                Error::Store { status: 404, .. } => {
                    return Err(Error::ContentMissing(self.document_id.to_string()));
                }
                // A URL lives for minutes, a download may take hours.
                Error::Store { status: 403, .. } if self.received > 0 && !self.renewed => {
                    self.renewed = true;
                    self.url = self
                        .client
                        .ask_download(self.document_id)
                        .await?
                        .single_use_url;
                }
                error if may_pass(&error) && self.backoff.wait(None).await => {
                    tracing::debug!("GET of the object failed ({error}); trying again");
                }
                error => return Err(error),
            }
        }
    }

    /// The next bytes of the object; `None` at its end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let Some(body) = &mut self.body else {
                self.open().await?;
                continue;
            };
            match self.client.transport().next_of(body).await {
                Ok(Some(bytes)) => {
                    self.received += bytes.len() as u64;
                    self.backoff = Backoff::new(*self.client.transport().patience());
                    self.renewed = false;
                    return Ok(Some(bytes));
                }
                Ok(None) => return Ok(None),
                Err(error) if may_pass(&error) && self.backoff.wait(None).await => {
                    tracing::debug!("{error} after {} bytes; going on", self.received);
                    self.body = None;
                    if self.total == Some(self.received) {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }
}

fn may_pass(error: &Error) -> bool {
    match error {
        Error::Network { failure, .. } => failure.may_pass(),
        Error::Store { status, .. } => *status >= 500 || *status == 429,
        _ => false,
    }
}
