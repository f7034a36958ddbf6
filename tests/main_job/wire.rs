//! Version 1 of the API without a client of ours: what a script of 2017 sends, and what it is told.

use crypt_keeper_tests::http::{Answer, request_url};
use crypt_keeper_tests::{Account, Server, Upload, content, http};
use serde_json::json;

/// Where a document was stored and fetched.
pub(crate) struct Bare {
    /// The presigned PUT.
    pub(crate) put: String,
    /// The presigned GET.
    pub(crate) get: String,
    /// What was put and got: to the service it is bytes, whatever they are.
    pub(crate) object: Vec<u8>,
}

/// Uploads, shares and downloads, and is refused what is not its own.
pub(crate) fn a_bare_client_is_answered_as_in_2017(
    server: &Server,
    [alice, bob, mallory]: [&Account; 3],
) -> Bare {
    let api = server.api(alice);
    let made = api.upload_url("Grüße.txt").unwrap();
    let put = Upload::of(&made);
    let of = |resource: &str, id: &str| format!("/api/v1/secure_document_service/{resource}/{id}/");
    assert_eq!(made.status, 201);
    let location = of("upload_url", &put.id);
    assert_eq!(made.header("location"), Some(location.as_str()));
    assert_eq!(made.json()["resource_uri"], location);
    assert_eq!(made.json()["document_metadata"]["content_length"], 10);
    let object = content(100_000, 11);
    let stored = request_url("PUT", &put.url, &object).unwrap();
    assert_eq!(stored.status, 200, "{}", stored.text());

    let given = api.download_url(&put.id).unwrap();
    let got = Upload::of(&given);
    assert_eq!(given.status, 200);
    assert_eq!(given.header("cache-control"), Some("no-store"));
    assert!(got.key == put.key, "it has another key");
    let metadata = &given.json()["document_metadata"];
    assert_eq!(metadata["content_length"], "10");
    assert_eq!(metadata["name"], "Grüße.txt");
    let fetched = request_url("GET", &got.url, &[]).unwrap();
    assert_eq!(fetched.status, 200, "{}", fetched.text());
    assert!(fetched.body == object, "it is another object");
    // Any spelling of the id that Python's uuid took.
    let shouted = api.download_url(&put.id.to_uppercase()).unwrap();
    assert_eq!(Upload::of(&shouted).id, put.id);

    // A URL is good for one verb, and for one object.
    let tampered = got.url.replacen(&got.id, &got.id.replace('7', "8"), 1);
    for (method, url) in [("PUT", got.url.as_str()), ("GET", tampered.as_str())] {
        let refused = request_url(method, url, &[]).unwrap();
        assert!(matches!(refused.status, 403 | 405), "{}", refused.status);
    }

    for stranger in [bob, mallory] {
        let refused = server.api(stranger).download_url(&put.id).unwrap();
        assert_nothing_but(401, &refused);
        let refused = server.api(stranger).share(&put.id, "mallory").unwrap();
        assert_nothing_but(401, &refused);
    }
    let nobody = http::request(
        server.address(),
        "GET",
        &of("download_url", &put.id),
        &[],
        &[],
    );
    assert_nothing_but(401, &nobody.unwrap());
    for unknown in ["0190a3c4-7c1e-7000-8a3b-0123456789ab", "no-id-at-all"] {
        assert_nothing_but(404, &api.download_url(unknown).unwrap());
    }

    // Twice is as good as once.
    for _ in 0..2 {
        let shared = api.share(&put.id, "bob").unwrap();
        assert_eq!(shared.status, 201, "{}", shared.text());
        assert_eq!(shared.json()["username"], "bob");
    }
    let listed = api.call("GET", &format!("share/{}/", put.id), None);
    assert_eq!(listed.unwrap().json()["users"], json!(["alice", "bob"]));
    let read = Upload::of(&server.api(bob).download_url(&put.id).unwrap());
    assert!(read.key == put.key, "Bob has another key");
    assert_nothing_but(401, &server.api(mallory).download_url(&put.id).unwrap());
    Bare {
        put: put.url,
        get: got.url,
        object,
    }
}

fn assert_nothing_but(status: u16, answer: &Answer) {
    assert_eq!((answer.status, answer.text()), (status, String::new()));
}
