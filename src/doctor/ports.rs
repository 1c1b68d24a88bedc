//! Ports that others hold, before a stack is started.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;

use voteops_local::{Options, taken_ports};
use voteops_observability::doctor::{Check, Finding};

use super::compose::{Compose, Published};

pub(super) fn check(compose: Option<&Compose>) -> Vec<Finding> {
    let mut findings: Vec<_> = match taken_ports(&usual()) {
        Ok(notes) => of_up(&notes).into_iter().collect(),
        Err(error) => {
            let told = error.to_string();
            let (found, way_out) = told
                .split_once("; ")
                .unwrap_or((&told, "choose --port-base"));
            vec![Finding::failed(Check::Ports, found, way_out)]
        }
    };
    let published = compose.into_iter().flat_map(|compose| &compose.published);
    let taken = published.filter(|published| !is_free(published.port));
    findings.extend(taken.map(of_compose));
    if findings.is_empty() {
        findings.push(Finding::ok(Check::Ports, "all usual ports are free"));
    }
    findings
}

fn usual() -> Options {
    Options {
        data_dir: PathBuf::new(),
        port_base: None,
        workers: 2,
        vote_apps: 2,
        database_url: None,
        votes_per_second: 0.0,
        time_scale: 1.0,
        attached: false,
    }
}

/// `voteops up` steps over ports that are taken, and tells each in a sentence such as "port 9090 is held by
/// prometheus (pid 7); prometheus listens on 9091".
fn of_up(notes: &[String]) -> Option<Finding> {
    let taken = notes
        .iter()
        .map(|note| note.split(';').next().unwrap_or(note));
    let mut taken: Vec<_> = taken.map(|note| note.trim_start_matches("port ")).collect();
    taken.dedup();
    (!taken.is_empty()).then(|| {
        Finding::warning(
            Check::Ports,
            format!("usual ports: {}", taken.join(", ")),
            "`voteops up` takes the next free ones; `voteops up --port-base PORT` chooses others",
        )
    })
}

/// Compose starts nothing then.
fn of_compose(published: &Published) -> Finding {
    let Published {
        service,
        port,
        setting,
    } = published;
    Finding::warning(
        Check::Ports,
        format!("port {port}, at which docker compose publishes {service}, is held by another"),
        format!(
            "`ss -ltnp sport = :{port}` tells by whom; `echo {setting}=PORT >>.env` chooses another"
        ),
    )
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_that_others_hold_are_told_once_each() {
        let note = |port: u16, component: &str| {
            format!("port {port} is held by redis-server (pid 7); {component} listens on 9999")
        };
        let notes = [note(6379, "redis"), note(8090, "a"), note(8090, "b")];
        let finding = of_up(&notes).unwrap();
        let held = "is held by redis-server (pid 7)";
        assert_eq!(
            finding.found,
            format!("usual ports: 6379 {held}, 8090 {held}")
        );
        assert_eq!(of_up(&[]), None);
    }

    #[test]
    fn a_port_that_compose_needs_and_another_holds_is_told_with_its_setting() {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let compose = Compose {
            secrets_dir: None,
            secrets: Vec::new(),
            published: vec![Published {
                service: "prometheus".into(),
                port: held.local_addr().unwrap().port(),
                setting: "VOTEOPS_PROMETHEUS_PORT".into(),
            }],
        };
        let told = |findings: Vec<Finding>| {
            findings.iter().any(|finding| {
                let way_out = finding.way_out.as_ref();
                way_out.is_some_and(|it| it.contains("VOTEOPS_PROMETHEUS_PORT=PORT"))
            })
        };
        assert!(told(check(Some(&compose))));
        drop(held);
        assert!(!told(check(Some(&compose))));
    }
}
