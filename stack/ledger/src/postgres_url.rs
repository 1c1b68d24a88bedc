//! The URL of a PostgreSQL database, and what its TLS comes to.

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;
use voteops_queue::tls_reason;

use crate::Error;

/// A server, and whom it has to be signed by.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    server: String,
    authorities: String,
}

impl Address {
    /// How to connect to it comes with it.
    pub(crate) fn parse(url: &str) -> Result<(PgConnectOptions, Self), Error> {
        let options: PgConnectOptions = url
            .parse()
            .map_err(|error: sqlx::Error| Error::Url(error.to_string()))?;
        let url = Url::parse(url).map_err(|error| Error::Url(error.to_string()))?;
        let mut authorities = "no authority that browsers trust".to_owned();
        for (name, file) in url.query_pairs() {
            match &*name {
                "sslrootcert" | "ssl-root-cert" | "ssl-ca" => {
                    check_is_there(&name, &file)?;
                    check_is_verified(options.get_ssl_mode())?;
                    authorities = format!("no authority in {file}, nor one that browsers trust,");
                }
                "sslcert" | "ssl-cert" | "sslkey" | "ssl-key" => check_is_there(&name, &file)?,
                "sslmode" | "ssl-mode" => {}
                // sqlx would pass over it, and a connection in the clear is all that comes of that. Of other
                // names that it passes over it warns.
                name if name.starts_with("ssl") => {
                    return Err(Error::Url(format!(
                        "{name} in its query is not known; TLS is told by sslmode, sslrootcert, sslcert and sslkey"
                    )));
                }
                _ => {}
            }
        }
        let server = format!("{}:{}", options.get_host(), options.get_port());
        let address = Self {
            server,
            authorities,
        };
        Ok((options, address))
    }

    /// What a first connection failed by, with the server and the way out.
    pub(crate) fn explained(&self, error: sqlx::Error) -> Error {
        let server = &self.server;
        match &error {
            sqlx::Error::Io(io) => {
                let cause = io.get_ref().and_then(|inner| inner.downcast_ref());
                match cause.and_then(|cause| tls_reason(cause, &self.authorities)) {
                    Some(reason) => Error::Open(format!("{server}: {reason}")),
                    None => Error::Away(format!("{server}: {error}")),
                }
            }
            sqlx::Error::Tls(reason) => Error::Open(format!(
                "{server}: {reason}; correct sslmode and its files in the URL, or have the server use TLS"
            )),
            sqlx::Error::Configuration(reason) => Error::Open(format!("{server}: {reason}")),
            _ => error.into(),
        }
    }
}

/// With other modes sqlx does not look at the file, and takes any server.
fn check_is_verified(mode: PgSslMode) -> Result<(), Error> {
    match mode {
        PgSslMode::VerifyCa | PgSslMode::VerifyFull => Ok(()),
        other => Err(Error::Url(format!(
            "sslrootcert is looked at with sslmode=verify-full and verify-ca only, and sslmode is {other:?}"
        ))),
    }
}

fn check_is_there(name: &str, file: &str) -> Result<(), Error> {
    match std::fs::File::open(file) {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::Url(format!(
            "{name}: {file} cannot be read: {error}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_that_would_not_do_what_it_says_is_refused() {
        let parse = |query: &str| Address::parse(&format!("postgres://h/db?{query}"));
        let file = "/etc/hostname";
        for (query, reason) in [
            ("sslmod=verify-full", "sslmod in its query is not known"),
            ("sslmode=full", "\"full\""),
            (
                "sslmode=verify-full&sslrootcert=/nowhere/ca%20x.pem",
                "/nowhere/ca x.pem cannot be read: No such file",
            ),
            (
                &format!("sslmode=require&sslrootcert={file}"),
                "sslmode is Require",
            ),
            (&format!("sslrootcert={file}"), "sslmode is Prefer"),
        ] {
            let told = parse(query).unwrap_err().to_string();
            assert!(told.contains(reason), "{told}");
            assert!(told.contains("a ledger URL reads"), "{told}");
        }
        for good in [
            "sslmode=verify-ca",
            "options[a]=b",
            "application_name=x",
            "connect_timeout=1",
            "",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
    }
}
