//! MinIO: lifecycle, notifications, SSE and strict signatures in one process. Its repository is
//! archived, so it serves tests here and is no recommendation.

use std::path::PathBuf;

use super::go::GoProgram;
use crate::cache::Cache;
use crate::error::Result;

const MINIO: GoProgram = GoProgram {
    folder: "minio-20260212201848",
    program: "minio",
    package: "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c",
    patience: "once, 4 to 7 minutes",
};

pub(crate) fn program(cache: &Cache) -> Result<PathBuf> {
    MINIO.install(cache)
}
