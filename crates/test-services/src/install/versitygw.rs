//! versitygw: a second S3 server, so that no test is tuned to the first.

use std::path::PathBuf;

use super::go::GoProgram;
use crate::cache::Cache;
use crate::error::Result;

const VERSITYGW: GoProgram = GoProgram {
    folder: "versitygw-1.8.0",
    program: "versitygw",
    package: "github.com/versity/versitygw/cmd/versitygw@v1.8.0",
    patience: "once, 2 minutes",
};

pub(crate) fn program(cache: &Cache) -> Result<PathBuf> {
    VERSITYGW.install(cache)
}
