//! The one HTTP client, and the exchanges with the service.
//!
//! Credentials go to the service's own origin and nowhere else: redirects are not followed, but
//! for a 308 within the origin (the service answers one to a path without its last slash), and what
//! goes to this machine in clear goes by no proxy. Bodies have no limit on their total time, only on
//! silence.

mod answer;
mod retry;
mod store;

use crate::address::{PlainHttp, ServiceUrl, is_plain_and_here, without_query};
use crate::config::Settings;
use crate::error::{Error, NetworkFailure, SettingsProblem};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{
    Certificate, Client, ClientBuilder, Method, RequestBuilder, Response, StatusCode, Url,
};
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroizing;

pub(crate) use answer::Answer;
pub(crate) use retry::Backoff;
pub use retry::Patience;
pub(crate) use store::{ObjectBody, PutFailure};

/// Longest answer of the service that is read, in bytes. A list of all who share a document is the
/// longest there is.
const MAX_ANSWER_BYTES: usize = 8 << 20;
/// Redirects within the origin that are followed.
const MAX_REDIRECTS: u32 = 3;

/// Whether a request may arrive twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// A second arrival changes nothing.
    Harmless,
    /// It is sent again only if the first cannot have been acted upon.
    OnlyIfUnheard,
}

#[derive(Debug)]
pub(crate) struct Transport {
    http: Client,
    /// For plain http to this machine. A proxy of the environment would carry it away in clear.
    here: Client,
    service: ServiceUrl,
    authorization: HeaderValue,
    plain_http: PlainHttp,
    patience: Patience,
}

impl Transport {
    pub(crate) fn new(settings: &Settings, patience: Patience) -> Result<Self, Error> {
        let http = http_client(settings.ca_file.as_deref(), &patience)?;
        let here = builder(&patience).no_proxy().tls_certs_only([]);
        Ok(Self {
            http,
            here: here.build().map_err(|error| set_up(&error))?,
            service: settings.service.clone(),
            authorization: settings.credentials.authorization()?,
            plain_http: settings.plain_http,
            patience,
        })
    }

    pub(crate) fn patience(&self) -> &Patience {
        &self.patience
    }

    /// Begins a request.
    fn request(&self, method: Method, url: &Url) -> RequestBuilder {
        let client = if is_plain_and_here(url) {
            &self.here
        } else {
            &self.http
        };
        client.request(method, url.clone())
    }

    /// Asks the service.
    pub(crate) async fn get(&self, path: &str) -> Result<Answer, Error> {
        self.ask(Method::GET, path, None, Repeat::Harmless).await
    }

    /// Sends a JSON body to the service.
    pub(crate) async fn post(
        &self,
        path: &str,
        body: Vec<u8>,
        repeat: Repeat,
    ) -> Result<Answer, Error> {
        self.ask(Method::POST, path, Some(body), repeat).await
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        repeat: Repeat,
    ) -> Result<Answer, Error> {
        let mut backoff = Backoff::new(self.patience);
        loop {
            match self.ask_once(&method, path, body.as_deref()).await {
                Ok(answer) => {
                    let again = match answer.status.as_u16() {
                        // Both say that nothing was done.
                        429 | 503 => true,
                        500 | 502 | 504 => repeat == Repeat::Harmless,
                        _ => false,
                    };
                    if !(again && backoff.wait(answer.retry_after).await) {
                        return Ok(answer);
                    }
                }
                Err(Error::Network { address, failure }) => {
                    let again = failure.may_pass()
                        && (repeat == Repeat::Harmless || failure.before_sending());
                    if !(again && backoff.wait(None).await) {
                        return Err(Error::Network { address, failure });
                    }
                    tracing::debug!("{address}: {failure}; trying again");
                }
                Err(other) => return Err(other),
            }
        }
    }

