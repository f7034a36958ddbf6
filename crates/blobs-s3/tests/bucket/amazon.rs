//! The calls for a bucket's own rules as Amazon S3 has them, by its API reference: no server that
//! could be asked has all of them.

use std::sync::{Arc, Mutex};

use crate::scripted::{Answer, Request, Scripted, answered_by};

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
const NAMESPACE: &str = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
/// A field of the lifecycle configuration that is in no element of it.
pub(crate) const LEAST_TRANSITION: &str = "x-amz-transition-default-minimum-object-size";

/// What a bucket has: of each part the XML of an answer, or nothing.
#[derive(Clone, Default)]
pub(crate) struct Configuration {
    pub(crate) lifecycle: Option<String>,
    pub(crate) least_transition: Option<String>,
    pub(crate) public_access_block: Option<String>,
    pub(crate) cors: Option<String>,
    pub(crate) versioning: Option<String>,
}

/// A server with one bucket.
pub(crate) struct Amazon {
    pub(crate) server: Scripted,
    pub(crate) bucket: Arc<Mutex<Configuration>>,
}

impl Amazon {
    /// A bucket that was made a moment ago.
    pub(crate) async fn fresh() -> Self {
        Self::with(Configuration::default()).await
    }

    pub(crate) async fn with(configuration: Configuration) -> Self {
        let bucket = Arc::new(Mutex::new(configuration));
        let asked = Arc::clone(&bucket);
        let server = answered_by(move |request| answer(&mut asked.lock().unwrap(), request)).await;
        Self { server, bucket }
    }

    /// All that was not asked, but told.
    pub(crate) fn writes(&self) -> Vec<Request> {
        let mut received = self.server.received();
        received.retain(|request| !request.line().starts_with("GET "));
        received
    }
}

fn answer(bucket: &mut Configuration, request: &Request) -> Answer {
    let line = request.line();
    let (method, rest) = line.split_once(" /documents/?").unwrap_or_default();
    let part = rest.split([' ', '=', '&']).next().unwrap_or_default();
    if method == "PUT"
        && let Some(refused) = refusal(part, request)
    {
        return refused;
    }
    match (method, part) {
        ("GET", "lifecycle") => {
            let mut found = found(&bucket.lifecycle, "NoSuchLifecycleConfiguration");
            let least = bucket.least_transition.clone();
            found
                .headers
                .extend(least.map(|least| (LEAST_TRANSITION, least)));
            found
        }
        ("PUT", "lifecycle") => {
            bucket.lifecycle = Some(shown(&request.body));
            let least = request.header(LEAST_TRANSITION);
            bucket.least_transition = Some(least.unwrap_or("all_storage_classes_128K").to_owned());
            Answer::new(200, "")
        }
        ("DELETE", "lifecycle") => gone(&mut bucket.lifecycle),
        ("GET", "publicAccessBlock") => found(
            &bucket.public_access_block,
            "NoSuchPublicAccessBlockConfiguration",
        ),
        ("PUT", "publicAccessBlock") => put(&mut bucket.public_access_block, request),
        ("GET", "cors") => found(&bucket.cors, "NoSuchCORSConfiguration"),
        ("PUT", "cors") => put(&mut bucket.cors, request),
        ("DELETE", "cors") => gone(&mut bucket.cors),
        ("GET", "versioning") => {
            let never = format!("{DECLARATION}<VersioningConfiguration {NAMESPACE}/>");
            Answer::new(200, bucket.versioning.clone().unwrap_or(never))
        }
        ("PUT", "versioning") => put(&mut bucket.versioning, request),
        _ => error(405, "MethodNotAllowed", line),
    }
}

fn found(part: &Option<String>, missing: &str) -> Answer {
    match part {
        Some(xml) => Answer::new(200, xml.clone()),
        None => error(404, missing, "it does not exist"),
    }
}

fn put(part: &mut Option<String>, request: &Request) -> Answer {
    *part = Some(format!("{DECLARATION}{}", request.body));
    Answer::new(200, "")
}

fn gone(part: &mut Option<String>) -> Answer {
    *part = None;
    Answer::new(204, "")
}

pub(crate) fn error(status: u16, code: &str, message: &str) -> Answer {
    let body = format!(
        "{DECLARATION}<Error><Code>{code}</Code><Message>{message}</Message>\
         <BucketName>documents</BucketName><RequestId>79104EXAMPLEB723</RequestId>\
         <HostId>IOWQ4fDEXAMPLEQM+ey7N9WgVhSnQ6JEXAMPLEZb7hSQDASK+Jd1vEXAMPLEa3Km</HostId></Error>"
    );
    Answer::new(status, body)
}

/// What is wrong with a PUT.
fn refusal(part: &str, request: &Request) -> Option<Answer> {
    let has_digest = ["content-md5", "x-amz-checksum-crc32"]
        .iter()
        .any(|name| request.header(name).is_some_and(|value| !value.is_empty()));
    if !has_digest && part != "versioning" {
        let message = "Missing required header for this request: Content-MD5";
        return Some(error(400, "InvalidRequest", message));
    }
    let rules = elements(&request.body, "Rule");
    // Prefixes of before 2016 lie in the rule itself. Rules of the two kinds do not mix.
    let has_filter = |rule: &&str| rule.contains("<Filter>");
    if rules.iter().any(has_filter) && !rules.iter().all(has_filter) {
        let message = "Filter element can only be used in Lifecycle V2.";
        return Some(error(400, "InvalidRequest", message));
    }
    None
}

/// A lifecycle configuration as it is answered: laid out, its elements in Amazon's order.
fn shown(put: &str) -> String {
    const ORDER: [&str; 7] = [
        "ID",
        "Filter",
        "Status",
        "Transition",
        "Expiration",
        "NoncurrentVersionExpiration",
        "AbortIncompleteMultipartUpload",
    ];
    let mut xml = format!("{DECLARATION}<LifecycleConfiguration {NAMESPACE}>\n");
    for rule in elements(put, "Rule") {
        let mut length = 0;
        xml.push_str("  <Rule>\n");
        for name in ORDER {
            for content in elements(rule, name) {
                let element = format!("<{name}>{content}</{name}>");
                length += element.len();
                xml.push_str(&format!("    {element}\n"));
            }
        }
        assert_eq!(length, rule.len(), "an element that is not known: {rule}");
        xml.push_str("  </Rule>\n");
    }
    xml.push_str("</LifecycleConfiguration>");
    xml.replace("<Prefix></Prefix>", "<Prefix/>")
}

/// What is in each element of a name.
fn elements<'a>(xml: &'a str, name: &str) -> Vec<&'a str> {
    let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
    let after = xml.split(begin.as_str()).skip(1);
    after
        .filter_map(|rest| rest.split(end.as_str()).next())
        .collect()
}
