//! A certificate authority of one run, and a server certificate for 127.0.0.1 by it.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};

use crate::error::{Error, Result};

/// PEM files of a server that a client can verify in full.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The authority that clients trust (`sslrootcert`).
    pub authority: PathBuf,
    /// The server's certificate, for `localhost` and 127.0.0.1.
    pub certificate: PathBuf,
    /// The server's private key, mode 0600.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Makes an authority and a server certificate in `folder`.
    ///
    /// # Errors
    /// [`Error::Other`] if the library refuses, [`Error::File`].
    pub fn create(folder: &Path) -> Result<Self> {
        let refused = |error: rcgen::Error| Error::Other(format!("no test certificate: {error}"));

        let authority_key = KeyPair::generate().map_err(refused)?;
        let mut authority = CertificateParams::new(Vec::new()).map_err(refused)?;
        authority
            .distinguished_name
            .push(DnType::CommonName, "Crypt-Keeper test authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority_certificate = authority.self_signed(&authority_key).map_err(refused)?;
        let issuer = Issuer::new(authority, authority_key);

        let key = KeyPair::generate().map_err(refused)?;
        let mut server = CertificateParams::new(vec!["localhost".to_owned()]).map_err(refused)?;
        server
            .distinguished_name
            .push(DnType::CommonName, "localhost");
        server
            .subject_alt_names
            .push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        let certificate = server.signed_by(&key, &issuer).map_err(refused)?;

        let files = Self {
            authority: folder.join("authority.pem"),
            certificate: folder.join("server.pem"),
            key: folder.join("server.key"),
        };
        write(&files.authority, &authority_certificate.pem(), 0o644)?;
        write(&files.certificate, &certificate.pem(), 0o644)?;
        write(&files.key, &key.serialize_pem(), 0o600)?;
        Ok(files)
    }
}

fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    fs::write(path, text)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
        .map_err(|source| Error::file("write", path, source))
}
