//! Version 1 and an object store, in memory.

use super::http::{self, Request, Response, Stream};
use super::objects;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypt_keeper_crypto::{DocumentKey, document};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::io::BufReader;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const BASE: &str = "/api/v1/secure_document_service";
/// Bytes of each body that are kept: enough to tell headers of objects apart.
const NOTED_BYTES: usize = 2048;
/// What no log, error or debug line may hold.
pub(crate) const SIGNATURE: &str = "3c1f9a-signature-of-a-presigned-url";
pub(crate) const ALICE_KEY: &str = "ck_aaaaaaaaaaaa_alicealicealicealicealicealicealicealicealice";
pub(crate) const BOB_KEY: &str = "ck_bbbbbbbbbbbb_bobbobbobbobbobbobbobbobbobbobbobbobbobbobbobb";

/// What goes wrong with the next request that matches.
#[derive(Clone)]
pub(crate) enum Fault {
    /// It is answered so.
    Answer(Response),
    /// It is answered so before its body is read.
    AnswerEarly(Response),
    /// Something happens when the request has arrived; then the connection is closed.
    CloseAfter(Arc<dyn Fn() + Send + Sync>),
    /// The connection is closed when the request has arrived.
    Close,
    /// Only so many bytes of the answer's body arrive.
    CutAfter(usize),
    /// Nothing comes for so long.
    Silence(Duration),
    /// Only so many bytes of the answer's body arrive, then nothing for so long.
    SilenceAfter(usize, Duration),
}

#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) owner: String,
    pub(crate) shared: Vec<String>,
    pub(crate) metadata: Value,
    pub(crate) key: [u8; 32],
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) documents: BTreeMap<String, Document>,
    pub(crate) objects: BTreeMap<String, Vec<u8>>,
    pub(crate) requests: Vec<Request>,
    faults: VecDeque<(String, Fault)>,
    made: u8,
    /// Whether a PUT to an object that exists is refused.
    pub(crate) create_only: bool,
}

pub(crate) struct Service {
    pub(crate) url: String,
    pub(crate) state: Arc<Mutex<State>>,
}

impl Service {
    pub(crate) fn start() -> Self {
        Self::on_streams("http", |socket| Box::new(socket))
    }

    /// Over TLS, with a certificate for 127.0.0.1 of an authority of its own; answers that one's
    /// certificate too, as PEM.
    pub(crate) fn start_with_tls() -> (Self, String) {
        let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let pem = certified.cert.pem();
        let key = rustls_pki_types::PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key.into())
            .unwrap();
        let config = Arc::new(config);
        let service = Self::on_streams("https", move |socket| {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            Box::new(rustls::StreamOwned::new(connection, socket))
        });
        (service, pem)
    }

    fn on_streams(
        scheme: &str,
        stream: impl Fn(TcpStream) -> Box<dyn Stream> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let (origin, shared) = (url.clone(), Arc::clone(&state));
        thread::spawn(move || {
            let stream = Arc::new(stream);
            for socket in listener.incoming().map_while(Result::ok) {
                let (origin, shared, stream) =
                    (origin.clone(), Arc::clone(&shared), Arc::clone(&stream));
                thread::spawn(move || serve(stream(socket), &origin, &shared));
            }
        });
        Self { url, state }
    }

    /// Makes the next request whose `METHOD /path` starts so go wrong.
    pub(crate) fn fault(&self, request: &str, fault: Fault) {
        self.state
            .lock()
            .unwrap()
            .faults
            .push_back((request.to_owned(), fault));
    }

    /// Puts a document there as another client would have.
    pub(crate) fn plant(&self, name: &str, encryption_type: &str, plaintext: &[u8]) -> String {
        let mut state = self.state.lock().unwrap();
        let (id, key) = state.fresh();
        let metadata = json!({
            "name": name, "content_length": plaintext.len(), "content_type": "text/plain",
            "compressed": false, "encryption_type": encryption_type,
        });
        let document_key = DocumentKey::new(Box::new(key));
        let raw_id = *uuid::Uuid::parse_str(&id).unwrap().as_bytes();
        let object = match encryption_type {
            "AES|CBC" => {
                let mut encryptor = crypt_keeper_crypto::CbcEncryptor::new(&document_key).unwrap();
                let (mut left, mut object) = (plaintext, Vec::new());
                while let Some(part) = encryptor.push(&mut left).unwrap() {
                    object.extend_from_slice(part);
                }
                object.extend_from_slice(&encryptor.finish().unwrap());
                object
            }
            _ => document::encrypt(&document_key, &raw_id, plaintext).unwrap(),
        };
        state.objects.insert(id.clone(), object);
        let document = Document {
            owner: "alice".to_owned(),
            shared: vec![],
            metadata,
            key,
        };
        state.documents.insert(id.clone(), document);
        id
    }

    /// The decrypted content of an object that a client put there.
    pub(crate) fn content(&self, id: &str) -> Vec<u8> {
        let state = self.state.lock().unwrap();
        let key = DocumentKey::new(Box::new(state.documents[id].key));
        let raw_id = *uuid::Uuid::parse_str(id).unwrap().as_bytes();
        document::decrypt(&key, &raw_id, &state.objects[id]).unwrap()
    }

    pub(crate) fn requests(&self, start: &str) -> Vec<Request> {
        let state = self.state.lock().unwrap();
        let matching = |request: &&Request| line(request).starts_with(start);
        state.requests.iter().filter(matching).cloned().collect()
    }

    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap())
    }
}

