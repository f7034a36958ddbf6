//! Answers that real servers give too seldom to wait for.

use std::sync::{Arc, Mutex};

use crypt_keeper_blobs_s3::{Fault, S3Blobs, S3Error};
use crypt_keeper_domain::memory::ManualClock;
use crypt_keeper_domain::model::ObjectPrefix;
use crypt_keeper_domain::ports::{BlobError, BlobStore};
use crypt_keeper_test_services::S3Access;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;

use crate::support::{config, now, object_key, sdk, words};

/// No status: the connection closes without an answer.
pub(crate) const CLOSES: u16 = 0;
/// The beginning of an answer whose end never comes.
const CUT: &str = "<ListVersionsResult>";

/// What is answered to the first line of a request.
pub(crate) type Script = fn(&str) -> (u16, &'static str);

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    head: String,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// A field of the head; its name in lower case, as the client sends them.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|field| field.0 == name).map(|field| field.1)
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    /// More fields of the head than any answer has.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }
}

/// A server that answers by a script, and remembers every request.
pub(crate) struct Scripted {
    pub(crate) blobs: S3Blobs,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Scripted {
    /// The first lines of the requests.
    pub(crate) fn requests(&self) -> Vec<String> {
        let received = self.received();
        received.iter().map(|it| it.line().to_owned()).collect()
    }

    pub(crate) fn received(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

pub(crate) async fn scripted(script: Script) -> Scripted {
    answered_by(move |request| {
        let (status, body) = script(request.line());
        Answer::new(status, body)
    })
    .await
}

pub(crate) async fn answered_by(
    script: impl Fn(&Request) -> Answer + Send + Sync + 'static,
) -> Scripted {
    let script = Arc::new(script);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let access = S3Access {
        server: "script",
        endpoint: format!("http://{}", listener.local_addr().unwrap()),
        region: "us-east-1".to_owned(),
        access_key: "AKID".to_owned(),
        secret_key: "SECRET".to_owned(),
    };
    let requests = Arc::default();
    let seen = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(answer(connection, Arc::clone(&script), Arc::clone(&seen)));
        }
    });
    let blobs = S3Blobs::connect_with(
        &config(&access, "documents"),
        &sdk(&access.access_key, &access.secret_key),
        Arc::new(ManualClock::new(now())),
        Handle::current(),
    );
    Scripted {
        blobs: blobs.unwrap(),
        requests,
    }
}

/// One request a connection; its body ends where the client has said all.
async fn answer(
    mut connection: TcpStream,
    script: Arc<impl Fn(&Request) -> Answer>,
    seen: Arc<Mutex<Vec<Request>>>,
) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    let complete = |request: &[u8]| {
        let text = String::from_utf8_lossy(request).to_ascii_lowercase();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let length = head.split("content-length: ").nth(1);
        let length = length.and_then(|it| it.split("\r\n").next()?.parse().ok());
        (body.len() >= length.unwrap_or(0)).then_some(())
    };
    while complete(&request).is_none() {
        match connection.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(read) => request.extend_from_slice(&buffer[..read]),
        }
    }
    let text = String::from_utf8_lossy(&request);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    let request = Request {
        head: head.to_owned(),
        body: body.to_owned(),
    };
    seen.lock().unwrap().push(request.clone());
    let Answer {
        status,
        headers,
        body,
    } = script(&request);
    if status == CLOSES {
        return;
    }
    // An answer that is cut promises more than comes.
    let length = if body == CUT { 1000 } else { body.len() };
    let fields = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"));
    let fields: String = fields.collect();
    let answer = format!(
        "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\ncontent-type: application/xml\r\n\
         connection: close\r\n{fields}\r\n{body}",
    );
    let _ = connection.write_all(answer.as_bytes()).await;
}

pub(crate) fn fault(error: &BlobError) -> Fault {
    let (BlobError::Unavailable(source) | BlobError::Backend(source)) = error;
    source.downcast_ref::<S3Error>().unwrap().fault()
}

async fn delete(blobs: &S3Blobs) -> Result<u64, BlobError> {
    let prefix = ObjectPrefix::parse("0").unwrap();
    blobs.delete_prefix(&prefix).await
}

