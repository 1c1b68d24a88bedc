//! The keys that Grafana knows: it drops any other without a word. Written down from its sources, at the versions of
//! late 2026, since no schema of them is published.

use serde_json::Value;

use super::{datasources, made};

// pkg/services/provisioning/alerting/types.go, AlertingFileV1
const ALERTING: &[&str] = &[
    "apiVersion",
    "groups",
    "deleteRules",
    "contactPoints",
    "deleteContactPoints",
    "policies",
    "resetPolicies",
    "muteTimes",
    "deleteMuteTimes",
    "templates",
    "deleteTemplates",
];
// pkg/services/provisioning/alerting/rules_types.go, AlertRuleGroupV1, AlertRuleV1, QueryV1
const GROUP: &[&str] = &["orgId", "name", "folder", "interval", "rules"];
const RULE: &[&str] = &[
    "uid",
    "title",
    "condition",
    "data",
    "dashboardUid",
    "panelId",
    "noDataState",
    "execErrState",
    "for",
    "keepFiringFor",
    "missing_series_evals_to_resolve",
    "annotations",
    "labels",
    "isPaused",
    "notification_settings",
    "record",
];
const QUERY: &[&str] = &[
    "refId",
    "queryType",
    "relativeTimeRange",
    "datasourceUid",
    "model",
];
const RANGE: &[&str] = &["from", "to"];
// The models: packages/grafana-prometheus/src/dataquery.ts, pkg/expr/models.go
const MODEL: &[&str] = &[
    "refId",
    "datasource",
    "editorMode",
    "expr",
    "instant",
    "range",
    "type",
    "expression",
    "conditions",
];
// pkg/services/ngalert/models/alert_rule.go
const NO_DATA: &[&str] = &["Alerting", "NoData", "OK", "KeepLast"];
const EXEC_ERR: &[&str] = &["Alerting", "Error", "OK", "KeepLast"];
// contact_point_types.go, ContactPointV1, ReceiverV1; the settings: grafana/alerting, receivers/webhook
const CONTACT: &[&str] = &["orgId", "name", "receivers"];
const RECEIVER: &[&str] = &["uid", "type", "settings", "disableResolveMessage"];
const WEBHOOK: &[&str] = &[
    "url",
    "httpMethod",
    "maxAlerts",
    "authorization_scheme",
    "authorization_credentials",
    "username",
    "password",
    "headers",
    "title",
    "message",
    "tlsConfig",
    "hmacConfig",
    "http_config",
    "payload",
];
// text_templates_types.go with api/tooling/definitions, MessageTemplate
const TEMPLATE: &[&str] = &["orgId", "name", "template"];
// mute_times_types.go with Alertmanager's timeinterval.TimeInterval
const MUTE: &[&str] = &["orgId", "name", "time_intervals"];
const INTERVAL: &[&str] = &[
    "times",
    "weekdays",
    "days_of_month",
    "months",
    "years",
    "location",
];
const TIMES: &[&str] = &["start_time", "end_time"];
// notification_policy_types.go with api/tooling/definitions, Route
const POLICY: &[&str] = &[
    "orgId",
    "receiver",
    "group_by",
    "continue",
    "match",
    "match_re",
    "matchers",
    "object_matchers",
    "routes",
    "group_wait",
    "group_interval",
    "repeat_interval",
    "mute_time_intervals",
    "active_time_intervals",
];
// pkg/services/provisioning/dashboards/types.go, configs; the options: file_reader.go
const PROVIDERS: &[&str] = &["apiVersion", "providers"];
const PROVIDER: &[&str] = &[
    "name",
    "type",
    "orgId",
    "folder",
    "folderUid",
    "editable",
    "options",
    "disableDeletion",
    "updateIntervalSeconds",
    "allowUiUpdates",
];
const PROVIDER_OPTIONS: &[&str] = &["path", "foldersFromFilesStructure"];
// pkg/services/provisioning/datasources/types.go, configsV1, upsertDataSourceFromConfigV1
const SOURCES: &[&str] = &["apiVersion", "datasources", "deleteDatasources", "prune"];
const SOURCE: &[&str] = &[
    "orgId",
    "orgName",
    "version",
    "name",
    "type",
    "access",
    "url",
    "user",
    "database",
    "basicAuth",
    "basicAuthUser",
    "withCredentials",
    "isDefault",
    "correlations",
    "jsonData",
    "secureJsonData",
    "editable",
    "uid",
];
// packages/grafana-prometheus/src/types.ts, PromOptions, and DataSourceJsonData
const PROMETHEUS: &[&str] = &[
    "timeInterval",
    "queryTimeout",
    "httpMethod",
    "customQueryParameters",
    "disableMetricsLookup",
    "prometheusType",
    "prometheusVersion",
    "cacheLevel",
    "defaultEditor",
    "incrementalQuerying",
    "incrementalQueryOverlapWindow",
    "disableRecordingRules",
    "allowAsRecordingRulesTarget",
    "exemplarTraceIdDestinations",
    "seriesEndpoint",
    "manageAlerts",
];
// public/app/plugins/datasource/loki/types.ts, LokiOptions, DerivedFieldConfig
const LOKI: &[&str] = &[
    "maxLines",
    "derivedFields",
    "alertmanager",
    "keepCookies",
    "manageAlerts",
];
const DERIVED: &[&str] = &[
    "matcherRegex",
    "matcherType",
    "name",
    "url",
    "urlDisplayLabel",
    "datasourceUid",
    "targetBlank",
];
// public/app/plugins/datasource/alertmanager/types.ts, AlertManagerDataSourceJsonData
const ALERTMANAGER: &[&str] = &["implementation", "handleGrafanaManagedAlerts"];
// pkg/services/correlations/models.go; datasources.go wants label and description, and type within config
const CORRELATION: &[&str] = &["targetUID", "label", "description", "config"];
const CORRELATION_CONFIG: &[&str] = &["type", "field", "target", "transformations"];
const TRANSFORMATION: &[&str] = &["type", "expression", "field", "mapValue"];

