//! A Docker daemon that is asked over TLS.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use voteops_chaos::catalogue::STALL_WORKER;
use voteops_chaos::engine::{Address, EngineError, Selection, containers};
use voteops_chaos::faults::stall;
use voteops_chaos::record::Target;

use crate::daemon::{Daemon, Maker, eventually};
use crate::runner::{Runner, inject, records};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A directory as Docker's tools read it: who vouches for the engine, and who the client is.
fn directory(root: &Path, name: &str, trusted: &Authority, own: Option<&Authority>) -> PathBuf {
    let directory = root.join(name);
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("ca.pem"), trusted.pem()).unwrap();
    if let Some(issuer) = own {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, issuer).unwrap();
        fs::write(directory.join("cert.pem"), certificate.pem()).unwrap();
        fs::write(directory.join("key.pem"), key.serialize_pem()).unwrap();
    }
    directory
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The workers that are found by a whole address.
fn asked(address: &str) -> Result<Vec<Target>, EngineError> {
    let selection = Selection {
        service: Some("worker".to_owned()),
        ..Selection::default()
    };
    containers(&Address::from(address), &selection)
}

#[test]
#[ignore = "needs a Docker daemon of its own"]
fn a_daemon_is_asked_over_tls_and_whom_it_does_not_trust_is_told_why() {
    let files = tempfile::tempdir().unwrap();
    let [ours, other] = [authority(), authority()];
    let server = directory(files.path(), "server", &ours, Some(&ours));
    let host = format!("127.0.0.1:{}", free_port());
    let file = |name: &str| server.join(name).display().to_string();
    let daemon = Daemon::start_with(
        Maker::Docker,
        &[
            format!("--host=tcp://{host}"),
            "--tlsverify".to_owned(),
            format!("--tlscacert={}", file("ca.pem")),
            format!("--tlscert={}", file("cert.pem")),
            format!("--tlskey={}", file("key.pem")),
        ],
    );
    daemon.container("shop-worker-1", &[]);
    daemon.container("shop-worker-2", &[]);
    let with = |name: &str, trusted, own| {
        let directory = directory(files.path(), name, trusted, own);
        format!("https://{host}#{}", directory.display())
    };

    let known = with("known", &ours, Some(&ours));
    let plan = stall::plan(&STALL_WORKER, asked(&known).unwrap()).unwrap();
    let mut injected = inject(&daemon, plan);
    assert!(daemon.all_workers_are("paused"));
    assert!(injected.undo().is_complete());
    assert!(daemon.all_workers_are("running"));
    // It keeps other experiments away.
    drop(injected);
    Runner::start_at(&daemon, &known).kill();
    eventually("the guardian lets them go on", || {
        daemon.all_workers_are("running") && records(&daemon).is_empty()
    });

    let refused = |address: &str| asked(address).unwrap_err();
    let error = refused(&with("foreign", &other, Some(&ours)));
    assert!(matches!(error, EngineError::Untrusted { .. }), "{error}");
    for (name, own) in [("nobody", None), ("stranger", Some(&other))] {
        let error = refused(&with(name, &ours, own));
        assert!(matches!(error, EngineError::Unidentified { .. }), "{error}");
    }
    let error = refused(&format!("tcp://{host}"));
    assert!(matches!(error, EngineError::WantsTls { .. }), "{error}");
    let named = known.replace("127.0.0.1", "localhost");
    let error = refused(&named);
    assert!(matches!(error, EngineError::Untrusted { .. }), "{error}");
    assert!(error.to_string().contains("localhost"), "{error}");
}
