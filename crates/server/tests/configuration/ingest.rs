//! `role = "ingest"`: what such a server may be given, and what it must not.

use crate::Case;

/// A server that may only accept uploads, as it should be configured.
fn ingest() -> Case {
    Case::new(&format!("role = \"ingest\"\n{POSTGRES}{S3}"))
}

const POSTGRES: &str =
    "metadata = { backend = \"postgres\", postgres.url = \"postgres://ingest@db/ck\" }\n";
const S3: &str = "blobs = { backend = \"s3\", s3.bucket = \"documents\" }\n";

#[test]
fn an_ingest_server_is_refused_whatever_it_should_not_hold() {
    assert_eq!(ingest().settings().role.as_str(), "ingest");
    assert!(!ingest().settings().metadata.migrate_on_start);
    assert_eq!(Case::new("").settings().role.as_str(), "full");
    for (case, what) in [
        (
            Case::new(&format!("role = \"ingest\"\n{POSTGRES}")),
            "`blobs.backend` = \"local\"",
        ),
        (
            ingest().set("keys.master_key_file", "/m"),
            "`keys.master_key_file`",
        ),
        (
            ingest().set("keys.master_key_command", "print"),
            "`keys.master_key_command`",
        ),
        (
            ingest().env("KEYS__SEALED__URL", "postgres://k@db/keys"),
            "`keys.sealed.url`",
        ),
        (
            ingest().set("metadata.migrate_on_start", "true"),
            "`metadata.migrate_on_start` = true",
        ),
        (
            Case::new(&format!("role = \"ingest\"\n{S3}")),
            "`metadata.backend` = \"sqlite\"",
        ),
    ] {
        let refused = case.refused();
        let words = format!("{what} does not go with `role` = \"ingest\": ");
        assert!(refused.starts_with(&words), "{refused}");
    }
    let refused = Case::new("role = \"reader\"").refused();
    assert!(
        refused.contains("`full` or `ingest` is needed"),
        "{refused}"
    );
}