fn line(request: &Request) -> String {
    format!("{} {}", request.method, request.path)
}

impl State {
    fn fresh(&mut self) -> (String, [u8; 32]) {
        self.made += 1;
        // Keys that are easy to search for in what must not hold them.
        (
            format!("0190a3c4-7c1e-7000-8a3b-0000000000{:02x}", self.made),
            [0xa0 + self.made; 32],
        )
    }

    pub(crate) fn forget_faults(&mut self) {
        self.faults.clear();
    }

    fn take_fault(&mut self, request: &Request) -> Option<Fault> {
        let line = line(request);
        let at = self
            .faults
            .iter()
            .position(|(start, _)| line.starts_with(start.as_str()))?;
        self.faults.remove(at).map(|(_, fault)| fault)
    }
}

/// Answers what comes over one connection; it is closed when this returns.
fn serve(stream: Box<dyn Stream>, origin: &str, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    while let Ok(Some(mut request)) = http::read_head(&mut reader) {
        let fault = state.lock().unwrap().take_fault(&request);
        if let Some(Fault::AnswerEarly(response)) = &fault {
            http::write(reader.get_mut(), response, None).unwrap();
        }
        if http::read_body(&mut reader, &mut request).is_err() {
            break;
        }
        let mut noted = request.clone();
        noted.body.truncate(NOTED_BYTES);
        state.lock().unwrap().requests.push(noted);
        let mut cut_after = None;
        let mut silence = Duration::ZERO;
        let response = match fault {
            Some(Fault::Answer(response)) => response,
            Some(Fault::AnswerEarly(_)) => continue,
            Some(Fault::Close) => break,
            Some(Fault::CloseAfter(act)) => {
                act();
                break;
            }
            Some(Fault::Silence(time)) => {
                thread::sleep(time);
                break;
            }
            Some(Fault::CutAfter(bytes)) => {
                cut_after = Some(bytes);
                answer(request, origin, &mut state.lock().unwrap())
            }
            Some(Fault::SilenceAfter(bytes, time)) => {
                (cut_after, silence) = (Some(bytes), time);
                answer(request, origin, &mut state.lock().unwrap())
            }
            None => answer(request, origin, &mut state.lock().unwrap()),
        };
        let written = http::write(reader.get_mut(), &response, cut_after);
        thread::sleep(silence);
        if written.is_err() || cut_after.is_some() {
            break;
        }
    }
}

