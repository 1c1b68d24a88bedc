//! The ledger in a PostgreSQL database that is reached over TLS.

use std::error::Error as StdError;

use voteops_ledger::test_support::PostgresServer;
use voteops_ledger::{Error, Ledger};
use voteops_queue::test_support::Certificates;

type TestResult = Result<(), Box<dyn StdError>>;

/// What a ledger says that cannot be used, with its way out.
async fn refused(url: &str) -> Result<String, Box<dyn StdError>> {
    match Ledger::connect(url)?.prepare().await {
        Err(Error::Open(reason)) => Ok(reason),
        other => Err(format!("{url}: not refused: {other:?}").into()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mode_of_tls_trusts_whom_it_should() -> TestResult {
    let certificates = Certificates::make()?;
    let file = |name: &str| certificates.file(name).display().to_string();
    let server = PostgresServer::start_tls(
        &certificates.file("server.pem"),
        &certificates.file("server.key"),
    )?;
    let url = |host: &str, query: &str| {
        let url = server.url().replace("127.0.0.1", host);
        format!("{url}?{query}")
    };
    let (ours, other) = (file("ca.pem"), file("other-ca.pem"));
    for (host, query) in [
        ("127.0.0.1", "sslmode=require".to_owned()),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={ours}")),
        (
            "localhost",
            format!("sslmode=verify-full&sslrootcert={ours}"),
        ),
    ] {
        let ledger = Ledger::connect(&url(host, &query))?;
        ledger
            .ping()
            .await
            .map_err(|error| format!("{query}: {error}"))?;
        ledger.close().await;
    }
    for (host, query, reason) in [
        (
            "127.0.0.1",
            format!("sslmode=verify-full&sslrootcert={ours}"),
            "use a name that it has",
        ),
        (
            "localhost",
            format!("sslmode=verify-full&sslrootcert={other}"),
            "other-ca.pem",
        ),
        (
            "localhost",
            format!("sslmode=verify-ca&sslrootcert={other}"),
            "no authority in",
        ),
        (
            "localhost",
            "sslmode=verify-full".to_owned(),
            "that browsers trust",
        ),
        ("localhost", "sslmode=disable".to_owned(), "no encryption"),
    ] {
        let told = refused(&url(host, &query)).await?;
        assert!(told.contains(reason), "{query}: {told}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_refused_where_tls_is_required() -> TestResult {
    let server = PostgresServer::start()?;
    let told = refused(&format!("{}?sslmode=require", server.url())).await?;
    assert!(
        told.contains("does not support TLS") && told.contains("correct sslmode"),
        "{told}"
    );
    Ok(())
}
