//! Where each server's programs come from: found on the machine, or installed into the cache from a
//! package registry, in a pinned version.

pub(crate) mod dynamodb;
pub(crate) mod go;
pub(crate) mod go_main;
pub(crate) mod minio;
pub(crate) mod openbao;
pub(crate) mod postgres;
pub(crate) mod python;
pub(crate) mod versitygw;
