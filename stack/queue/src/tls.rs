//! The certificates that TLS needs, and what its errors mean.

use std::error::Error as _;
use std::io;
use std::path::Path;
use std::sync::Arc;

use redis::{ClientTlsConfig, RedisError, TlsCertificates};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};

use crate::access::{Access, AccessError, AccessPart};

/// The files of an [`Access`], read and found usable.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) certificates: TlsCertificates,
    /// How messages call the authorities.
    pub(crate) authorities: String,
}

impl Files {
    pub(crate) fn read(access: &Access) -> Result<Self, AccessError> {
        // Only the first provider counts; every one in this program is the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut roots = RootCertStore::empty();
        let root_cert = match &access.ca {
            Some(path) => Some(read_authorities(path, &mut roots)?),
            None => None,
        };
        let client_tls = match (&access.certificate, &access.key) {
            (Some(certificate), Some(key)) => Some(read_identity(certificate, key, roots)?),
            (None, None) => None,
            (Some(_), None) => {
                return Err(wrong(AccessPart::Certificate, "give its key as well"));
            }
            (None, Some(_)) => {
                return Err(wrong(AccessPart::Key, "give its certificate as well"));
            }
        };
        let authorities = match &access.ca {
            Some(path) => format!("no authority in {}", path.display()),
            None => "no authority that browsers trust".to_owned(),
        };
        Ok(Self {
            certificates: TlsCertificates {
                client_tls,
                root_cert,
            },
            authorities,
        })
    }
}

fn read_authorities(path: &Path, roots: &mut RootCertStore) -> Result<Vec<u8>, AccessError> {
    let (pem, certificates) = read_certificates(AccessPart::Ca, path)?;
    for certificate in certificates {
        roots
            .add(certificate)
            .map_err(|error| wrong(AccessPart::Ca, &format!("it holds no authority: {error}")))?;
    }
    Ok(pem)
}

fn read_identity(
    certificate: &Path,
    key: &Path,
    roots: RootCertStore,
) -> Result<ClientTlsConfig, AccessError> {
    let (client_cert, chain) = read_certificates(AccessPart::Certificate, certificate)?;
    let client_key = read(AccessPart::Key, key)?;
    let parsed = PrivateKeyDer::from_pem_slice(&client_key).map_err(|error| {
        let reason = format!("it holds no key in PEM ({error}); name the file of the key");
        wrong(AccessPart::Key, &reason)
    })?;
    let config = ClientConfig::builder().with_root_certificates(roots);
    config
        .with_client_auth_cert(chain, parsed)
        .map_err(|error| {
            let reason = format!("it does not fit the certificate: {error}");
            wrong(AccessPart::Key, &reason)
        })?;
    Ok(ClientTlsConfig {
        client_cert,
        client_key,
    })
}

fn read_certificates(
    part: AccessPart,
    path: &Path,
) -> Result<(Vec<u8>, Vec<CertificateDer<'static>>), AccessError> {
    let pem = read(part, path)?;
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok((pem, certificates)),
        Ok(_) => Err(wrong(
            part,
            "it holds no certificate; name a file with certificates in PEM",
        )),
        Err(error) => Err(wrong(part, &format!("it is no PEM: {error}"))),
    }
}

fn read(part: AccessPart, path: &Path) -> Result<Vec<u8>, AccessError> {
    std::fs::read(path).map_err(|error| {
        let reason = format!("it cannot be read: {error}; name a file in PEM that can be");
        wrong(part, &reason)
    })
}

fn wrong(part: AccessPart, reason: &str) -> AccessError {
    AccessError {
        part,
        reason: reason.to_owned(),
    }
}

/// What an error of TLS between this program and a server is about, with the way out; none when it may
/// pass. `authorities` is who was to have signed the server's certificate, as in "no authority in FILE".
#[must_use]
pub fn tls_reason(error: &rustls::Error, authorities: &str) -> Option<String> {
    match error {
        // A bad signature: another authority of the same name, one that was made anew perhaps.
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => Some(format!(
            "{authorities} has signed its certificate; name the file of the one that did"
        )),
        rustls::Error::InvalidCertificate(reason) => Some(format!(
            "its certificate does not do ({reason}); use a name that it has, or have another made"
        )),
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => Some(
            "it wants a certificate to be shown to it; give a client certificate and its key"
                .to_owned(),
        ),
        rustls::Error::AlertReceived(alert) => Some(format!(
            "it refuses the TLS that is offered ({alert:?}); its log tells why"
        )),
        rustls::Error::InvalidMessage(_) => {
            Some("it does not speak TLS; name its port for TLS, or do without TLS".to_owned())
        }
        _ => None,
    }
}

/// The error of TLS behind one of Redis.
pub(crate) fn cause(error: &RedisError) -> Option<&rustls::Error> {
    let shared = error.source()?;
    let shared = shared.downcast_ref::<Arc<dyn std::error::Error + Send + Sync>>()?;
    let io = shared.downcast_ref::<io::Error>()?;
    io.get_ref()?.downcast_ref()
}
