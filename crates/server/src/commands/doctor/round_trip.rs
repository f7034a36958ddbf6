//! An object goes to the store and comes back, as clients move theirs: by presigned URL, with an
//! HTTP client that knows nothing of the service.

use std::time::Duration;

use crypt_keeper_domain::model::{ObjectKey, ObjectPrefix};
use crypt_keeper_domain::ports::{
    BlobStore, Entropy, EntropyExt as _, GetTerms, PresignedUrl, PutTerms,
};
use reqwest::{Client, StatusCode};

use crate::error::Chain;

const LIFE: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(15);
const LENGTH: usize = 64;

/// Why an object did not come back. No URL with its query is in it: that would be a permission.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// There was no connection to the address in the URL.
    Unreachable(String),
    /// It was refused, lost or altered.
    Failed(String),
}

/// Puts, gets, compares and deletes. Whatever happens, the object is deleted.
pub(super) async fn run(blobs: &dyn BlobStore, entropy: &dyn Entropy) -> Result<(), Trouble> {
    let random: [u8; 16] = entropy.bytes().map_err(failed)?;
    let content: [u8; LENGTH] = entropy.bytes().map_err(failed)?;
    let folder = format!("doctor/{:032x}", u128::from_be_bytes(random));
    let prefix = ObjectPrefix::parse(&folder).map_err(failed)?;
    let key = ObjectKey::parse(&format!("{folder}/object")).map_err(failed)?;

    let there_and_back = there_and_back(blobs, &key, &content).await;
    let deleted = blobs.delete_prefix(&prefix).await;
    there_and_back?;
    match deleted {
        Ok(1) => {}
        Ok(count) => {
            return Err(Trouble::Failed(format!(
                "one object was put, and {count} were there to delete"
            )));
        }
        Err(error) => return Err(failed(error)),
    }
    match blobs.head(&key).await {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err(Trouble::Failed(
            "the object is still there after it was deleted".to_owned(),
        )),
        Err(error) => Err(failed(error)),
    }
}

async fn there_and_back(
    blobs: &dyn BlobStore,
    key: &ObjectKey,
    content: &[u8],
) -> Result<(), Trouble> {
    let client = Client::builder().timeout(PATIENCE).build();
    let client = client.map_err(|error| failed(error.without_url()))?;
    let terms = PutTerms {
        expires_in: LIFE,
        max_length: LENGTH as u64,
    };
    let url = blobs.presign_put(key, &terms).await.map_err(failed)?;
    let put = client.put(url.as_str()).body(content.to_vec());
    answered("PUT", &url, put.send().await).await?;

    let terms = GetTerms { expires_in: LIFE };
    let url = blobs.presign_get(key, &terms).await.map_err(failed)?;
    let got = answered("GET", &url, client.get(url.as_str()).send().await).await?;
    if got == content {
        Ok(())
    } else {
        Err(Trouble::Failed(format!(
            "{LENGTH} bytes were put, and {} other ones came back",
            got.len()
        )))
    }
}

/// The body of an answer that is a success.
async fn answered(
    verb: &str,
    url: &PresignedUrl,
    answer: reqwest::Result<reqwest::Response>,
) -> Result<Vec<u8>, Trouble> {
    let place = url.as_str().split('?').next().unwrap_or_default();
    let broken = |error: reqwest::Error| {
        let unreachable = error.is_connect() || error.is_timeout();
        let words = format!("{verb} {place}: {}", Chain(&error.without_url()));
        if unreachable {
            Trouble::Unreachable(words)
        } else {
            Trouble::Failed(words)
        }
    };
    let answer = answer.map_err(broken)?;
    let status = answer.status();
    let body = answer.bytes().await.map_err(broken)?;
    if status.is_success() {
        return Ok(body.to_vec());
    }
    let code = error_code(&body).map_or_else(String::new, |code| format!(" ({code})"));
    Err(Trouble::Failed(format!(
        "{verb} {place}: the answer is {}{code}",
        shown(status)
    )))
}

fn shown(status: StatusCode) -> String {
    status.canonical_reason().map_or_else(
        || status.as_str().to_owned(),
        |reason| format!("{} {reason}", status.as_str()),
    )
}

/// The code of S3's XML errors, such as `SignatureDoesNotMatch`: it says what the status does not.
fn error_code(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let plain = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (plain && code.len() <= 64).then_some(code)
}

fn failed(error: impl std::error::Error + 'static) -> Trouble {
    Trouble::Failed(Chain(&error).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_an_s3_error_is_found_and_nothing_odd_is_shown() {
        let body = b"<Error><Code>SignatureDoesNotMatch</Code><Message>x</Message></Error>";
        assert_eq!(error_code(body), Some("SignatureDoesNotMatch"));
        for body in [
            &b""[..],
            b"<Code></Code>",
            b"<Code>a\x1b[2J</Code>",
            b"\xff",
        ] {
            assert_eq!(error_code(body), None);
        }
    }
}
