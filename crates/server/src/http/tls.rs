//! TLS by certificate files, read again when the operator says so.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::TlsFiles;

/// Why certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read as PEM.
    #[error("cannot read {what} in {}: {reason}", path.display())]
    File {
        /// What should be in it.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// They do not go together, or are of a kind that is not supported.
    #[error("the certificate and its key cannot be used: {0}")]
    Rustls(#[from] rustls::Error),
}

/// The certificate in use. A handshake takes the one that is current when it begins.
#[derive(Debug)]
pub struct ReloadableCertificate {
    files: TlsFiles,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<CertifiedKey>>,
}

impl ReloadableCertificate {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`] names the file and what is wrong.
    pub fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let current = RwLock::new(Arc::new(read(files, &provider)?));
        Ok(Self {
            files: files.clone(),
            provider,
            current,
        })
    }

    /// Reads the files again; on an error the certificate in use stays.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn reload(&self) -> Result<(), TlsError> {
        let fresh = Arc::new(read(&self.files, &self.provider)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// The server's side of TLS 1.2 and 1.3.
    ///
    /// # Errors
    /// [`TlsError::Rustls`] if the provider has no cipher suite in common with them.
    pub fn server_config(self: &Arc<Self>) -> Result<ServerConfig, TlsError> {
        let config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        Ok(config)
    }
}

impl ResolvesServerCert for ReloadableCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

fn read(files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let unreadable = |what, path: &PathBuf| {
        let path = path.clone();
        move |error: rustls_pki_types::pem::Error| TlsError::File {
            what,
            path,
            reason: match error {
                rustls_pki_types::pem::Error::Io(io) => io.to_string(),
                rustls_pki_types::pem::Error::NoItemsFound => "it holds none".to_owned(),
                // It might quote what it found.
                _ => "it is not PEM".to_owned(),
            },
        }
    };
    let what = "a certificate chain";
    let chain = CertificateDer::pem_file_iter(&files.cert_file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unreadable(what, &files.cert_file))?;
    if chain.is_empty() {
        return Err(TlsError::File {
            what,
            path: files.cert_file.clone(),
            reason: "it holds none".to_owned(),
        });
    }
    let key = PrivateKeyDer::from_pem_file(&files.key_file)
        .map_err(unreadable("a private key", &files.key_file))?;
    Ok(CertifiedKey::from_der(chain, key, provider)?)
}
