//! PUT and GET of objects by presigned URL: a bare client, without credentials.

use super::answer::{REQUEST_ID, id_in};
use super::{Transport, network};
use crate::error::{Error, NetworkFailure};
use bytes::Bytes;
use crypt_keeper_api::PresignedUrl;
use crypt_keeper_secret::ExposeSecret;
use futures_util::Stream;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, IF_MATCH, RANGE};
use reqwest::{Body, Method, Response, StatusCode, Url};
use std::io;
use tokio::sync::watch;

/// Longest error body of a store that is read, in bytes.
const MAX_ERROR_BYTES: usize = 64 << 10;
/// Header in which an S3 store names a request.
const STORE_REQUEST_ID: &str = "x-amz-request-id";

/// Why a PUT did not succeed.
#[derive(Debug)]
pub(crate) struct PutFailure {
    pub(crate) error: Error,
    /// Whether another attempt could end otherwise.
    pub(crate) may_pass: bool,
}

/// An object on its way in.
#[derive(Debug)]
pub(crate) struct ObjectBody {
    url: Url,
    response: Response,
    /// Length of the whole object, in bytes, where the store says it.
    pub(crate) total: Option<u64>,
    /// The store's mark of this very content.
    pub(crate) etag: Option<String>,
}

impl Transport {
    /// Sends an object of exactly `length` bytes. `moved` changes whenever a part of the body was
    /// taken by the network; its sender is dropped with the body.
    ///
    /// Only `host` is signed, so nothing is sent but the length: a content type would be stored.
    pub(crate) async fn put_object<S>(
        &self,
        url: &PresignedUrl,
        length: u64,
        body: S,
        mut moved: watch::Receiver<u64>,
    ) -> Result<(), PutFailure>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let lasting = |error| PutFailure {
            error,
            may_pass: false,
        };
        let url = self.store_url(url).map_err(lasting)?;
        let sending = self
            .request(Method::PUT, &url)
            .header(CONTENT_LENGTH, length)
            .body(Body::wrap_stream(body))
            .send();
        tokio::pin!(sending);
        let mut limit = self.patience().idle;
        let response = loop {
            tokio::select! {
                sent = &mut sending => break sent.map_err(|error| NetworkFailure::of(&error)),
                changed = moved.changed() => match changed {
                    Ok(()) => {}
                    // All was handed over. Until the store has it safe it may well be silent.
                    Err(_) => {
                        limit = self.patience().confirm;
                        match tokio::time::timeout(limit, &mut sending).await {
                            Ok(sent) => break sent.map_err(|error| NetworkFailure::of(&error)),
                            Err(_) => break Err(NetworkFailure::silent_for(limit)),
                        }
                    }
                },
                () = tokio::time::sleep(limit) => break Err(NetworkFailure::silent_for(limit)),
            }
        };
        let response = response.map_err(|failure| PutFailure {
            may_pass: failure.may_pass(),
            error: network(&url, failure),
        })?;
        tracing::debug!(status = response.status().as_u16(), "PUT of the object");
        match response.status() {
            status if status.is_success() => Ok(()),
            status if status.is_redirection() => Err(lasting(network(
                &url,
                NetworkFailure::redirected(status.as_u16()),
            ))),
            status => Err(PutFailure {
                error: self.store_refusal(&url, response).await,
                may_pass: status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS,
            }),
        }
    }

    /// Asks for an object from its byte `from` on. `etag` names the content the bytes before came
    /// from: another one is refused, not appended.
    pub(crate) async fn get_object(
        &self,
        url: &PresignedUrl,
        from: u64,
        etag: Option<&str>,
    ) -> Result<ObjectBody, Error> {
        let url = self.store_url(url)?;
        let mut request = self.request(Method::GET, &url);
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
            if let Some(etag) = etag {
                request = request.header(IF_MATCH, etag);
            }
        }
        let response = self.send(&url, request).await?;
        match response.status() {
            StatusCode::OK if from == 0 => {
                let total = length_in(response.headers());
                Ok(ObjectBody::new(url, response, total))
            }
            StatusCode::PARTIAL_CONTENT if from > 0 => match range_in(response.headers()) {
                Some((start, total)) if start == from => {
                    Ok(ObjectBody::new(url, response, Some(total)))
                }
                _ => Err(Error::Altered(
                    "the store sent another part of it".to_owned(),
                )),
            },
            StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE if from > 0 => Err(
                Error::Altered("it was replaced while it was downloaded".to_owned()),
            ),
            status if status.is_redirection() => {
                Err(network(&url, NetworkFailure::redirected(status.as_u16())))
            }
            _ => Err(self.store_refusal(&url, response).await),
        }
    }

    /// The next bytes of an object; `None` at its end.
    pub(crate) async fn next_of(&self, object: &mut ObjectBody) -> Result<Option<Bytes>, Error> {
        self.next_chunk(&object.url, &mut object.response).await
    }

    fn store_url(&self, url: &PresignedUrl) -> Result<Url, Error> {
        let parsed = Url::parse(url.expose_secret())
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| Error::UnexpectedAnswer {
                address: self.service.to_string(),
                problem: "the address of the object is no URL".to_owned(),
                request_id: None,
            })?;
        self.plain_http
            .check(&parsed, "the right to read or write the document")?;
        Ok(parsed)
    }

    async fn store_refusal(&self, url: &Url, mut response: Response) -> Error {
        let status = response.status().as_u16();
        let request_id = id_in(response.headers(), STORE_REQUEST_ID)
            .or_else(|| id_in(response.headers(), REQUEST_ID));
        let mut body = Vec::new();
        while body.len() < MAX_ERROR_BYTES {
            match self.next_chunk(url, &mut response).await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                _ => break,
            }
        }
        Error::Store {
            status,
            code: error_code(&body),
            request_id,
        }
    }
}

impl ObjectBody {
    fn new(url: Url, response: Response, total: Option<u64>) -> Self {
        let etag = response
            .headers()
            .get(ETAG)
            .and_then(|etag| etag.to_str().ok());
        // A weak mark does not promise the same bytes.
        let etag = etag
            .filter(|etag| !etag.starts_with("W/"))
            .map(str::to_owned);
        Self {
            url,
            response,
            total,
            etag,
        }
    }
}

fn length_in(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// First byte and whole length of `bytes 5-9/10`.
fn range_in(headers: &HeaderMap) -> Option<(u64, u64)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, total.trim().parse().ok()?))
}

/// `<Code>AccessDenied</Code>` of an S3 error body, if it looks like a code.
fn error_code(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let plain = code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_an_s3_error_is_found() {
        let body =
            b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>m</Message></Error>";
        assert_eq!(error_code(body).as_deref(), Some("AccessDenied"));
        assert_eq!(error_code(b"<Code>a b\x1b</Code>"), None);
        assert_eq!(error_code(b""), None);
    }

    #[test]
    fn ranges_are_read() {
        let range = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(
                CONTENT_RANGE,
                reqwest::header::HeaderValue::from_static(text),
            );
            range_in(&headers)
        };
        assert_eq!(range("bytes 5-9/10"), Some((5, 10)));
        assert_eq!(range("bytes */10"), None);
        assert_eq!(range("bytes 5-9/*"), None);
    }
}