    async fn ask_once(
        &self,
        method: &Method,
        path: &str,
        body: Option<&[u8]>,
    ) -> Result<Answer, Error> {
        let mut url = self.service.at(path);
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self
                .request(method.clone(), &url)
                .header(AUTHORIZATION, self.authorization.clone());
            if let Some(body) = body {
                request = request
                    .header(CONTENT_TYPE, "application/json")
                    .body(body.to_vec());
            }
            let response = self.send(&url, request).await?;
            let status = response.status();
            if !status.is_redirection() {
                return self.read_answer(&url, response).await;
            }
            url = self.within_origin(&url, &response)?;
        }
        Err(network(
            &url,
            NetworkFailure::redirected(StatusCode::PERMANENT_REDIRECT.as_u16()),
        ))
    }

    /// Where a 308 leads, if that is the same origin.
    fn within_origin(&self, from: &Url, response: &Response) -> Result<Url, Error> {
        let target = response
            .headers()
            .get(LOCATION)
            .and_then(|location| location.to_str().ok())
            .and_then(|location| from.join(location).ok())
            .filter(|to| to.origin() == from.origin());
        match target {
            Some(url) if response.status() == StatusCode::PERMANENT_REDIRECT => Ok(url),
            _ => Err(network(
                from,
                NetworkFailure::redirected(response.status().as_u16()),
            )),
        }
    }

    /// Sends a request and waits for the head of its answer, not longer than patience lasts.
    async fn send(&self, url: &Url, request: RequestBuilder) -> Result<Response, Error> {
        let idle = self.patience.idle;
        match tokio::time::timeout(idle, request.send()).await {
            Err(_) => Err(network(url, NetworkFailure::silent_for(idle))),
            Ok(Err(error)) => Err(network(url, NetworkFailure::of(&error))),
            Ok(Ok(response)) => {
                tracing::debug!(
                    status = response.status().as_u16(),
                    "{}",
                    without_query(url)
                );
                Ok(response)
            }
        }
    }

    async fn read_answer(&self, url: &Url, mut response: Response) -> Result<Answer, Error> {
        let mut answer = Answer::of(url, &response);
        let announced = response
            .content_length()
            .and_then(|length| usize::try_from(length).ok());
        // Room from the start: a vector that grows leaves copies of a key behind.
        let mut body = Zeroizing::new(Vec::with_capacity(
            announced.unwrap_or(16 << 10).min(MAX_ANSWER_BYTES),
        ));
        while let Some(chunk) = self.next_chunk(url, &mut response).await? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(answer.unexpected("its answer is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        answer.body = body;
        Ok(answer)
    }

    async fn next_chunk(
        &self,
        url: &Url,
        response: &mut Response,
    ) -> Result<Option<bytes::Bytes>, Error> {
        let idle = self.patience.idle;
        match tokio::time::timeout(idle, response.chunk()).await {
            Err(_) => Err(network(url, NetworkFailure::silent_for(idle))),
            Ok(Err(error)) => Err(network(url, NetworkFailure::of(&error))),
            Ok(Ok(chunk)) => Ok(chunk),
        }
    }
}

fn network(url: &Url, failure: NetworkFailure) -> Error {
    Error::Network {
        address: without_query(url),
        failure,
    }
}

fn builder(patience: &Patience) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("ckc/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(patience.connect)
        .tcp_keepalive(Duration::from_secs(30))
}

fn set_up(error: &reqwest::Error) -> Error {
    let failure = NetworkFailure::of(error);
    Error::Internal(format!("TLS cannot be set up: {failure}"))
}

fn http_client(ca_file: Option<&Path>, patience: &Patience) -> Result<Client, Error> {
    let extra = ca_file.map(certificates).transpose()?.unwrap_or_default();
    match builder(patience).tls_certs_merge(extra).build() {
        Ok(client) => Ok(client),
        // A machine without any certificates can still speak plain http on loopback; of https it
        // is told that the certificate is not trusted, and what to do.
        Err(_) if ca_file.is_none() => builder(patience)
            .tls_certs_only([])
            .build()
            .map_err(|error| set_up(&error)),
        Err(error) => Err(set_up(&error)),
    }
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, Error> {
    let problem = |problem| Error::SettingsFile {
        path: path.to_owned(),
        problem,
    };
    let pem = std::fs::read(path).map_err(|error| problem(SettingsProblem::Unreadable(error)))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(problem(SettingsProblem::NoCertificate)),
    }
}
