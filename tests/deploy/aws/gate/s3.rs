//! What a call of S3, bucket in its path, has to be allowed:
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations.html>, each call's page.

use crypt_keeper_tests::http::Answer;

use super::Call;
use crate::aws::roles::Request;

pub(super) fn requests(call: &Call) -> Vec<Request> {
    let (path, query) = call.target.split_once('?').unwrap_or((&call.target, ""));
    let path = path.trim_start_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let bucket = format!("arn:aws:s3:::{bucket}");
    let has = |name: &str| {
        let mut names = query.split('&').map(|part| part.split('=').next());
        names.any(|found| found == Some(name))
    };
    if key.is_empty() {
        let action = match call.method.as_str() {
            "POST" if has("delete") => return deletions(&bucket, call),
            "GET" if has("versions") => "ListBucketVersions",
            "GET" if has("uploads") => "ListBucketMultipartUploads",
            "GET" if has("list-type") => "ListBucket",
            "HEAD" => "ListBucket",
            "GET" if has("lifecycle") => "GetLifecycleConfiguration",
            "PUT" | "DELETE" if has("lifecycle") => "PutLifecycleConfiguration",
            "GET" if has("cors") => "GetBucketCORS",
            "PUT" | "DELETE" if has("cors") => "PutBucketCORS",
            "GET" if has("publicAccessBlock") => "GetBucketPublicAccessBlock",
            "PUT" if has("publicAccessBlock") => "PutBucketPublicAccessBlock",
            "GET" if has("versioning") => "GetBucketVersioning",
            "PUT" if has("versioning") => "PutBucketVersioning",
            "PUT" if query.is_empty() => "CreateBucket",
            method => panic!("nobody has said what {method} of a bucket needs: {query}"),
        };
        return vec![Request::new(&format!("s3:{action}"), &bucket)];
    }
    let action = match call.method.as_str() {
        "GET" | "HEAD" => "GetObject",
        "PUT" | "POST" => "PutObject",
        "DELETE" if has("uploadId") => "AbortMultipartUpload",
        "DELETE" if has("versionId") => "DeleteObjectVersion",
        "DELETE" => "DeleteObject",
        method => panic!("nobody has said what {method} of an object needs"),
    };
    let object = Request::new(&format!("s3:{action}"), &format!("{bucket}/{key}"));
    let from = call.header("x-amz-copy-source").map(|from| {
        let from = from.trim_start_matches('/');
        Request::new("s3:GetObject", &format!("arn:aws:s3:::{from}"))
    });
    [Some(object), from].into_iter().flatten().collect()
}

/// Of many at once: the keys, and which of them by version.
fn deletions(bucket: &str, call: &Call) -> Vec<Request> {
    let body = String::from_utf8_lossy(&call.body);
    let objects = body.split("<Object>").skip(1);
    let each = objects.map(|object| {
        let (_, key) = object.split_once("<Key>").unwrap();
        let (key, _) = key.split_once("</Key>").unwrap();
        let action = if object.contains("<VersionId>") {
            "s3:DeleteObjectVersion"
        } else {
            "s3:DeleteObject"
        };
        Request::new(action, &format!("{bucket}/{key}"))
    });
    each.collect()
}

/// As S3 words it.
pub(super) fn refusal(why: &str) -> Answer {
    let body = format!("<Error><Code>AccessDenied</Code><Message>{why}</Message></Error>");
    Answer {
        status: 403,
        headers: vec![("content-type".into(), "application/xml".into())],
        body: body.into_bytes(),
    }
}

#[test]
fn calls_of_s3_are_told_apart() {
    let shown = |method: &str, target: &str, headers: &[(&str, &str)], body: &str| {
        let headers = headers.iter();
        let call = Call {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: headers
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: body.as_bytes().to_vec(),
        };
        let all = requests(&call).into_iter();
        let all = all.map(|one| {
            let on = one.resource.strip_prefix("arn:aws:s3:::").unwrap();
            format!("{} {on}", one.action)
        });
        all.collect::<Vec<_>>().join(", ")
    };
    for (method, target, expected) in [
        ("HEAD", "/b", "s3:ListBucket b"),
        ("GET", "/b?versions&prefix=0%2F", "s3:ListBucketVersions b"),
        ("PUT", "/b?lifecycle", "s3:PutLifecycleConfiguration b"),
        ("DELETE", "/b?cors", "s3:PutBucketCORS b"),
        ("GET", "/b?versioning=", "s3:GetBucketVersioning b"),
        ("PUT", "/b/0/x?X-Amz-Signature=1", "s3:PutObject b/0/x"),
        ("DELETE", "/b/x?uploadId=1", "s3:AbortMultipartUpload b/x"),
        ("DELETE", "/b/x?versionId=1", "s3:DeleteObjectVersion b/x"),
    ] {
        assert_eq!(shown(method, target, &[], ""), expected);
    }
    let copied = shown("PUT", "/b/new", &[("x-amz-copy-source", "/b/old")], "");
    assert_eq!(copied, "s3:PutObject b/new, s3:GetObject b/old");
    let body = "<Delete><Object><Key>a</Key></Object><Object><Key>b</Key><VersionId>1</VersionId>\
                </Object></Delete>";
    let deleted = shown("POST", "/b?delete", &[], body);
    assert_eq!(deleted, "s3:DeleteObject b/a, s3:DeleteObjectVersion b/b");
}
