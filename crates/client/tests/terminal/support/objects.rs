//! The object store of the service: objects by presigned URL.

use super::http::{Request, Response};
use super::service::{SIGNATURE, State};

pub(super) fn answer(request: Request, id: &str, state: &mut State) -> Response {
    let s3_error = |status, code: &str| {
        Response::new(status, format!("<Error><Code>{code}</Code></Error>"))
            .with("x-amz-request-id", "STORE-7")
    };
    if request.query != format!("X-Amz-Signature={SIGNATURE}") {
        return s3_error(403, "SignatureDoesNotMatch");
    }
    // Only `host` is signed: strict stores refuse whatever else a presigned request carries.
    for unwanted in ["authorization", "content-type", "expect", "content-md5"] {
        if request.headers.contains_key(unwanted) {
            return s3_error(400, "InvalidArgument");
        }
    }
    match request.method.as_str() {
        "PUT" if state.create_only && state.objects.contains_key(id) => {
            s3_error(412, "PreconditionFailed")
        }
        "PUT" => {
            state.objects.insert(id.to_owned(), request.body);
            Response::new(200, "")
        }
        "GET" => match state.objects.get(id) {
            None => s3_error(404, "NoSuchKey"),
            Some(bytes) => {
                let total = bytes.len();
                match request
                    .header("range")
                    .strip_prefix("bytes=")
                    .and_then(|r| r.strip_suffix('-'))
                {
                    None => Response::new(200, bytes.clone()).with("etag", "\"mark-1\""),
                    Some(start) => {
                        let start: usize = start.parse().unwrap();
                        Response::new(206, &bytes[start..]).with(
                            "content-range",
                            format!("bytes {start}-{}/{total}", total - 1),
                        )
                    }
                }
            }
        },
        _ => Response::new(405, ""),
    }
}
