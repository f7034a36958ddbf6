//! A MinIO of the tests' own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::Result;
use crate::install;
use crate::random;
use crate::s3::{REGION, S3Access};
use crate::s3_server::{Kind, Place, Variables};

pub(crate) const MINIO: Kind = Kind {
    server: "minio",
    program: install::minio::program,
    // Its health page says yes before the server knows its disks: requests still get 503 then.
    ready: ("/", 403),
    folders: &["data", "home"],
    arguments: |Place { port, folder, more }| {
        let mut arguments = vec![
            "server".into(),
            "--quiet".into(),
            "--address".into(),
            format!("127.0.0.1:{port}").into(),
            // Not the developer's own settings.
            "--config-dir".into(),
            folder.join("home").into(),
        ];
        arguments.extend(more.iter().map(Into::into));
        arguments.push(folder.join("data").into());
        arguments
    },
    environment,
};

fn environment(access: &S3Access) -> Result<Variables> {
    let kms = STANDARD.encode(random::bytes::<32>()?);
    let pairs = [
        ("MINIO_ROOT_USER", access.access_key.clone()),
        ("MINIO_ROOT_PASSWORD", access.secret_key.clone()),
        ("MINIO_BROWSER", "off".to_owned()),
        ("MINIO_UPDATE", "off".to_owned()),
        ("MINIO_REGION", REGION.to_owned()),
        // Lifecycle rules take effect within a second instead of hours.
        ("MINIO_SCANNER_SPEED", "fastest".to_owned()),
        ("MINIO_KMS_SECRET_KEY", format!("test-key:{kms}")),
    ];
    Ok(pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect())
}
