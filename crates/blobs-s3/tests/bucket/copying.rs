//! Copies that go wrong, and what they leave.

use aws_sdk_s3::error::ProvideErrorMetadata;
use crypt_keeper_blobs_s3::{CopySizes, Fault};
use crypt_keeper_domain::ports::{BlobError, ObjectCopy, ObjectInfo};
use crypt_keeper_test_services as services;

use crate::scripted::{Script, Scripted, fault, scripted};
use crate::support::{Bucket, object_key};

/// Longer than what is copied at once below, in three parts.
const BODY: &str = "twenty-five bytes of text";
const SIZES: CopySizes = CopySizes {
    at_once: 10,
    part: 10,
};
const PART: &str = "<CopyPartResult><ETag>\"p\"</ETag></CopyPartResult>";
const BEGUN: &str = "<InitiateMultipartUploadResult><UploadId>u</UploadId>\
                     </InitiateMultipartUploadResult>";

async fn copy(store: &Scripted, sizes: CopySizes) -> Result<Option<ObjectInfo>, BlobError> {
    let blobs = store.blobs.clone().with_copy_sizes(sizes);
    blobs
        .copy(&object_key("0/a"), &object_key("hold/0/a"))
        .await
}

/// The requests, each by its method and what it is for.
fn told(store: &Scripted) -> Vec<String> {
    let told = store.requests().into_iter().map(|line| {
        let (method, rest) = line.split_once(' ').unwrap();
        let part = rest.split("partNumber=").nth(1);
        let part = part.and_then(|rest| rest.split(['&', ' ']).next());
        match part {
            Some(part) => format!("part {part}"),
            None => method.to_owned(),
        }
    });
    told.collect()
}

#[tokio::test]
async fn a_large_object_is_copied_part_by_part() {
    let store = scripted(|request| {
        if request.starts_with("HEAD") {
            (200, BODY)
        } else if request.starts_with("POST") && request.contains("uploads") {
            (200, BEGUN)
        } else if request.starts_with("PUT") {
            (200, PART)
        } else {
            (
                200,
                "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>",
            )
        }
    })
    .await;
    let info = copy(&store, SIZES).await.unwrap().unwrap();
    assert_eq!(info.size, BODY.len() as u64);
    assert_eq!(
        told(&store),
        ["HEAD", "POST", "part 1", "part 2", "part 3", "POST", "HEAD"]
    );
}

/// Parts of an upload that was given up cost room and are seen by nobody.
#[tokio::test]
async fn a_copy_that_fails_in_the_middle_leaves_no_parts() {
    let scripts: [(Script, Option<Fault>); 2] = [
        (
            |request| parts_until(request, (403, "<Error><Code>AccessDenied</Code></Error>")),
            Some(Fault::AccessDenied),
        ),
        // The source went meanwhile: there is nothing to copy.
        (
            |request| parts_until(request, (404, "<Error><Code>NoSuchKey</Code></Error>")),
            None,
        ),
    ];
    for (script, expected) in scripts {
        let store = scripted(script).await;
        let copied = copy(&store, SIZES).await;
        match expected {
            Some(expected) => assert_eq!(fault(&copied.unwrap_err()), expected),
            None => assert_eq!(copied.unwrap(), None),
        }
        let told = told(&store);
        let expected = ["HEAD", "POST", "part 1", "part 2", "DELETE"];
        assert_eq!(told[..5], expected, "{told:?}");
    }
}

fn parts_until(request: &str, last: (u16, &'static str)) -> (u16, &'static str) {
    if request.starts_with("HEAD") {
        (200, BODY)
    } else if request.starts_with("POST") {
        (200, BEGUN)
    } else if request.contains("partNumber=1") {
        (200, PART)
    } else if request.starts_with("DELETE") {
        (204, "")
    } else {
        last
    }
}

/// Half of an object and half of its successor would be neither.
#[tokio::test]
async fn a_source_that_changes_meanwhile_is_an_error_that_passes() {
    let store = scripted(|request| {
        if request.starts_with("HEAD") {
            (200, "short")
        } else {
            (412, "<Error><Code>PreconditionFailed</Code></Error>")
        }
    })
    .await;
    let error = copy(&store, SIZES).await.unwrap_err();
    assert_eq!(fault(&error), Fault::Changed);
    assert!(matches!(error, BlobError::Unavailable(_)), "{error:?}");
}

/// S3 begins its answer before it has copied, and says in its body that it could not.
#[tokio::test]
async fn an_answer_of_200_that_says_that_it_failed_is_an_error() {
    let store = scripted(|request| {
        if request.starts_with("HEAD") {
            (200, "short")
        } else {
            (
                200,
                "<Error><Code>InternalError</Code><Message>no</Message></Error>",
            )
        }
    })
    .await;
    let error = copy(&store, SIZES).await.unwrap_err();
    assert_eq!(fault(&error), Fault::Busy, "{error:?}");
}

#[tokio::test]
async fn a_bucket_that_went_meanwhile_is_no_missing_object() {
    let store = scripted(|request| {
        if request.starts_with("HEAD /documents/0/a") {
            (200, "short")
        } else if request.starts_with("HEAD") {
            (404, "")
        } else {
            (404, "<Error><Code>NoSuchKey</Code></Error>")
        }
    })
    .await;
    let error = copy(&store, SIZES).await.unwrap_err();
    assert_eq!(fault(&error), Fault::NoSuchBucket, "{error:?}");
}

/// That the copy is of what was looked at rests on it.
#[tokio::test(flavor = "multi_thread")]
async fn servers_copy_nothing_but_what_they_are_held_to() {
    for access in [services::minio(), services::versitygw()]
        .into_iter()
        .flatten()
    {
        let bucket = Bucket::new(&access).await;
        bucket.put("0/a", b"x").await;
        let copied = bucket.admin.copy_object().bucket(&bucket.name).key("0/b");
        let copied = copied.copy_source(format!("{}/0/a", bucket.name));
        let copied = copied.copy_source_if_match("\"somebody else's\"");
        let error = copied.send().await.unwrap_err();
        assert_eq!(
            error.code(),
            Some("PreconditionFailed"),
            "{}",
            access.server
        );
        assert_eq!(bucket.head("0/b").await, None, "{}", access.server);
        bucket.remove().await;
    }
}
