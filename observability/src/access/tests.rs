//! Credentials against servers that check them.

use std::fs;
use std::sync::Arc;

use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use url::Url;
use wiremock::matchers::{header, header_exists, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::backend::{BackendError, Http};

fn login(login: Login) -> Access {
    Access {
        login: Some(login),
        ..Access::default()
    }
}

async fn ask(url: &str, access: &Access) -> Result<serde_json::Value, BackendError> {
    let http = Http::with_access(&url.parse::<Url>().unwrap(), access)?;
    http.get_json("x", &[]).await
}

async fn serves(server: &MockServer, mock: wiremock::MockBuilder) {
    mock.respond_with(ResponseTemplate::new(200).set_body_string("1"))
        .mount(server)
        .await;
}

/// The variable by which a copy of the test below knows what to ask.
const PAST_PROXY: &str = "VOTEOPS_TEST_PAST_PROXY";

#[tokio::test]
async fn a_server_of_this_machine_is_asked_past_any_proxy() {
    const TEST: &str = "access::tests::a_server_of_this_machine_is_asked_past_any_proxy";
    if let Ok(url) = std::env::var(PAST_PROXY) {
        let access = login(Login::Bearer(Secret::Value("mF_9.B5f-4.1JqM".into())));
        assert!(ask(&url, &access).await.is_ok());
        return;
    }
    let server = MockServer::start().await;
    serves(&server, Mock::given(path("/x"))).await;
    // A proxy that nobody is, in the environment of a process of its own.
    let mut copy = std::process::Command::new(std::env::current_exe().unwrap());
    copy.args(["--exact", TEST]).env(PAST_PROXY, server.uri());
    copy.env_remove("NO_PROXY").env_remove("no_proxy");
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        copy.env(name, "http://127.0.0.1:1");
    }
    let told = copy.output().unwrap();
    let said = String::from_utf8_lossy(&told.stdout);
    assert!(told.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn user_token_and_tenant_are_sent_as_the_standards_say() {
    let server = MockServer::start().await;
    // RFC 7617, section 2.
    let basic = Mock::given(header(
        "authorization",
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
    ));
    serves(&server, basic).await;
    let bearer = Mock::given(header("authorization", "Bearer mF_9.B5f-4.1JqM"));
    serves(&server, bearer.and(header("x-scope-orgid", "team-a"))).await;
    let aladdin = Secret::Value("open sesame".into());
    let access = login(Login::Basic("Aladdin".into(), aladdin));
    assert!(ask(&server.uri(), &access).await.is_ok());
    let access = Access {
        tenant: Some("team-a".into()),
        ..login(Login::Bearer(Secret::Value("mF_9.B5f-4.1JqM".into())))
    };
    assert!(ask(&server.uri(), &access).await.is_ok());
    let error = ask(&server.uri(), &Access::default()).await.unwrap_err();
    assert_eq!(error.short(), "HTTP 404");
}

#[tokio::test]
async fn a_secret_that_was_changed_is_read_again() {
    let server = MockServer::start().await;
    serves(&server, Mock::given(header("authorization", "Bearer new"))).await;
    Mock::given(header("authorization", "Bearer old"))
        .respond_with(ResponseTemplate::new(401))
        .mount(&server)
        .await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    fs::write(&file, "old\n").unwrap();
    let access = login(Login::Bearer(Secret::File(file.clone())));
    let http = Http::with_access(&server.uri().parse().unwrap(), &access).unwrap();
    let (status, _) = http.get("x", &[]).await.unwrap();
    assert_eq!(status, 401);
    fs::write(&file, "new\n").unwrap();
    let (status, _) = http.get("x", &[]).await.unwrap();
    assert_eq!(status, 200);
    let (status, _) = http.post_form("x", &[("a", "b")]).await.unwrap();
    assert_eq!(status, 200);
    // The wrong one was sent twice: a secret that did not change is not tried again.
    assert_eq!(server.received_requests().await.unwrap().len(), 4);
}

#[tokio::test]
async fn commands_tell_secrets_and_their_failures_are_told_without_them() {
    let command = |words: &[&str]| Secret::Command(words.iter().map(|w| (*w).into()).collect());
    let secret = command(&["sh", "-c", "echo s3cret"]);
    assert_eq!(secret.read().await.unwrap(), "s3cret");
    let failing = command(&["sh", "-c", "echo s3cret; echo locked >&2; exit 3"]);
    let told = failing.read().await.unwrap_err().to_string();
    assert!(
        told.contains("sh told no secret") && told.contains("locked"),
        "{told}"
    );
    assert!(!told.contains("s3cret"), "{told}");
    for (secret, reason) in [
        (command(&["/no/such/program"]), "No such file"),
        (command(&[]), "the command is empty"),
        (command(&["printf", "a\\nb"]), "more than one line"),
        (Secret::Value(String::new()), "it is empty"),
        (Secret::File("/no/such/file".into()), "/no/such/file"),
    ] {
        let told = secret.read().await.unwrap_err().to_string();
        assert!(told.contains(reason), "{told}");
    }
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_is_no_access() {
    let access = login(Login::Bearer(Secret::File("/no/such/token".into())));
    let error = ask("http://127.0.0.1:1", &access).await.unwrap_err();
    assert_eq!(error.short(), "no access");
    assert!(error.to_string().contains("/no/such/token"), "{error}");
}

#[tokio::test]
async fn another_server_never_sees_what_is_private() {
    let (here, there) = (MockServer::start().await, MockServer::start().await);
    serves(&there, Mock::given(path("/y"))).await;
    for (from, to) in [
        ("/a/x", format!("{}/y", there.uri())),
        ("/b/x", "/y".into()),
    ] {
        let away = ResponseTemplate::new(307).insert_header("location", to);
        Mock::given(path(from))
            .respond_with(away)
            .mount(&here)
            .await;
    }
    serves(
        &here,
        Mock::given(path("/y")).and(header_exists("authorization")),
    )
    .await;
    let access = login(Login::Bearer(Secret::Value("s3cret".into())));
    let error = ask(&format!("{}/a", here.uri()), &access)
        .await
        .unwrap_err();
    let told = error.to_string();
    assert!(told.contains("redirects to another server"), "{told}");
    assert!(there.received_requests().await.unwrap().is_empty());
    // On the same server, and with nothing private, redirects are followed.
    assert!(ask(&format!("{}/b", here.uri()), &access).await.is_ok());
    let open = ask(&format!("{}/a", here.uri()), &Access::default()).await;
    assert!(open.is_ok());
}

/// A server with a certificate of its own authority, which asks clients for theirs.
async fn tls_server(dir: &std::path::Path) -> String {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    fs::write(dir.join("ca.pem"), authority.pem()).unwrap();
    let issued = |names: Vec<String>| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(names).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        (certificate.pem(), key.serialize_pem())
    };
    let (certificate, key) = issued(vec!["client".into()]);
    fs::write(dir.join("client.pem"), certificate).unwrap();
    fs::write(dir.join("client.key"), key).unwrap();
    let (certificate, key) = issued(vec!["127.0.0.1".into()]);
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap())
        .unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let clients = WebPkiClientVerifier::builder(Arc::new(roots))
        .build()
        .unwrap();
    let config = ServerConfig::builder()
        .with_client_cert_verifier(clients)
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let mut request = [0; 2048];
                let _ = stream.read(&mut request).await;
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\n1";
                let _ = stream.write_all(answer).await;
                let _ = stream.shutdown().await;
            }
        }
    });
    url
}

