//! TLS to PostgreSQL, with libpq's meanings of `sslmode`.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use openssl::error::ErrorStack;
use openssl::ssl::{SslConnector, SslFiletype, SslMethod, SslVerifyMode, SslVersion};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;
use postgres_openssl::MakeTlsConnector;

use super::url::{RootCertificates, SslMode, TlsSettings};
use crate::error::OpenError;

/// Reads the files and makes the connector. Blocks.
pub(super) fn connector(settings: &TlsSettings) -> Result<MakeTlsConnector, OpenError> {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).map_err(refused)?;
    builder
        .set_min_proto_version(Some(SslVersion::TLS1_2))
        .map_err(refused)?;

    let mut store = X509StoreBuilder::new().map_err(refused)?;
    match &settings.root {
        None => {}
        Some(RootCertificates::File(path)) => {
            let mut found = false;
            for certificate in certificates(path)? {
                store.add_cert(certificate).map_err(refused)?;
                found = true;
            }
            if !found {
                return Err(unusable("sslrootcert", path, &"it has no certificate"));
            }
        }
        Some(RootCertificates::System) => {
            for certificate in system_certificates()? {
                store.add_cert(certificate).map_err(refused)?;
            }
        }
    }
    // In place of those that OpenSSL trusts by itself: only what was named is trusted.
    builder.set_cert_store(store.build());

    // `require` with a file of CAs verifies as `verify-ca` does, as in libpq.
    let verifies = settings.root.is_some()
        && matches!(
            settings.mode,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull
        );
    builder.set_verify(if verifies {
        SslVerifyMode::PEER
    } else {
        SslVerifyMode::NONE
    });

    if let Some((certificate, key)) = &settings.client {
        private(key)?;
        builder
            .set_certificate_chain_file(certificate)
            .map_err(|error| unusable("sslcert", certificate, &error))?;
        builder
            .set_private_key_file(key, SslFiletype::PEM)
            .map_err(|error| unusable("sslkey", key, &error))?;
        builder
            .check_private_key()
            .map_err(|error| unusable("sslkey", key, &error))?;
    }

    let verifies_host = settings.mode == SslMode::VerifyFull;
    let mut connector = MakeTlsConnector::new(builder.build());
    connector.set_callback(move |connection, _host| {
        connection.set_verify_hostname(verifies_host);
        Ok(())
    });
    Ok(connector)
}

fn certificates(path: &Path) -> Result<Vec<X509>, OpenError> {
    let pem = fs::read(path).map_err(|error| unusable("sslrootcert", path, &error))?;
    X509::stack_from_pem(&pem).map_err(|error| unusable("sslrootcert", path, &error))
}

fn system_certificates() -> Result<Vec<X509>, OpenError> {
    match openssl_probe::probe().cert_file {
        Some(path) => certificates(&path),
        None => Err(OpenError::Settings(
            "sslrootcert=system: no file of trusted CAs was found on this machine; name one".into(),
        )),
    }
}

/// As libpq: a private key that others may read is refused, but root's may be for a group.
fn private(key: &Path) -> Result<(), OpenError> {
    let metadata = fs::metadata(key).map_err(|error| unusable("sslkey", key, &error))?;
    let others = if metadata.uid() == 0 { 0o027 } else { 0o077 };
    if metadata.mode() & others != 0 {
        return Err(unusable(
            "sslkey",
            key,
            &"others may read it; run `chmod 600` on it",
        ));
    }
    Ok(())
}

fn unusable(parameter: &str, path: &Path, why: &dyn std::fmt::Display) -> OpenError {
    OpenError::Settings(format!(
        "{parameter}: {} cannot be used: {why}",
        path.display()
    ))
}

fn refused(error: ErrorStack) -> OpenError {
    OpenError::Backend(Box::new(error))
}
