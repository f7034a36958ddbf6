//! The files of deployment, judged by parsers and linters of their formats and, where a part can run
//! without a container engine, by running it. No image is built and no container is started here.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail their test"
)]

mod aws;
mod compose;
mod compose_postgres;
mod configuration_names;
mod host;
mod image;
mod project;

use std::path::{Path, PathBuf};

/// A path of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A program that pip installed beside the interpreter of tests/deploy-check/requirements.txt.
fn python_program(name: &str) -> Option<PathBuf> {
    let requirements = repository("tests/deploy-check/requirements.txt");
    let found = crypt_keeper_test_services::python_interpreter(&requirements);
    let interpreter = crypt_keeper_test_services::require_or_skip(name, found)?;
    let program = interpreter.with_file_name(name);
    assert!(program.is_file(), "pip installed no {name}");
    Some(program)
}

/// A program of the machine.
fn machine_program(name: &str, version: &str) -> Option<()> {
    let found = crypt_keeper_test_services::run(std::process::Command::new(name).arg(version));
    crypt_keeper_test_services::require_or_skip(name, found).map(|_| ())
}
