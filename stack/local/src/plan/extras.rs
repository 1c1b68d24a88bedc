//! What joins the stack when its program is there: Loki with its shipper, and Grafana.

use std::collections::BTreeMap;
use std::ffi::OsString;

use url::Url;
use voteops_observability::provision::{self, Setting};
use voteops_observability::{config, rules};

use super::{Builder, Spec, http, local_url, random_token, wrong};
use crate::Error;
use crate::component::Kind;
use crate::packages::find_program;

/// The file with the password of Grafana's user `admin`; whoever reads only needs none.
const GRAFANA_PASSWORD: &str = "grafana_admin_password";

impl Builder<'_> {
    /// Loki with its shipper, and Grafana: those whose programs are there.
    pub(super) fn logs_and_dashboards(&self) -> Result<Vec<Spec>, Error> {
        let loki = self.loki()?;
        let loki_url = loki.as_ref().and_then(|spec| spec.url.clone());
        let promtail = match &loki_url {
            Some(url) => self.promtail(url)?,
            None => None,
        };
        let grafana = self.grafana(loki_url.as_ref())?;
        Ok([loki, promtail, grafana].into_iter().flatten().collect())
    }

    fn loki(&self) -> Result<Option<Spec>, Error> {
        let (Some((http_port, grpc_port)), Some(program)) =
            (self.layout.loki, find_program("loki"))
        else {
            return Ok(None);
        };
        let scale = self.options.time_scale;
        let file = rules::LOKI_RULES;
        let rules = rules::scale_for_loki(file.name, file.text, scale).map_err(wrong)?;
        // Loki calls the only tenant of a server without authentication `fake`.
        let rules = self
            .dir
            .write_config(&format!("loki-rules/fake/{}", file.name), &rules)?;
        let rules_dir = rules.ancestors().nth(2).unwrap_or(&rules);
        let dir = self.dir.root().join("loki");
        let text = config::loki(
            http_port,
            grpc_port,
            (&dir.to_string_lossy(), &rules_dir.to_string_lossy()),
            local_url(self.layout.alertmanager).as_str(),
        );
        let text = text.map_err(wrong)?;
        let file = self.dir.write_config("loki.yml", &text)?;
        let url = local_url(http_port);
        Ok(Some(Spec {
            name: "loki".into(),
            kind: Kind::Loki,
            stage: 1,
            required: false,
            program,
            args: vec![format!("-config.file={}", file.display()).into()],
            env: Vec::new(),
            check: http(&url, "ready", ""),
            url: Some(url),
            admin_url: None,
        }))
    }

    fn promtail(&self, loki: &Url) -> Result<Option<Spec>, Error> {
        let promtail = find_program("promtail");
        let program = promtail.clone().or_else(|| find_program("alloy"));
        let (Some(port), Some(program)) = (self.layout.promtail, program) else {
            return Ok(None);
        };
        let root = self.dir.root();
        let text = config::promtail(
            port,
            &root.join("promtail-positions.yaml").to_string_lossy(),
            loki.as_str().trim_end_matches('/'),
            &root.join("logs/*.log").to_string_lossy(),
        );
        let file = self
            .dir
            .write_config("promtail.yml", &text.map_err(wrong)?)?;
        let file = file.to_string_lossy().into_owned();
        let (args, ready) = if promtail.is_some() {
            (vec![format!("-config.file={file}")], "ready")
        } else {
            let listen = format!("--server.http.listen-addr=127.0.0.1:{port}");
            let store = format!("--storage.path={}", root.join("alloy").display());
            let format = "--config.format=promtail".to_owned();
            (vec!["run".into(), format, listen, store, file], "-/ready")
        };
        let url = local_url(port);
        Ok(Some(Spec {
            name: "promtail".into(),
            kind: Kind::Promtail,
            stage: 2,
            required: false,
            program,
            args: args.into_iter().map(OsString::from).collect(),
            env: Vec::new(),
            check: http(&url, ready, ""),
            url: Some(url),
            admin_url: None,
        }))
    }

    fn grafana(&self, loki: Option<&Url>) -> Result<Option<Spec>, Error> {
        let (program, args) = match (find_program("grafana"), find_program("grafana-server")) {
            (Some(program), _) => (program, vec!["server"]),
            (None, Some(program)) => (program, vec![]),
            (None, None) => return Ok(None),
        };
        let Some(port) = self.layout.grafana else {
            return Ok(None);
        };
        let mut urls = BTreeMap::from([
            ("prometheus", local_url(self.layout.prometheus).to_string()),
            (
                "alertmanager",
                local_url(self.layout.alertmanager).to_string(),
            ),
        ]);
        urls.extend(loki.map(|url| ("loki", url.to_string())));
        let time_scale = self.options.time_scale;
        let text = config::grafana_datasources(&urls, time_scale).map_err(wrong)?;
        self.dir
            .write_config("grafana/provisioning/datasources/voteops.yml", &text)?;
        let root = self.dir.root();
        let path = |sub: &str| root.join(sub).to_string_lossy().into_owned();
        self.provision(&Setting {
            time_scale,
            logs: loki.is_some(),
            dashboards: path("config/grafana/dashboards"),
            receiver: Some(local_url(self.layout.webhook)),
            paged_by: Some("prometheus".into()),
        })?;
        let url = local_url(port);
        // It takes it at its first start, and keeps it in its database.
        let password = self.dir.kept_secret(GRAFANA_PASSWORD, random_token)?;
        Ok(Some(Spec {
            name: "grafana".into(),
            kind: Kind::Grafana,
            stage: 2,
            required: false,
            program,
            args: args
                .into_iter()
                .map(OsString::from)
                .chain(["--homepath".into(), "/usr/share/grafana".into()])
                .collect(),
            env: vec![
                ("GF_SERVER_HTTP_ADDR", "127.0.0.1".into()),
                ("GF_SERVER_HTTP_PORT", port.to_string()),
                ("GF_PATHS_DATA", path("grafana")),
                ("GF_PATHS_LOGS", path("grafana/logs")),
                ("GF_PATHS_PLUGINS", path("grafana/plugins")),
                ("GF_PATHS_PROVISIONING", path("config/grafana/provisioning")),
                (
                    "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH",
                    path("config/grafana/dashboards/voteops-overview.json"),
                ),
                ("GF_AUTH_ANONYMOUS_ENABLED", "true".into()),
                ("GF_SECURITY_ADMIN_PASSWORD", password),
                ("GF_ANALYTICS_REPORTING_ENABLED", "false".into()),
                ("GF_ANALYTICS_CHECK_FOR_UPDATES", "false".into()),
            ],
            check: http(&url, "api/health", ""),
            url: Some(url),
            admin_url: None,
        }))
    }

    /// Writes Grafana's dashboards and alert rules.
    fn provision(&self, setting: &Setting) -> Result<(), Error> {
        for file in provision::files(setting).map_err(wrong)? {
            let name = format!("grafana/{}", file.path);
            self.dir.write_config(&name, &file.text)?;
        }
        Ok(())
    }
}
