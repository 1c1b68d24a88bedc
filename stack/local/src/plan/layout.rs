//! Every component's port: its usual one, or the next in a block.

use crate::packages::find_program;
use crate::ports::Ports;
use crate::{Error, Options};

/// Every port of the stack.
pub(super) struct Layout {
    pub(super) redis: u16,
    pub(super) exporter: u16,
    pub(super) prometheus: u16,
    pub(super) alertmanager: u16,
    pub(super) webhook: u16,
    pub(super) vote_apps: Vec<u16>,
    pub(super) workers: Vec<u16>,
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
        Ok(layout)
    }
}
