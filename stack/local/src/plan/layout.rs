//! Every component's port: its usual one, or the next in a block.

use crate::packages::find_program;
use crate::ports::Ports;
use crate::{Error, Options};

/// From where the admin listeners' ports are usually taken.
const USUAL_ADMIN: u16 = 8090;

/// Every port of the stack.
pub(super) struct Layout {
    pub(super) redis: u16,
    pub(super) exporter: u16,
    pub(super) prometheus: u16,
    pub(super) alertmanager: u16,
    pub(super) webhook: u16,
    pub(super) vote_apps: Vec<u16>,
    pub(super) workers: Vec<u16>,
    /// Where the vote apps and the workers take faults, in the same order.
    pub(super) vote_app_admins: Vec<u16>,
    pub(super) worker_admins: Vec<u16>,
    /// Its HTTP and its gRPC port, when its program is there.
    pub(super) loki: Option<(u16, u16)>,
    pub(super) promtail: Option<u16>,
    pub(super) grafana: Option<u16>,
}

impl Layout {
    pub(super) fn choose(options: &Options, ports: &mut Ports) -> Result<Self, Error> {
        let mut next = options.port_base;
        let mut take = |name: &str, usual: u16| {
            let preferred = next.unwrap_or(usual);
            let port = ports.take(name, preferred)?;
            if next.is_some() {
                next = Some(port.saturating_add(1));
            }
            Ok::<u16, Error>(port)
        };
        let vote_app = take("vote-app-1", 8080)?;
        let worker = take("worker-1", 8081)?;
        let mut layout = Self {
            redis: take("redis", 6379)?,
            exporter: take("redis-exporter", 9121)?,
            prometheus: take("prometheus", 9090)?,
            alertmanager: take("alertmanager", 9093)?,
            webhook: take("webhook", 9095)?,
            vote_apps: vec![vote_app],
            workers: vec![worker],
            vote_app_admins: Vec::new(),
            worker_admins: Vec::new(),
            loki: None,
            promtail: None,
            grafana: None,
        };
        for index in 2..=options.vote_apps {
            layout
                .vote_apps
                .push(take(&format!("vote-app-{index}"), 8082)?);
        }
        for index in 2..=options.workers {
            layout.workers.push(take(&format!("worker-{index}"), 8083)?);
        }
        let there = |programs: &[&str]| programs.iter().any(|name| find_program(name).is_some());
        if there(&["loki"]) {
            layout.loki = Some((take("loki", 3100)?, take("loki", 9096)?));
            if there(&["promtail", "alloy"]) {
                layout.promtail = Some(take("promtail", 9080)?);
            }
        }
        if there(&["grafana", "grafana-server"]) {
            layout.grafana = Some(take("grafana", 3000)?);
        }
        // Last, so that they move no other port of the block.
        for index in 1..=options.vote_apps {
            let name = format!("the admin listener of vote-app-{index}");
            layout.vote_app_admins.push(take(&name, USUAL_ADMIN)?);
        }
        for index in 1..=options.workers {
            let name = format!("the admin listener of worker-{index}");
            layout.worker_admins.push(take(&name, USUAL_ADMIN)?);
        }
        Ok(layout)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn admin_listeners_have_ports_of_their_own_after_all_others_of_the_block() {
        let probe = TcpListener::bind("127.0.0.1:0").unwrap();
        let options = Options {
            data_dir: "/nowhere".into(),
            port_base: Some(probe.local_addr().unwrap().port().min(60_000)),
            workers: 3,
            vote_apps: 2,
            database_url: None,
            votes_per_second: 0.0,
            time_scale: 1.0,
            attached: false,
        };
        let layout = Layout::choose(&options, &mut Ports::default()).unwrap();
        let services = [&layout.vote_apps[..], &layout.workers].concat();
        let admins = [&layout.vote_app_admins[..], &layout.worker_admins].concat();
        assert_eq!((services.len(), admins.len()), (5, 5));
        assert!(services.iter().max() < admins.iter().min());
        let all: BTreeSet<_> = services.iter().chain(&admins).collect();
        assert_eq!(all.len(), 10);
    }
}
