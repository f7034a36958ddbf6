//! What is and what is not a URL of the store.

use std::time::Duration;

use crate::support::{MINUTE, PUBLIC_URL, Store, keys, object_key};
use crypt_keeper_blobs_local::{LocalBlobs, LocalBlobsConfig, OpenError, Permit, UrlRefused};
use crypt_keeper_domain::ports::{BlobStore, Clock, GetTerms};

const KEY: &str = "0/20260301/0197f6f0-0000-7000-8000-000000000000/00ff";

#[tokio::test]
async fn a_url_shows_what_it_permits_and_until_when() {
    let store = Store::new();
    let get = store.get_url(KEY).await;
    let signature = |url: &str| url.split("&signature=").nth(1).unwrap().to_owned();
    assert_eq!(
        get,
        format!(
            "/blobs/{KEY}?expires=1772366460000&signature={}",
            signature(&get)
        )
    );
    let put = store.put_url(KEY, 5).await;
    assert_eq!(
        put,
        format!(
            "/blobs/{KEY}?expires=1772366460000&max_length=5&signature={}",
            signature(&put)
        )
    );
    assert_eq!(signature(&get).len(), 64);
    match store.blobs.verify("PUT", &put) {
        Ok(Permit::Put(permit)) => {
            assert_eq!(permit.key().as_str(), KEY);
            assert_eq!(permit.max_length(), 5);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_url_dies_at_its_moment() {
    let store = Store::new();
    let url = store.get_url(KEY).await;
    // Whole milliseconds are signed: it dies within the last of them, never later.
    store.clock.advance(MINUTE - Duration::from_millis(1));
    assert!(store.blobs.verify("GET", &url).is_ok());
    store.clock.advance(Duration::from_millis(1));
    let refused = store.blobs.verify("GET", &url).unwrap_err();
    assert!(matches!(refused, UrlRefused::Expired { .. }));
    store.clock.advance(MINUTE);
    assert_eq!(
        store.blobs.verify("GET", &url).unwrap_err().to_string(),
        "the URL expired 60 s ago: ask for a new one"
    );
}

#[tokio::test]
async fn keys_change_under_urls_that_are_out() {
    let store = Store::new();
    let old = store.get_url(KEY).await;
    store.blobs.replace_keys(keys(&[8, 7]));
    let new = store.get_url(KEY).await;
    assert_ne!(old, new, "the first key signs");
    for url in [&old, &new] {
        assert!(store.blobs.verify("GET", url).is_ok());
    }
    store.blobs.replace_keys(keys(&[8]));
    assert!(store.blobs.verify("GET", &new).is_ok());
    let refused = store.blobs.verify("GET", &old).unwrap_err();
    assert!(matches!(refused, UrlRefused::Signature));
}

#[tokio::test]
async fn a_url_is_good_for_its_verb_alone() {
    let store = Store::new();
    let (get, put) = (store.get_url(KEY).await, store.put_url(KEY, 5).await);
    assert_eq!(store.blobs.verify("PUT", &get), Err(UrlRefused::Signature));
    assert_eq!(store.blobs.verify("GET", &put), Err(UrlRefused::Signature));
    for method in ["HEAD", "DELETE", "POST", "OPTIONS", "get", ""] {
        assert_eq!(
            store.blobs.verify(method, &get),
            Err(UrlRefused::Method),
            "{method}"
        );
    }
}

/// Every byte of path and query, replaced by each of these.
#[tokio::test]
async fn no_byte_of_a_url_can_be_changed() {
    let store = Store::new();
    for (method, url) in [
        ("GET", store.get_url(KEY).await),
        ("PUT", store.put_url(KEY, 1234).await),
    ] {
        for at in 0..url.len() {
            for byte in *b"09afzA/.%?&=+- \0" {
                let mut bytes = url.clone().into_bytes();
                if bytes[at] == byte {
                    continue;
                }
                bytes[at] = byte;
                let changed = String::from_utf8(bytes).unwrap();
                assert_eq!(
                    store.blobs.verify(method, &changed),
                    Err(UrlRefused::Signature),
                    "{changed:?}"
                );
            }
        }
        for end in 0..url.len() {
            let cut = &url[..end];
            assert_eq!(store.blobs.verify(method, cut), Err(UrlRefused::Signature));
        }
    }
}

#[tokio::test]
async fn there_is_one_spelling_of_a_url() {
    let store = Store::new();
    let url = store.put_url(KEY, 5).await;
    let (path, query) = url.split_once('?').unwrap();
    let [expires, max_length, signature] = query.split('&').collect::<Vec<_>>()[..] else {
        panic!("three parameters: {query}");
    };
    let upper = signature["signature=".len()..].to_uppercase();
    for other in [
        format!("{path}?{max_length}&{expires}&{signature}"),
        format!("{path}?{query}&x=1"),
        format!("{path}?x=1&{query}"),
        format!("{path}?{query}&"),
        format!("{path}?{expires}&{expires}&{max_length}&{signature}"),
        format!("{path}?{expires}&max_length=05&{signature}"),
        format!("{path}?{expires}&max_length=%35&{signature}"),
        format!("{path}?{expires}&max_length=+5&{signature}"),
        format!("{path}?{expires}&{max_length}&signature={upper}"),
        format!("{path}?{expires}&{max_length}&{signature}00"),
        format!("{}?{query}", path.replacen("/blobs/", "/blobs//", 1)),
        format!("{}?{query}", path.replacen("/blobs/", "//blobs/", 1)),
        format!("{}?{query}", path.replacen('0', "%30", 1)),
        format!("{path}/?{query}"),
        format!("{PUBLIC_URL}{url}"),
        format!("{url}#x"),
    ] {
        assert_eq!(
            store.blobs.verify("PUT", &other),
            Err(UrlRefused::Signature),
            "{other}"
        );
    }
    assert!(store.blobs.verify("PUT", &url).is_ok());
}

#[tokio::test]
async fn no_path_leads_out_of_the_folder() {
    let store = Store::new();
    let url = store.get_url(KEY).await;
    let query = url.split_once('?').unwrap().1;
    for path in [
        "../incoming/x",
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/etc/passwd",
        "/etc/passwd",
        "0/../../incoming/x",
        "0/./x",
        "0\\..\\x",
        "0/x%00",
        "0/x\0",
        "",
        "/",
        ".",
        "..",
    ] {
        let hostile = format!("/blobs/{path}?{query}");
        assert_eq!(
            store.blobs.verify("GET", &hostile),
            Err(UrlRefused::Signature),
            "{hostile:?}"
        );
    }
}

#[tokio::test]
async fn urls_outlive_a_change_of_master_key_and_not_its_removal() {
    let mut store = Store::new();
    let url = store.get_url(KEY).await;
    let folder = store.root();
    let with = |signing: &[u8]| {
        let config = LocalBlobsConfig {
            folder: folder.clone(),
            public_url: PUBLIC_URL.to_owned(),
        };
        LocalBlobs::open(&config, keys(signing), store.clock.clone()).unwrap()
    };
    assert!(with(&[8, 7]).verify("GET", &url).is_ok());
    assert_eq!(with(&[8]).verify("GET", &url), Err(UrlRefused::Signature));
    let terms = GetTerms { expires_in: MINUTE };
    let new = with(&[8, 7]).presign_get(&object_key(KEY), &terms).await;
    let new = crate::support::path_and_query(new.unwrap().as_str());
    assert!(with(&[8]).verify("GET", &new).is_ok());
    store.reopen();
    assert_eq!(store.blobs.verify("GET", &new), Err(UrlRefused::Signature));
}

#[tokio::test]
async fn a_url_that_would_live_for_ever_lives_to_the_end_of_time() {
    let store = Store::new();
    let terms = GetTerms {
        expires_in: Duration::MAX,
    };
    let url = store.blobs.presign_get(&object_key(KEY), &terms).await;
    let url = crate::support::path_and_query(url.unwrap().as_str());
    assert!(store.blobs.verify("GET", &url).is_ok());
    assert!(url.contains("expires=253402300799999&"), "{url}");
    assert!(store.clock.now().as_millis() < 253_402_300_799_999);
}

#[test]
fn a_public_url_is_one() {
    let store = Store::new();
    let open = |public_url: &str| {
        let config = LocalBlobsConfig {
            folder: store.root(),
            public_url: public_url.to_owned(),
        };
        LocalBlobs::open(&config, keys(&[7]), store.clock.clone())
    };
    for good in [
        "http://127.0.0.1:8080",
        "https://keeper.example/",
        "https://a/keeper",
    ] {
        assert!(open(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "keeper.example",
        "ftp://x",
        "https://",
        "https:///x",
        "https://a?b",
        "http://a b",
    ] {
        assert!(matches!(open(bad), Err(OpenError::PublicUrl(_))), "{bad}");
    }
}
