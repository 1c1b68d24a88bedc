//! Engines over TLS, with the files of certificates that Docker's own tools read.

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bollard::errors::Error as ApiError;
use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, Error as TlsError, RootCertStore};

use super::{Address, EngineError};

/// Of the directory: the authority that vouches for the engine.
const AUTHORITY: &str = "ca.pem";
/// Who this client is, for an engine that wants to know.
const CERTIFICATE: &str = "cert.pem";
const KEY: &str = "key.pem";

/// Asks over TLS an engine for which the authority in the directory vouches, and no other: the
/// system's own authorities are not asked.
pub(super) fn connect(
    address: &Address,
    url: &str,
    directory: &Path,
    patience_s: u64,
) -> Result<Docker, EngineError> {
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(config(directory)?)
        .https_only()
        .enable_http1()
        .build();
    let client = Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build(connector);
    let transport = move |request: BollardRequest| {
        let answer = client.request(request);
        async move { answer.await.map_err(ApiError::from) }
    };
    let docker = Docker::connect_with_custom_transport(
        transport,
        Some(url),
        patience_s,
        API_DEFAULT_VERSION,
    );
    docker.map_err(|error| EngineError::of(address, error))
}

fn config(directory: &Path) -> Result<ClientConfig, EngineError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let unusable = |name: &str, error: TlsError| unusable(&directory.join(name), &error);
    let mut authorities = RootCertStore::empty();
    for authority in certificates(&directory.join(AUTHORITY))? {
        let added = authorities.add(authority);
        added.map_err(|error| unusable(AUTHORITY, error))?;
    }
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(AUTHORITY, error))?
        .with_root_certificates(authorities);
    let [certificate, key] = [CERTIFICATE, KEY].map(|name| directory.join(name));
    if !certificate.exists() && !key.exists() {
        return Ok(config.with_no_client_auth());
    }
    let chain = certificates(&certificate)?;
    let key = PrivateKeyDer::from_pem_file(&key).map_err(|error| unread(&key, &error))?;
    let config = config.with_client_auth_cert(chain, key);
    config.map_err(|error| unusable(CERTIFICATE, error))
}

/// The certificates of a file, of which there is one at least.
fn certificates(path: &PathBuf) -> Result<Vec<CertificateDer<'static>>, EngineError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let read: Vec<_> = read.map_err(|error| unread(path, &error))?;
    if read.is_empty() {
        return Err(unusable(path, &"it holds no certificate in PEM"));
    }
    Ok(read)
}

fn unread(path: &Path, error: &pem::Error) -> EngineError {
    match error {
        pem::Error::Io(error) => unusable(path, error),
        other => unusable(path, other),
    }
}

fn unusable(path: &Path, reason: &impl ToString) -> EngineError {
    EngineError::Certificates {
        path: path.display().to_string(),
        reason: reason.to_string(),
    }
}

/// What it means that a request failed, if TLS was the cause.
pub(super) fn refusal(address: &str, error: &ApiError) -> Option<EngineError> {
    let address = address.to_owned();
    let error = cause(error)?;
    let reason = error.to_string();
    Some(match error {
        TlsError::InvalidCertificate(_) => EngineError::Untrusted { address, reason },
        TlsError::AlertReceived(_) => EngineError::Unidentified { address, reason },
        TlsError::InvalidMessage(_) => EngineError::NoTls { address, reason },
        _ => EngineError::Away { address, reason },
    })
}

/// The error of TLS among the causes of another, where an error of the system may hold it.
fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a TlsError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<TlsError>() {
            return Some(found);
        }
        let held = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match held {
            Some(held) => Some(held),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use rcgen::{CertificateParams, KeyPair};

    use super::super::{Selection, containers};
    use super::*;

    fn refused(address: &str) -> EngineError {
        let selection = Selection {
            service: Some("worker".to_owned()),
            ..Selection::default()
        };
        containers(&Address::from(address), &selection).unwrap_err()
    }

    #[test]
    fn certificates_that_cannot_be_used_are_told_by_their_file() {
        let directory = tempfile::tempdir().unwrap();
        let told = |file: &str, reason: &str| {
            let address = format!("https://127.0.0.1:1#{}", directory.path().display());
            let told = refused(&address).to_string();
            assert!(told.contains(&format!("/{file}: {reason}")), "{told}");
            assert!(told.contains("DOCKER_CERT_PATH"), "{told}");
        };
        told(AUTHORITY, "No such file");
        fs::write(directory.path().join(AUTHORITY), "nothing").unwrap();
        told(AUTHORITY, "it holds no certificate in PEM");
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::default().self_signed(&key).unwrap();
        fs::write(directory.path().join(AUTHORITY), own.pem()).unwrap();
        fs::write(directory.path().join(CERTIFICATE), own.pem()).unwrap();
        told(KEY, "No such file");
    }

    #[test]
    fn what_does_not_speak_tls_is_told_with_the_way_out() {
        let directory = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::default().self_signed(&key).unwrap();
        fs::write(directory.path().join(AUTHORITY), own.pem()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let _ = stream.read(&mut [0; 1024]);
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
            }
        });
        let error = refused(&format!(
            "https://127.0.0.1:{port}#{}",
            directory.path().display()
        ));
        assert!(matches!(error, EngineError::NoTls { .. }), "{error}");
        assert!(error.to_string().contains("give tcp://"), "{error}");
    }
}
