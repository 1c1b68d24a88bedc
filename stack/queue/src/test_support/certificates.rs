//! Certificates for servers and clients under test.

use std::fs;
use std::io::{Error, Result};
use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
};
use tempfile::TempDir;

/// Two authorities, and what the first of them has signed.
#[derive(Debug)]
pub struct Certificates {
    dir: TempDir,
}

impl Certificates {
    /// Makes all of them. The server is called `localhost`, and has no other name or address.
    ///
    /// # Errors
    /// When they cannot be made or written.
    pub fn make() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let issuer = authority("ours")?;
        let write = |name: &str, text: String| fs::write(dir.path().join(name), text);
        write("ca.pem", issuer.pem())?;
        write("other-ca.pem", authority("other")?.pem())?;
        for (file, name) in [("server", "localhost"), ("client", "voteops")] {
            let key = KeyPair::generate().map_err(Error::other)?;
            let mut params = CertificateParams::new([name.to_owned()]).map_err(Error::other)?;
            params.distinguished_name = called(name);
            let signed = params.signed_by(&key, &issuer).map_err(Error::other)?;
            write(&format!("{file}.pem"), signed.pem())?;
            write(&format!("{file}.key"), key.serialize_pem())?;
        }
        Ok(Self { dir })
    }

    /// The file `ca.pem`, `other-ca.pem`, or `.pem` or `.key` of `server` or `client`.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What has a Redis server speak TLS on `port`; `auth_clients` is `yes` when it is to ask for the
    /// client's certificate.
    #[must_use]
    pub fn redis_settings(&self, port: u16, auth_clients: &str) -> Vec<String> {
        let file = |name: &str| self.file(name).display().to_string();
        let settings = [
            ("--tls-port", port.to_string()),
            ("--tls-cert-file", file("server.pem")),
            ("--tls-key-file", file("server.key")),
            ("--tls-ca-cert-file", file("ca.pem")),
            ("--tls-auth-clients", auth_clients.to_owned()),
        ];
        let words = settings.into_iter();
        words
            .flat_map(|(name, value)| [name.to_owned(), value])
            .collect()
    }
}

fn authority(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::new(Vec::new()).map_err(Error::other)?;
    params.distinguished_name = called(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().map_err(Error::other)?;
    CertifiedIssuer::self_signed(params, key).map_err(Error::other)
}

/// OpenSSL looks for who has signed by this name.
fn called(name: &str) -> DistinguishedName {
    let mut called = DistinguishedName::new();
    called.push(DnType::CommonName, name);
    called
}