#[tokio::test]
async fn certificates_are_checked_on_both_sides() {
    let dir = tempfile::tempdir().unwrap();
    let url = tls_server(dir.path()).await;
    let file = |name: &str| dir.path().join(name);
    let stranger = ask(&url, &Access::default()).await.unwrap_err();
    assert_eq!(stranger.short(), "unreachable", "{stranger}");
    assert!(stranger.to_string().contains("certificate"), "{stranger}");
    let trusting = Access {
        ca: Some(file("ca.pem")),
        ..Access::default()
    };
    assert!(ask(&url, &trusting).await.is_err());
    let known = Access {
        client: Some((file("client.pem"), file("client.key"))),
        ..trusting
    };
    assert_eq!(ask(&url, &known).await.unwrap(), 1);
}

#[tokio::test]
async fn certificates_that_cannot_be_used_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().join("empty.pem");
    fs::write(&empty, "nothing").unwrap();
    for access in [
        Access {
            ca: Some(empty.clone()),
            ..Access::default()
        },
        Access {
            client: Some((empty.clone(), empty.clone())),
            ..Access::default()
        },
    ] {
        let told = ask("https://127.0.0.1:1", &access).await.unwrap_err();
        assert!(told.to_string().contains("empty.pem"), "{told}");
    }
}

proptest! {
    // Each case builds three clients.
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn no_debug_text_holds_a_secret(secret in "[A-Za-z0-9]{12,30}") {
        let all = [
            Login::Basic("u".into(), Secret::Value(secret.clone())),
            Login::Bearer(Secret::Value(secret.clone())),
            Login::Bearer(Secret::Command(vec!["pass".into(), secret.clone()])),
        ];
        for one in all {
            let http = Http::with_access(&"http://127.0.0.1:1".parse().unwrap(), &login(one.clone()));
            let told = format!("{:?} {:?} {:?}", one, login(one.clone()), http);
            prop_assert!(!told.contains(&secret), "{}", told);
        }
    }
}

#[tokio::test]
async fn a_post_is_redirected_whole_or_not_at_all() {
    let server = MockServer::start().await;
    Mock::given(path("/there"))
        .respond_with(|request: &wiremock::Request| {
            ResponseTemplate::new(200).set_body_bytes(request.body.clone())
        })
        .mount(&server)
        .await;
    let elsewhere = format!("{}/there?token=s3cret#s3cret", server.uri());
    let elsewhere = elsewhere.replace("://", "://aladdin:s3cret@");
    for status in [301, 302, 303, 307, 308] {
        Mock::given(path(format!("/{status}")))
            .respond_with(ResponseTemplate::new(status).insert_header("location", &*elsewhere))
            .mount(&server)
            .await;
    }
    let http = Http::new(&server.uri().parse().unwrap()).unwrap();
    for status in ["307", "308"] {
        let (_, body) = http.post_form(status, &[("query", "up")]).await.unwrap();
        assert_eq!(body, b"query=up");
    }
    for status in ["301", "302", "303"] {
        let (_, body) = http.get(status, &[]).await.unwrap();
        assert_eq!(body, b"", "a GET has nothing to lose");
        let posted = http.post_form(status, &[("query", "up")]).await;
        let told = posted.unwrap_err().to_string();
        let there = format!("it redirects to {}/there; name that address", server.uri());
        assert!(told.contains(&there) && !told.contains("s3cret"), "{told}");
        let posted = http.post_json(status, &"up").await;
        assert_eq!(posted.unwrap_err().short(), "unreachable");
    }
}
