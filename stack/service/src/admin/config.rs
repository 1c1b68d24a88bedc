//! Whether there is an admin listener, where, and what opens it.

use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::token::Token;
use super::{Faults, api};
use crate::config::{ConfigError, Given};
use crate::{Error, http};

/// The settings of an admin listener.
#[derive(Debug, Clone)]
pub struct AdminConfig {
    listen: SocketAddr,
    token: Token,
}

/// An admin listener that is bound and not yet served.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
    token: Token,
}

impl AdminConfig {
    /// Puts the settings `admin-listen` and `admin-token-file` together. `None`, no listener, when
    /// the first is empty.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for an address that is neither loopback nor private, and for a token
    /// that is not there, cannot be read or is too short.
    pub fn read(listen: &Given, token_file: &Given) -> Result<Option<Self>, ConfigError> {
        if listen.text().is_empty() {
            return Ok(None);
        }
        let address: SocketAddr =
            listen.parse("an IP address and a port, such as 127.0.0.1:8090")?;
        if !is_inside(address.ip()) {
            return Err(listen.error(
                "faults must not be reached from outside; \
                 expected a loopback or private address, such as 127.0.0.1:8090",
            ));
        }
        if token_file.text().is_empty() {
            return Err(listen.error(
                "faults need a token; \
                 name a file that holds one of at least 16 characters with --admin-token-file",
            ));
        }
        Ok(Some(Self {
            listen: address,
            token: token(token_file)?,
        }))
    }

    /// Listens on the address.
    ///
    /// # Errors
    /// [`Error::Listen`] when the address is taken or not this machine's.
    pub async fn listen(&self) -> Result<Admin, Error> {
        Ok(Admin {
            listener: http::listen(self.listen, "--admin-listen").await?,
            token: self.token.clone(),
        })
    }
}

impl Admin {
    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves the API of `faults` until `shutdown`.
    pub async fn serve(self, faults: Faults, shutdown: CancellationToken) {
        if let Ok(address) = self.address() {
            tracing::info!(%address, "faults can be injected through the admin listener");
        }
        http::serve(self.listener, api::router(faults, self.token), shutdown).await;
    }
}

/// Whether an address belongs to this machine or to a private network (RFC 1918, RFC 3927,
/// RFC 4193, RFC 4291). The unspecified address does not: it stands for all of a machine's.
fn is_inside(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

fn token(file: &Given) -> Result<Token, ConfigError> {
    const EXPECTED: &str = "expected a file that holds a token of at least 16 characters";
    let text = std::fs::read_to_string(file.text())
        .map_err(|error| file.error(format!("{error}; {EXPECTED}")))?;
    Token::new(&text).map_err(|error| file.error(format!("{error}; {EXPECTED}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    fn read(listen: &str, token_file: &str) -> Result<Option<AdminConfig>, String> {
        let settings = Settings::<()>::load("VOTEOPS_ADMIN_TEST", None).unwrap();
        let given = |key, text: &str| settings.get(key, Some(text.to_owned()), None, "");
        let (listen, token_file) = (
            given("admin-listen", listen),
            given("admin-token-file", token_file),
        );
        AdminConfig::read(&listen, &token_file).map_err(|error| error.to_string())
    }

    fn token_file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn there_is_none_unless_an_address_is_given() {
        assert!(read("", "").unwrap().is_none());
        let file = token_file("0123456789abcdef\n");
        assert!(read("", file.path().to_str().unwrap()).unwrap().is_none());
    }

    #[test]
    fn only_loopback_and_private_addresses_are_taken() {
        let file = token_file("0123456789abcdef\n");
        let file = file.path().to_str().unwrap();
        for inside in [
            "127.0.0.1:1",
            "127.8.8.8:1",
            "10.1.2.3:1",
            "172.16.0.1:1",
            "172.31.255.255:1",
            "192.168.0.1:1",
            "169.254.1.1:1",
            "[::1]:1",
            "[fd00::1]:1",
            "[fe80::1]:1",
            "[::ffff:10.0.0.1]:1",
        ] {
            assert!(read(inside, file).unwrap().is_some(), "{inside}");
        }
        for outside in [
            "0.0.0.0:1",
            "8.8.8.8:1",
            "172.32.0.1:1",
            "192.169.0.1:1",
            "100.64.0.1:1",
            "[::]:1",
            "[2001:db8::1]:1",
            "[::ffff:8.8.8.8]:1",
        ] {
            let error = read(outside, file).unwrap_err();
            let begin = format!("admin-listen = {outside:?} (from --admin-listen): ");
            assert!(error.starts_with(&begin), "{error}");
            assert!(
                error.ends_with("private address, such as 127.0.0.1:8090"),
                "{error}"
            );
        }
        let error = read("localhost", file).unwrap_err();
        assert!(error.ends_with("expected an IP address and a port, such as 127.0.0.1:8090"));
    }

    #[test]
    fn there_is_no_listener_without_a_token_that_is_hard_to_guess() {
        let error = read("127.0.0.1:1", "").unwrap_err();
        assert!(
            error.ends_with("16 characters with --admin-token-file"),
            "{error}"
        );
        for (text, reason) in [
            (
                "0123456789abcde\n",
                "the token is shorter than 16 characters; ",
            ),
            ("", "the token is shorter than 16 characters; "),
            ("0123456789 abcdef", "the token holds a blank"),
        ] {
            let file = token_file(text);
            let error = read("127.0.0.1:1", file.path().to_str().unwrap()).unwrap_err();
            assert!(error.starts_with("admin-token-file = \"/"), "{error}");
            assert!(error.contains(reason), "{error}");
            assert!(!error.contains("012345"), "{error}");
        }
        let error = read("127.0.0.1:1", "/nowhere/token").unwrap_err();
        assert!(
            error.contains("\"/nowhere/token\"") && error.contains("No such file"),
            "{error}"
        );
        assert!(!error.contains('\n'), "{error}");
    }
}
