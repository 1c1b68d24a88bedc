//! Redis over TLS, on a real Redis server.

use std::error::Error as StdError;
use std::path::PathBuf;

use voteops_queue::test_support::{Certificates, RedisServer, free_port, patiently};
use voteops_queue::{Access, AccessPart, Error, Queue, Vote};

type TestResult = Result<(), Box<dyn StdError>>;

struct Tls {
    redis: RedisServer,
    certificates: Certificates,
    port: u16,
}

impl Tls {
    fn start(auth_clients: &str) -> Result<Self, Box<dyn StdError>> {
        let certificates = Certificates::make()?;
        let port = free_port()?;
        let settings = certificates.redis_settings(port, auth_clients);
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let redis = RedisServer::start_with(&settings)?;
        Ok(Self {
            redis,
            certificates,
            port,
        })
    }

    fn access(&self, host: &str, ca: &str) -> Access {
        Access {
            ca: Some(self.certificates.file(ca)),
            ..Access::of(&format!("rediss://{host}:{}", self.port))
        }
    }
}

/// The reason for which Redis cannot be used.
async fn refused(access: &Access) -> Result<String, Box<dyn StdError>> {
    let queue = Queue::open(access)?;
    match patiently(|| queue.ping()).await {
        Err(Error::Setup(reason)) => Ok(reason),
        other => Err(format!("not refused: {other:?}").into()),
    }
}

#[tokio::test]
async fn votes_go_through_tls_to_a_server_that_is_who_it_should_be() -> TestResult {
    let tls = Tls::start("no")?;
    let queue = Queue::open(&tls.access("localhost", "ca.pem"))?;
    patiently(|| queue.ping()).await?;
    queue.enqueue(&Vote::cast("ann", "cats")?).await?;
    let read = patiently(|| async { queue.reader("w").read(10).await }).await?;
    assert_eq!(read.len(), 1);

    let told = refused(&tls.access("localhost", "other-ca.pem")).await?;
    assert!(
        told.contains("no authority in") && told.contains("other-ca.pem"),
        "{told}"
    );
    assert!(
        told.starts_with(&format!("localhost:{}: ", tls.port)),
        "{told}"
    );
    let told = refused(&tls.access("127.0.0.1", "ca.pem")).await?;
    assert!(
        told.contains("127.0.0.1") && told.contains("localhost") && told.contains("use a name"),
        "{told}"
    );
    let browsers = Access {
        ca: None,
        ..tls.access("localhost", "ca.pem")
    };
    let told = refused(&browsers).await?;
    assert!(told.contains("no authority that browsers trust"), "{told}");
    let plain = Access {
        url: format!("rediss://localhost:{}", tls.redis.port()),
        ..browsers
    };
    let told = Queue::open(&plain)?.ping().await;
    let told = told.err().ok_or("it speaks no TLS")?.to_string();
    assert!(told.contains("does this port speak TLS?"), "{told}");
    Ok(())
}

#[tokio::test]
async fn a_server_may_want_a_certificate_too() -> TestResult {
    let tls = Tls::start("yes")?;
    let without = tls.access("localhost", "ca.pem");
    let told = refused(&without).await?;
    assert!(told.contains("give a client certificate"), "{told}");
    let with = Access {
        certificate: Some(tls.certificates.file("client.pem")),
        key: Some(tls.certificates.file("client.key")),
        ..without
    };
    let queue = Queue::open(&with)?;
    patiently(|| queue.ping()).await?;
    Ok(())
}

#[test]
fn files_that_are_not_usable_are_told_with_the_part_that_names_them() -> TestResult {
    let certificates = Certificates::make()?;
    let file = |name: &str| Some(certificates.file(name));
    let nowhere = Some(PathBuf::from("/nowhere/x.pem"));
    let access = |ca, certificate, key| Access {
        ca,
        certificate,
        key,
        ..Access::of("rediss://localhost")
    };
    let plain = Access {
        url: "redis://localhost".to_owned(),
        ..access(file("ca.pem"), None, None)
    };
    for (access, part, reason) in [
        (
            access(nowhere.clone(), None, None),
            AccessPart::Ca,
            "cannot be read: No such file",
        ),
        (
            access(file("client.key"), None, None),
            AccessPart::Ca,
            "holds no certificate",
        ),
        (
            access(None, file("client.pem"), None),
            AccessPart::Certificate,
            "its key as well",
        ),
        (
            access(None, None, file("client.key")),
            AccessPart::Key,
            "its certificate as well",
        ),
        (
            access(None, file("client.pem"), nowhere),
            AccessPart::Key,
            "cannot be read",
        ),
        (
            access(None, file("client.pem"), file("ca.pem")),
            AccessPart::Key,
            "no key in PEM",
        ),
        (
            access(None, file("client.pem"), file("server.key")),
            AccessPart::Key,
            "does not fit",
        ),
        (plain, AccessPart::Ca, "begins with rediss"),
    ] {
        let error = Queue::open(&access).err().ok_or(reason)?;
        assert_eq!(error.part, part, "{error}");
        assert!(error.reason.contains(reason), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn who_is_not_let_in_is_told_what_to_correct() -> TestResult {
    let redis = RedisServer::start()?;
    redis.command(&[b"ACL", b"SETUSER", b"worker", b"on", b">pw", b"+ping"])?;
    let port = redis.port();
    let wrong = Access::of(&format!("redis://worker:no@127.0.0.1:{port}"));
    let told = refused(&wrong).await?;
    assert!(told.contains("correct user and password"), "{told}");
    redis.command(&[b"CONFIG", b"SET", b"requirepass", b"pw"])?;
    let none = Access::of(&format!("redis://127.0.0.1:{port}"));
    let told = refused(&none).await?;
    assert!(told.contains("Give user and password"), "{told}");
    Ok(())
}
