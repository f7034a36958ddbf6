//! Version 1 of the API over the bare client.

use std::io;
use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::http::{self, Answer};

const BASE: &str = "/api/v1/secure_document_service";

/// A user and an API key.
#[derive(Clone)]
pub struct Account {
    /// The user's name.
    pub name: String,
    /// The key, in clear: tests look for it where it must not be.
    pub key: String,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Account").field(&self.name).finish()
    }
}

/// What a 201 of `upload_url` gave.
#[derive(Clone, PartialEq, Eq)]
pub struct Upload {
    /// The document's id.
    pub id: String,
    /// The document key as it travels.
    pub key: String,
    /// The presigned PUT.
    pub url: String,
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Upload").field(&self.id).finish()
    }
}

/// A client of one user.
#[derive(Clone, Debug)]
pub struct Api {
    address: SocketAddr,
    account: Account,
}

impl Api {
    /// Of `account`, at `address`.
    #[must_use]
    pub fn new(address: SocketAddr, account: &Account) -> Self {
        Self {
            address,
            account: account.clone(),
        }
    }

    /// One request to `<base>/<resource>`.
    ///
    /// # Errors
    /// If no whole answer comes.
    pub fn call(&self, method: &str, resource: &str, body: Option<&Value>) -> io::Result<Answer> {
        let authorization = format!("ApiKey {}:{}", self.account.name, self.account.key);
        let body = body.map(|body| body.to_string().into_bytes());
        let mut headers = vec![("authorization", authorization.as_str())];
        if body.is_some() {
            headers.push(("content-type", "application/json; charset=utf-8"));
        }
        http::request(
            self.address,
            method,
            &format!("{BASE}/{resource}"),
            &headers,
            body.as_deref().unwrap_or_default(),
        )
    }

    /// `POST upload_url/` for a text of that name.
    ///
    /// # Errors
    /// If no whole answer comes.
    pub fn upload_url(&self, name: &str) -> io::Result<Answer> {
        let body = json!({"document_metadata": {
            "name": name, "content_length": 10, "content_type": "text/plain", "compressed": false,
            "encryption_type": "AES256_GCM_HKDF_1MB",
        }});
        self.call("POST", "upload_url/", Some(&body))
    }

    /// `GET download_url/<id>/`.
    ///
    /// # Errors
    /// If no whole answer comes.
    pub fn download_url(&self, id: &str) -> io::Result<Answer> {
        self.call("GET", &format!("download_url/{id}/"), None)
    }

    /// `POST share/`.
    ///
    /// # Errors
    /// If no whole answer comes.
    pub fn share(&self, id: &str, user: &str) -> io::Result<Answer> {
        let body = json!({"document_id": id, "username": user});
        self.call("POST", "share/", Some(&body))
    }
}

impl Upload {
    /// Of an answer 201 or 200.
    ///
    /// # Panics
    /// If the answer is another.
    #[must_use]
    pub fn of(answer: &Answer) -> Self {
        assert!(
            matches!(answer.status, 200 | 201),
            "{}: {}",
            answer.status,
            answer.text()
        );
        let answer = answer.json();
        let text = |name: &str| {
            let value = answer[name].as_str();
            value.unwrap_or_else(|| panic!("no {name}")).to_owned()
        };
        Self {
            id: text("document_id"),
            key: text("symmetric_key"),
            url: text("single_use_url"),
        }
    }
}
