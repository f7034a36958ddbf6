//! A versitygw of the tests' own.

use crate::install;
use crate::s3::REGION;
use crate::s3_server::{Kind, Place};

pub(crate) const VERSITYGW: Kind = Kind {
    server: "versitygw",
    program: install::versitygw::program,
    ready: ("/healthz", 200),
    folders: &["data", "versions", "iam"],
    arguments: |Place { port, folder, more }| {
        let mut arguments = vec![
            "--port".into(),
            format!("127.0.0.1:{port}").into(),
            "--region".into(),
            REGION.into(),
            "--quiet".into(),
            "--health".into(),
            "/healthz".into(),
            "--keep-alive".into(),
            "--iam-dir".into(),
            folder.join("iam").into(),
        ];
        arguments.extend(more.iter().map(Into::into));
        arguments.extend([
            "posix".into(),
            "--versioning-dir".into(),
            folder.join("versions").into(),
            folder.join("data").into(),
        ]);
        arguments
    },
    environment: |access| {
        Ok(vec![
            ("ROOT_ACCESS_KEY".to_owned(), access.access_key.clone()),
            ("ROOT_SECRET_KEY".to_owned(), access.secret_key.clone()),
        ])
    },
};
