//! Ways from one dashboard to another.

use serde_json::{Value, json};

/// The tag of every dashboard.
pub(super) const TAG: &str = "voteops";
/// The dashboard of logs.
pub(super) const LOGS: &str = "voteops-logs";

/// From a value to the logs of a service in the time that is shown
/// (<https://grafana.com/docs/grafana/latest/panels-visualizations/configure-data-links/>).
pub(super) fn to_logs(service: &str) -> Value {
    json!({
        "title": format!("Logs of {service}"),
        "url": format!("/d/{LOGS}?${{__url_time_range}}&var-service={service}"),
        "targetBlank": false,
    })
}

/// The links of a panel's heading.
pub(super) fn of_panel(links: &[(String, String)]) -> Value {
    let links = links
        .iter()
        .map(|(title, url)| json!({ "title": title, "url": url, "targetBlank": true }));
    links.collect()
}

/// The links above a dashboard: every other one, in the same time.
pub(super) fn of_dashboard() -> Value {
    json!([{
        "asDropdown": false,
        "icon": "external link",
        "includeVars": false,
        "keepTime": true,
        "tags": [TAG],
        "targetBlank": false,
        "title": "voteops",
        "tooltip": "",
        "type": "dashboards",
        "url": "",
    }])
}
