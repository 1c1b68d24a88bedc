//! Whom Grafana's alerts notify: the receiver of Alertmanager, and nobody while Prometheus pages.

use serde_json::{Value, json};
use serde_norway::Value as Yaml;

use super::FOLDER;
use crate::config;
use crate::provision::{File, ProvisionError, Setting, yaml};

/// The contact point.
const CONTACT: &str = "voteops";
/// How the names of the time intervals begin; who pages follows.
const PAGED_BY: &str = "paged-by-";
/// The variable that says who pages.
const VARIABLE: &str = "VOTEOPS_PAGED_BY";

const COMMENT: &str = "\
# Prometheus and its Alertmanager page, so Grafana's rules are evaluated and shown, and their notifications muted. The other way
# round: start Grafana with VOTEOPS_PAGED_BY=grafana, and take `alerting` out of observability/prometheus/prometheus.yml.
# `policies` replaces the whole tree of policies. What others than these rules notify goes to the same receiver, unmuted.
";

/// Texts of a notification. A template without `$` is the same in every version.
const TEMPLATES: &str = r#"{{ define "voteops.title" -}}
{{ .Status | toUpper }}: {{ .CommonLabels.alertname }}{{ if gt (len .Alerts) 1 }} ({{ len .Alerts }} alerts){{ end }}
{{- end }}

{{ define "voteops.message" -}}
{{ range .Alerts -}}
{{ .Status }}: {{ .Annotations.summary }}
{{ .Annotations.description }}
{{ if .Annotations.runbook_url }}Runbook: {{ .Annotations.runbook_url }}
{{ end }}{{ if .PanelURL }}Panel: {{ .PanelURL }}
{{ else if .DashboardURL }}Dashboard: {{ .DashboardURL }}
{{ end }}{{ if .SilenceURL }}Silence: {{ .SilenceURL }}
{{ end }}
{{ end }}
{{- end }}
"#;

/// `provisioning/alerting/notifications.yml`.
pub(in crate::provision) fn notifications(setting: &Setting) -> Result<File, ProvisionError> {
    let fitted = match &setting.receiver {
        Some(receiver) => config::alertmanager(receiver, setting.time_scale),
        None => Ok(config::ALERTMANAGER.to_owned()),
    };
    let fitted = fitted.map_err(|error| ProvisionError::Alertmanager(error.to_string()))?;
    let root: Yaml = serde_norway::from_str(&fitted)
        .map_err(|error| ProvisionError::Alertmanager(error.to_string()))?;
    let text = |value: &Yaml, key: &str| {
        let found = value.get(key).and_then(Yaml::as_str).map(str::to_owned);
        found.ok_or_else(|| ProvisionError::Alertmanager(format!("no {key}")))
    };
    let route = root.get("route").cloned().unwrap_or_default();
    let wait = text(&route, "group_wait")?;
    let interval = text(&route, "group_interval")?;
    let repeat = text(&route, "repeat_interval")?;
    let webhook = &root["receivers"][0]["webhook_configs"][0];
    let paged_by = setting
        .paged_by
        .clone()
        .unwrap_or_else(|| format!("${{{VARIABLE}}}"));
    let group_by = json!(["grafana_folder", "alertname"]);
    yaml(
        "provisioning/alerting/notifications.yml",
        COMMENT,
        &json!({
            "apiVersion": 1,
            "contactPoints": [{
                "orgId": 1,
                "name": CONTACT,
                "receivers": [{
                    "uid": "voteops-webhook",
                    "type": "webhook",
                    "disableResolveMessage": false,
                    "settings": {
                        "url": text(webhook, "url")?,
                        "httpMethod": "POST",
                        "title": "{{ template \"voteops.title\" . }}",
                        "message": "{{ template \"voteops.message\" . }}",
                    },
                }],
            }],
            "templates": [{ "orgId": 1, "name": "voteops", "template": TEMPLATES }],
            "muteTimes": intervals(),
            "policies": [{
                "orgId": 1,
                "receiver": CONTACT,
                "group_by": group_by,
                "group_wait": wait,
                "group_interval": interval,
                "repeat_interval": repeat,
                "routes": [{
                    "receiver": CONTACT,
                    "object_matchers": [["grafana_folder", "=", FOLDER]],
                    "group_by": group_by,
                    "mute_time_intervals": [format!("{PAGED_BY}{paged_by}")],
                }],
            }],
        }),
    )
}

/// Always, while Prometheus pages; never, once Grafana does.
fn intervals() -> Value {
    json!([
        {
            "orgId": 1,
            "name": format!("{PAGED_BY}prometheus"),
            "time_intervals": [{ "times": [{ "start_time": "00:00", "end_time": "24:00" }] }],
        },
        {
            "orgId": 1,
            "name": format!("{PAGED_BY}grafana"),
            "time_intervals": [{ "years": ["1970"] }],
        },
    ])
}