/// Fails at a key that is not among `known`.
fn hold(what: &Value, known: &[&str]) {
    let fields = what
        .as_object()
        .unwrap_or_else(|| panic!("no mapping: {what}"));
    for key in fields.keys() {
        assert!(
            known.contains(&key.as_str()),
            "Grafana has no key {key} in {what}"
        );
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[test]
#[should_panic(expected = "Grafana has no key keep_firing_for")]
fn a_slip_is_caught() {
    hold(
        &serde_json::json!({ "uid": "a", "keep_firing_for": "1m" }),
        RULE,
    );
}

#[test]
fn rules_have_keys_that_grafana_knows() {
    let file = made("provisioning/alerting/rules.yml");
    hold(&file, ALERTING);
    for group in list(&file["groups"]) {
        hold(group, GROUP);
        for rule in list(&group["rules"]) {
            hold(rule, RULE);
            assert!(NO_DATA.contains(&rule["noDataState"].as_str().unwrap()));
            assert!(EXEC_ERR.contains(&rule["execErrState"].as_str().unwrap()));
            for query in list(&rule["data"]) {
                hold(query, QUERY);
                hold(&query["model"], MODEL);
                if query["datasourceUid"] != "__expr__" {
                    hold(&query["relativeTimeRange"], RANGE);
                }
            }
        }
    }
}

#[test]
fn notifications_have_keys_that_grafana_knows() {
    let file = made("provisioning/alerting/notifications.yml");
    hold(&file, ALERTING);
    for point in list(&file["contactPoints"]) {
        hold(point, CONTACT);
        for receiver in list(&point["receivers"]) {
            hold(receiver, RECEIVER);
            assert_eq!(receiver["type"], "webhook");
            hold(&receiver["settings"], WEBHOOK);
        }
    }
    for template in list(&file["templates"]) {
        hold(template, TEMPLATE);
    }
    for mute in list(&file["muteTimes"]) {
        hold(mute, MUTE);
        for interval in list(&mute["time_intervals"]) {
            hold(interval, INTERVAL);
            for times in list(&interval["times"]) {
                hold(times, TIMES);
            }
        }
    }
    for policy in list(&file["policies"]) {
        hold(policy, POLICY);
        // The root takes no times: Grafana would refuse it.
        assert!(policy.get("mute_time_intervals").is_none());
        for route in list(&policy["routes"]) {
            hold(route, POLICY);
        }
    }
}

#[test]
fn providers_and_sources_have_keys_that_grafana_knows() {
    let file = made("provisioning/dashboards/voteops.yml");
    hold(&file, PROVIDERS);
    for provider in list(&file["providers"]) {
        hold(provider, PROVIDER);
        hold(&provider["options"], PROVIDER_OPTIONS);
    }
    let file = datasources();
    hold(&file, SOURCES);
    for source in list(&file["datasources"]) {
        hold(source, SOURCE);
        let known = match source["type"].as_str().unwrap() {
            "prometheus" => PROMETHEUS,
            "loki" => LOKI,
            "alertmanager" => ALERTMANAGER,
            other => panic!("no keys are written down for {other}"),
        };
        hold(&source["jsonData"], known);
        for field in list(&source["jsonData"]["derivedFields"]) {
            hold(field, DERIVED);
        }
        for correlation in list(&source["correlations"]) {
            hold(correlation, CORRELATION);
            for key in ["label", "description", "targetUID"] {
                assert!(correlation[key].is_string(), "{key}");
            }
            let config = &correlation["config"];
            hold(config, CORRELATION_CONFIG);
            assert_eq!(config["type"], "query");
            for step in list(&config["transformations"]) {
                hold(step, TRANSFORMATION);
            }
        }
    }
    // What Grafana would take for a variable of the environment is written twice.
    let alone = crate::config::GRAFANA_DATASOURCES.replace("$$", "");
    let alone: String = alone
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect();
    assert!(!alone.contains('$'), "{alone}");
}