#[tokio::test]
async fn a_connection_that_closes_in_the_middle_is_the_networks_fault() {
    let silent = scripted(|_| (CLOSES, "")).await;
    let cut = scripted(|_| (200, CUT)).await;
    for store in [silent, cut] {
        let error = delete(&store.blobs).await.unwrap_err();
        assert_eq!(fault(&error), Fault::Unreachable, "{error:?}");
        assert!(matches!(error, BlobError::Unavailable(_)));
    }
}

#[tokio::test]
async fn a_busy_store_is_asked_three_times_and_no_more() {
    let store = scripted(|_| (503, "<Error><Code>SlowDown</Code></Error>")).await;
    let error = delete(&store.blobs).await.unwrap_err();
    assert_eq!(fault(&error), Fault::Busy, "{error:?}");
    assert!(matches!(error, BlobError::Unavailable(_)));
    assert_eq!(store.requests().len(), 3);
}

#[tokio::test]
async fn nonsense_is_an_error_and_not_an_empty_bucket() {
    let scripts: [Script; 3] = [
        |_| (200, "<html>"),
        |_| (200, ""),
        |_| (502, "<html>Bad Gateway</html>"),
    ];
    for (number, script) in scripts.into_iter().enumerate() {
        let store = scripted(script).await;
        let deleted = delete(&store.blobs).await;
        assert!(deleted.is_err(), "script {number}: {deleted:?}");
    }
}

/// The call succeeds as a whole, and the deletion has not.
#[tokio::test]
async fn a_deletion_that_was_refused_is_an_error() {
    let store = scripted(|request| {
        if request.contains("uploads") {
            (
                200,
                "<ListMultipartUploadsResult></ListMultipartUploadsResult>",
            )
        } else if request.contains("versions") {
            let page = "<ListVersionsResult><Version><Key>0/a</Key><VersionId>1</VersionId>\
                        <IsLatest>true</IsLatest></Version></ListVersionsResult>";
            (200, page)
        } else {
            let refused = "<DeleteResult><Error><Key>0/a</Key><Code>AccessDenied</Code>\
                           <Message>locked</Message></Error></DeleteResult>";
            (200, refused)
        }
    })
    .await;
    let error = delete(&store.blobs).await.unwrap_err();
    assert_eq!(fault(&error), Fault::AccessDenied);
    let words = words(&error);
    assert!(
        words.contains("1 of the objects, the first with AccessDenied"),
        "{words}"
    );
    assert_eq!(store.requests().len(), 4);
}

/// A store that lists more than was asked for costs no neighbour his object.
#[tokio::test]
async fn what_is_not_under_the_prefix_is_not_deleted() {
    let store = scripted(|request| {
        if request.contains("uploads") {
            let uploads = "<ListMultipartUploadsResult><Upload><Key>1/a</Key>\
                           <UploadId>u</UploadId></Upload></ListMultipartUploadsResult>";
            (200, uploads)
        } else if request.contains("versions") {
            let page = "<ListVersionsResult><Version><Key>1/a</Key><VersionId>1</VersionId>\
                        <IsLatest>true</IsLatest></Version></ListVersionsResult>";
            (200, page)
        } else {
            (500, "")
        }
    })
    .await;
    assert_eq!(delete(&store.blobs).await.unwrap(), 0);
    assert_eq!(store.requests().len(), 3);
}

#[tokio::test]
async fn a_list_that_breaks_off_is_an_error_and_not_the_end() {
    let store = scripted(|request| {
        if request.contains("uploads") {
            (
                200,
                "<ListMultipartUploadsResult></ListMultipartUploadsResult>",
            )
        } else {
            let page = "<ListVersionsResult><IsTruncated>true</IsTruncated></ListVersionsResult>";
            (200, page)
        }
    })
    .await;
    let error = delete(&store.blobs).await.unwrap_err();
    assert!(
        words(&error).contains("goes on, but not where"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_store_without_multipart_uploads_has_none_unfinished() {
    let store = scripted(|request| {
        if request.contains("uploads") {
            (501, "<Error><Code>NotImplemented</Code></Error>")
        } else {
            (200, "<ListVersionsResult></ListVersionsResult>")
        }
    })
    .await;
    assert_eq!(delete(&store.blobs).await.unwrap(), 0);
}

#[tokio::test]
async fn a_refused_head_names_the_right() {
    let store = scripted(|_| (403, "")).await;
    let error = store.blobs.head(&object_key("0/a")).await.unwrap_err();
    assert_eq!(fault(&error), Fault::AccessDenied);
    assert!(words(&error).contains("lacks this right on this bucket"));
}
