//! Servers that cannot be had here, or not with their fault.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};

use voteops_local::component::Kind;

use super::{findings, names};
use crate::support::Stack;

/// An Alertmanager whose clock is behind, a
/// Loki that takes nothing.
pub(super) fn are_examined(stack: &Stack) {
    // Half a minute more, so that no second decides on what is told.
    let earlier = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(90 * 60 + 30);
    let date = jiff::fmt::strtime::format("%a, %d %b %Y %H:%M:%S GMT", earlier).unwrap();
    let behind = stand_in(move |_| (200, format!("date: {date}\r\n"), "{}".into()));
    let refused =
        "loki_request_duration_seconds_count{route=\"loki_api_v1_push\",status_code=\"500\"} 12\n";
    let full = stand_in(move |path| match path {
        "/ready" => (200, String::new(), "ready\n".into()),
        "/metrics" => (200, String::new(), refused.into()),
        "/loki/api/v1/push" => (500, String::new(), "no space left on device\n".into()),
        path if path.starts_with("/loki/api/v1/query_range") => {
            let nothing = r#"{"status":"success","data":{"resultType":"streams","result":[]}}"#;
            (200, String::new(), nothing.into())
        }
        _ => (404, String::new(), "404 page not found".into()),
    });
    let prometheus = stack.file().url(Kind::Prometheus).unwrap();
    let args = [
        "--prometheus",
        prometheus.as_str(),
        "--alertmanager",
        &behind,
        "--loki",
        &full,
    ];
    let told = findings(&stack.home, &stack.home.data_dir(), &args);
    for [check, verdict, found, way_out] in [
        [
            "clocks",
            "failed",
            "alertmanager is 1h30m behind against this machine",
            "timedatectl set-ntp true",
        ],
        [
            "logs",
            "failed",
            "Loki refused 12 pushes",
            "the log of loki",
        ],
        ["loki", "ok", "is ready", ""],
    ] {
        assert!(
            names(&told, check, verdict, found, way_out),
            "{check}: {told:#?}"
        );
    }
    let probed = [&args[..], &["--probe"]].concat();
    let told = findings(&stack.home, &stack.home.data_dir(), &probed);
    let found = "Loki does not take a line: ";
    assert!(
        names(&told, "logs", "failed", found, "the log of loki"),
        "{told:#?}"
    );
    assert!(
        names(&told, "logs", "failed", "500: no space left on device", ""),
        "{told:#?}"
    );
    assert!(
        names(&told, "alert-route", "skipped", "no alert is sent", ""),
        "{told:#?}"
    );
}

/// Serves HTTP for as long as the test runs: a path to a status, headers and a body.
fn stand_in(answer: impl Fn(&str) -> (u16, String, String) + Send + 'static) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 8192];
            let read = stream.read(&mut request).unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let path = request.split(' ').nth(1).unwrap_or("/");
            let (status, headers, body) = answer(path);
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status} Stand-in\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
            );
            // Whoever asked may have gone.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}