fn answer(request: Request, origin: &str, state: &mut State) -> Response {
    if let Some(id) = request.path.strip_prefix("/objects/") {
        let id = id.to_owned();
        return objects::answer(request, &id, state);
    }
    let Some(resource) = request.path.strip_prefix(BASE) else {
        return Response::new(404, "<html>nothing here</html>");
    };
    let user = match request.header("authorization").strip_prefix("ApiKey ") {
        Some(credentials) if credentials == format!("alice:{ALICE_KEY}") => "alice",
        Some(credentials) if credentials == format!("bob:{BOB_KEY}") => "bob",
        _ => return Response::new(401, "").with("x-request-id", "req-401"),
    };
    let words: Vec<&str> = resource.trim_matches('/').split('/').collect();
    let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    let (status, value) = match (request.method.as_str(), words.as_slice()) {
        ("POST", ["upload_url"]) => upload(user, &body, origin, state),
        ("GET", ["download_url", id]) => download(user, id, origin, state),
        ("POST", ["share"]) => share(user, &body, state),
        ("GET", ["share", id]) => shares(user, id, state),
        _ => (405, Value::Null),
    };
    let text = if value.is_null() {
        String::new()
    } else {
        value.to_string()
    };
    Response::new(status, text)
        .with("content-type", "application/json")
        .with("x-request-id", format!("req-{status}"))
}

fn upload(user: &str, body: &Value, origin: &str, state: &mut State) -> (u16, Value) {
    let metadata = body["document_metadata"].clone();
    let (id, key) = state.fresh();
    let answer = json!({
        "document_id": id,
        "document_metadata": metadata,
        "resource_uri": format!("{BASE}/upload_url/{id}/"),
        "single_use_url": format!("{origin}/objects/{id}?X-Amz-Signature={SIGNATURE}"),
        "symmetric_key": STANDARD.encode(key),
    });
    state.documents.insert(
        id,
        Document {
            owner: user.to_owned(),
            shared: vec![],
            metadata,
            key,
        },
    );
    (201, answer)
}

fn download(user: &str, id: &str, origin: &str, state: &State) -> (u16, Value) {
    let Some(document) = state.documents.get(id) else {
        return (404, Value::Null);
    };
    if document.owner != user && !document.shared.iter().any(|name| name == user) {
        return (401, Value::Null);
    }
    let mut metadata = document.metadata.clone();
    metadata["content_length"] = json!(metadata["content_length"].to_string());
    let answer = json!({
        "document_id": id,
        "document_metadata": metadata,
        "resource_uri": format!("{BASE}/download_url/{id}/"),
        "single_use_url": format!("{origin}/objects/{id}?X-Amz-Signature={SIGNATURE}"),
        "symmetric_key": STANDARD.encode(document.key),
    });
    (200, answer)
}

fn share(user: &str, body: &Value, state: &mut State) -> (u16, Value) {
    let id = body["document_id"].as_str().unwrap_or_default().to_owned();
    let name = body["username"].as_str().unwrap_or_default().to_owned();
    let error = |words: &str| (400, json!({ "secure_document_service/share": words }));
    let Some(document) = state.documents.get_mut(&id) else {
        return error("Must provide a valid document id.");
    };
    if document.owner != user {
        return (401, Value::Null);
    }
    if !["alice", "bob"].contains(&name.as_str()) {
        return error("Must provide a valid username.");
    }
    if document.owner != name && !document.shared.contains(&name) {
        document.shared.push(name.clone());
    }
    let uri = format!("{BASE}/share/{id}/");
    (
        201,
        json!({ "document_id": id, "resource_uri": uri, "username": name }),
    )
}

fn shares(user: &str, id: &str, state: &State) -> (u16, Value) {
    let Some(document) = state.documents.get(id) else {
        return (400, json!("Must provide a valid document id."));
    };
    if document.owner != user {
        return (401, Value::Null);
    }
    let mut users = vec![document.owner.clone()];
    users.extend(document.shared.iter().cloned());
    let uri = format!("{BASE}/share/{id}/");
    (
        200,
        json!({ "document_id": id, "resource_uri": uri, "users": users }),
    )
}
