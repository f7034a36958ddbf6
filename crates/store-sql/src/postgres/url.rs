//! Takes from a URL what tokio-postgres does not understand: TLS beyond `require`.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use crate::error::OpenError;

/// How much of TLS is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SslMode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Whom to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RootCertificates {
    /// The CAs that this machine trusts.
    System,
    /// Those of a PEM file.
    File(PathBuf),
}

/// What a URL says of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TlsSettings {
    pub(super) mode: SslMode,
    pub(super) root: Option<RootCertificates>,
    /// The files of our own certificate and its private key.
    pub(super) client: Option<(PathBuf, PathBuf)>,
}

/// The parameters that tokio-postgres understands.
const KNOWN: &[&str] = &[
    "user",
    "password",
    "dbname",
    "options",
    "application_name",
    "sslnegotiation",
    "host",
    "hostaddr",
    "port",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "target_session_attrs",
    "channel_binding",
    "load_balance_hosts",
];

/// Splits a URL into what is for tokio-postgres, and TLS. No error repeats a value of it.
pub(super) fn split(url: &str) -> Result<(String, TlsSettings), OpenError> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(OpenError::Settings(
            "the PostgreSQL URL must begin with postgres://".into(),
        ));
    }
    // A password may have a `?`; parameters begin after the credentials.
    let credentials = url.find('@').unwrap_or(0);
    let (front, parameters) = match url[credentials..].find('?') {
        Some(at) => (&url[..credentials + at], &url[credentials + at + 1..]),
        None => (url, ""),
    };

    let mut kept = Vec::new();
    let mut mode = SslMode::Prefer;
    let mut root = None;
    let (mut certificate, mut key) = (None, None);
    for parameter in parameters.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let name = decoded(name)?;
        match name.as_str() {
            "sslmode" => mode = ssl_mode(&decoded(value)?)?,
            "sslrootcert" => {
                let value = decoded(value)?;
                root = Some(if value == "system" {
                    RootCertificates::System
                } else {
                    RootCertificates::File(value.into())
                });
            }
            "sslcert" => certificate = Some(PathBuf::from(decoded(value)?)),
            "sslkey" => key = Some(PathBuf::from(decoded(value)?)),
            known if KNOWN.contains(&known) => kept.push(parameter),
            // The name may be part of a password that was not percent-encoded.
            _ => {
                return Err(OpenError::Settings(format!(
                    "the PostgreSQL URL has a parameter that is not supported; it may have \
                     sslmode, sslrootcert, sslcert, sslkey, {}",
                    KNOWN.join(", ")
                )));
            }
        }
    }
    let client = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => {
            return Err(OpenError::Settings(
                "the PostgreSQL URL must have both sslcert and sslkey, or neither".into(),
            ));
        }
    };
    if matches!(mode, SslMode::VerifyCa | SslMode::VerifyFull) && root.is_none() {
        return Err(OpenError::Settings(
            "sslmode=verify-ca and verify-full need sslrootcert=FILE, or sslrootcert=system for \
             the CAs that this machine trusts"
                .into(),
        ));
    }
    if root == Some(RootCertificates::System) && mode != SslMode::VerifyFull {
        // As libpq: anybody gets a certificate from a public CA.
        return Err(OpenError::Settings(
            "sslrootcert=system needs sslmode=verify-full".into(),
        ));
    }
    let rest = if kept.is_empty() {
        front.to_owned()
    } else {
        format!("{front}?{}", kept.join("&"))
    };
    Ok((rest, TlsSettings { mode, root, client }))
}

fn decoded(text: &str) -> Result<String, OpenError> {
    percent_decode_str(text)
        .decode_utf8()
        .map(Into::into)
        .map_err(|_| OpenError::Settings("a parameter of the PostgreSQL URL is not UTF-8".into()))
}

fn ssl_mode(name: &str) -> Result<SslMode, OpenError> {
    Ok(match name {
        "disable" => SslMode::Disable,
        "prefer" => SslMode::Prefer,
        "require" => SslMode::Require,
        "verify-ca" => SslMode::VerifyCa,
        "verify-full" => SslMode::VerifyFull,
        _ => {
            return Err(OpenError::Settings(
                "sslmode must be disable, prefer, require, verify-ca or verify-full".into(),
            ));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(url: &str) -> TlsSettings {
        split(url).unwrap().1
    }

    #[test]
    fn tls_is_taken_out_and_the_rest_is_kept() {
        let (rest, tls) = split(
            "postgres://u:p%40s?s@db:5433/ck?sslmode=verify-full&application_name=x\
             &sslrootcert=%2Fetc%2Fmy%20ca.pem&sslcert=c.pem&sslkey=k.pem&connect_timeout=3",
        )
        .unwrap();
        assert_eq!(
            rest,
            "postgres://u:p%40s?s@db:5433/ck?application_name=x&connect_timeout=3"
        );
        assert_eq!(
            tls,
            TlsSettings {
                mode: SslMode::VerifyFull,
                root: Some(RootCertificates::File("/etc/my ca.pem".into())),
                client: Some(("c.pem".into(), "k.pem".into())),
            }
        );
        assert_eq!(split("postgresql://db/ck").unwrap().0, "postgresql://db/ck");
    }

    #[test]
    fn every_mode_of_libpq_but_allow_is_known() {
        assert_eq!(tls("postgres://db/ck").mode, SslMode::Prefer);
        for (name, mode) in [
            ("disable", SslMode::Disable),
            ("prefer", SslMode::Prefer),
            ("require", SslMode::Require),
            ("verify-ca", SslMode::VerifyCa),
            ("verify-full", SslMode::VerifyFull),
        ] {
            let url = format!("postgres://db/ck?sslmode={name}");
            let url = match mode {
                SslMode::VerifyCa | SslMode::VerifyFull => format!("{url}&sslrootcert=ca.pem"),
                _ => url,
            };
            assert_eq!(tls(&url).mode, mode);
        }
    }

    #[test]
    fn what_cannot_be_right_is_refused_without_repeating_it() {
        for url in [
            "hunter2",
            "host=db password=hunter2",
            "postgres://u:hunter2@db/ck?sslmode=allow",
            "postgres://u:hunter2@db/ck?sslmode=verify-full",
            "postgres://u:hunter2@db/ck?sslmode=verify-ca",
            "postgres://u:hunter2@db/ck?sslmode=require&sslrootcert=system",
            "postgres://u:hunter2@db/ck?sslcert=c.pem",
            "postgres://u:hunter2@db/ck?sslkey=c.pem",
            "postgres://u:hunter2@db/ck?hunter2=1",
            "postgres://u:hunter2@db/ck?sslmode=%ff",
        ] {
            let error = split(url).unwrap_err();
            assert!(matches!(error, OpenError::Settings(_)), "{url}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{url}");
        }
    }
}
