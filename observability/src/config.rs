//! The configuration files that the project ships, fitted to a stack on one machine: only targets,
//! addresses and (with a time scale) durations differ from the files. Containers read the files to
//! the letter.

use std::collections::BTreeMap;

use serde_norway::Value;
use url::Url;

use crate::rules::{self, RULE_FILES, RuleError, items, scale_field};

/// Prometheus's configuration, to the letter.
pub const PROMETHEUS: &str = include_str!("../prometheus/prometheus.yml");
/// Alertmanager's configuration, to the letter.
pub const ALERTMANAGER: &str = include_str!("../alertmanager/alertmanager.yml");

/// Loki's configuration, to the letter.
pub const LOKI: &str = include_str!("../loki/loki.yml");
/// The log shipper's configuration, to the letter; Promtail and Alloy read it.
pub const PROMTAIL: &str = include_str!("../promtail/promtail.yml");
/// Grafana's data sources, to the letter.
pub const GRAFANA_DATASOURCES: &str =
    include_str!("../grafana/provisioning/datasources/voteops.yml");

/// A shipped file that is not what this version expects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct ConfigError {
    file: &'static str,
    reason: String,
}

/// Prometheus's configuration with the targets of each job (`host:port`), the rule files'
/// pattern and Alertmanager's `host:port` put in, and durations divided by `time_scale`.
///
/// # Errors
/// [`ConfigError`] when the file lacks a job that has targets.
pub fn prometheus(
    targets: &BTreeMap<&str, Vec<String>>,
    rule_files: &str,
    alertmanager: &str,
    time_scale: f64,
) -> Result<String, ConfigError> {
    fit("prometheus.yml", PROMETHEUS, |root| {
        if let Some(global) = root.get_mut("global") {
            for key in ["scrape_interval", "scrape_timeout", "evaluation_interval"] {
                scale_field(global, key, time_scale)?;
            }
        }
        root["rule_files"] = strings([rule_files]);
        root["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] =
            strings([alertmanager]);
        let jobs = root["scrape_configs"]
            .as_sequence_mut()
            .ok_or("no scrape_configs")?;
        for (name, targets) in targets {
            let job = jobs
                .iter_mut()
                .find(|job| job["job_name"].as_str() == Some(name))
                .ok_or_else(|| format!("no job {name}"))?;
            for key in ["scrape_interval", "scrape_timeout"] {
                scale_field(job, key, time_scale)?;
            }
            // In containers targets are found by asking the network for their name.
            remove(job, "dns_sd_configs")?;
            let targets = strings(targets.iter().map(String::as_str));
            job["static_configs"] = sequence(mapping([("targets", targets)]));
        }
        Ok(())
    })
}

/// Alertmanager's configuration with its webhooks at the address of `receiver`, their paths kept, and
/// the routes' waits divided by `time_scale`.
///
/// # Errors
/// [`ConfigError`] when the file has no route, or a webhook without a URL.
pub fn alertmanager(receiver: &Url, time_scale: f64) -> Result<String, ConfigError> {
    fit("alertmanager.yml", ALERTMANAGER, |root| {
        scale_route(root.get_mut("route").ok_or("no route")?, time_scale)?;
        let receivers = items(root.get_mut("receivers"));
        let webhooks = receivers.flat_map(|receiver| items(receiver.get_mut("webhook_configs")));
        for webhook in webhooks {
            let path = webhook["url"].as_str().and_then(|url| Url::parse(url).ok());
            let path = path.ok_or("a webhook has no URL")?;
            let mut url = receiver.clone();
            url.set_path(path.path());
            webhook["url"] = Value::String(url.into());
        }
        Ok(())
    })
}

/// The files that tell Prometheus and Alertmanager in containers how long things last, with these durations
/// divided by `time_scale`, each under its name: all else is as it is shipped.
///
/// # Errors
/// [`ConfigError`].
pub fn scaled(time_scale: f64) -> Result<Vec<(String, String)>, ConfigError> {
    let prometheus = fit("prometheus.yml", PROMETHEUS, |root| {
        let global = root.get_mut("global").ok_or("no global")?;
        for key in ["scrape_interval", "scrape_timeout", "evaluation_interval"] {
            scale_field(global, key, time_scale)?;
        }
        Ok(())
    });
    let alertmanager = fit("alertmanager.yml", ALERTMANAGER, |root| {
        let route = root.get_mut("route").ok_or("no route")?;
        scale_route(route, time_scale)
    });
    let mut files = vec![
        ("prometheus.yml".to_owned(), prometheus?),
        ("alertmanager.yml".to_owned(), alertmanager?),
    ];
    for file in RULE_FILES {
        let wrong = |error: RuleError| ConfigError {
            file: file.name,
            reason: error.to_string(),
        };
        let text = rules::scale(file.name, file.text, time_scale).map_err(wrong)?;
        files.push((format!("rules/{}", file.name), text));
    }
    Ok(files)
}

/// Divides the waits of a route and of those below it.
fn scale_route(route: &mut Value, time_scale: f64) -> Result<(), String> {
    for key in ["group_wait", "group_interval", "repeat_interval"] {
        scale_field(route, key, time_scale)?;
    }
    items(route.get_mut("routes")).try_for_each(|route| scale_route(route, time_scale))
}

/// Loki's configuration on the loopback address, writing below `dir`, with the rules below
/// `rules_dir`, whose alerts go to Alertmanager at `alertmanager_url`.
///
/// # Errors
/// [`ConfigError`].
pub fn loki(
    http_port: u16,
    grpc_port: u16,
    (dir, rules_dir): (&str, &str),
    alertmanager_url: &str,
) -> Result<String, ConfigError> {
    fit("loki.yml", LOKI, |root| {
        root["server"]["http_listen_address"] = "127.0.0.1".into();
        root["server"]["http_listen_port"] = http_port.into();
        root["server"]["grpc_listen_address"] = "127.0.0.1".into();
        root["server"]["grpc_listen_port"] = grpc_port.into();
        let common = &mut root["common"];
        common["path_prefix"] = dir.into();
        common["storage"]["filesystem"]["chunks_directory"] = format!("{dir}/chunks").into();
        common["storage"]["filesystem"]["rules_directory"] = rules_dir.into();
        root["ruler"]["alertmanager_url"] = alertmanager_url.trim_end_matches('/').into();
        Ok(())
    })
}

/// The log shipper's configuration for the log files that match `logs`, sent to Loki at
/// `loki_url`.
///
/// # Errors
/// [`ConfigError`].
pub fn promtail(
    http_port: u16,
    positions: &str,
    loki_url: &str,
    logs: &str,
) -> Result<String, ConfigError> {
    fit("promtail.yml", PROMTAIL, |root| {
        root["server"]["http_listen_address"] = "127.0.0.1".into();
        root["server"]["http_listen_port"] = http_port.into();
        root["positions"]["filename"] = positions.into();
        root["clients"][0]["url"] = format!("{loki_url}/loki/api/v1/push").into();
        let job = &mut root["scrape_configs"][0];
        // In containers the engine is asked for them.
        remove(job, "docker_sd_configs")?;
        remove(job, "relabel_configs")?;
        let labels = mapping([("job", "voteops".into()), ("__path__", logs.into())]);
        let targets = strings(["localhost"]);
        job["static_configs"] = sequence(mapping([("targets", targets), ("labels", labels)]));
        Ok(())
    })
}

/// Grafana's data sources at other addresses: those whose type has none are left out, with the ways to
/// them, since Grafana does not start with a way to nowhere. The scrape interval that it knows is divided by
/// `time_scale`.
///
/// # Errors
/// [`ConfigError`].
pub fn grafana_datasources(
    urls: &BTreeMap<&str, String>,
    time_scale: f64,
) -> Result<String, ConfigError> {
    fit("datasources/voteops.yml", GRAFANA_DATASOURCES, |root| {
        let sources = root["datasources"]
            .as_sequence_mut()
            .ok_or("no datasources")?;
        sources.retain(|source| {
            source["type"]
                .as_str()
                .is_some_and(|t| urls.contains_key(t))
        });
        let there: Vec<_> = sources.iter().map(|source| source["uid"].clone()).collect();
        for source in sources {
            if let Some(data) = source.get_mut("jsonData") {
                scale_field(data, "timeInterval", time_scale)?;
            }
            let ways = source.get_mut("correlations");
            if let Some(ways) = ways.and_then(Value::as_sequence_mut) {
                ways.retain(|way| there.contains(&way["targetUID"]));
            }
            if let Some(url) = source["type"].as_str().and_then(|kind| urls.get(kind)) {
                source["url"] = url.as_str().into();
            }
        }
        Ok(())
    })
}

fn fit(
    file: &'static str,
    text: &str,
    change: impl FnOnce(&mut Value) -> Result<(), String>,
) -> Result<String, ConfigError> {
    let wrong = |reason: String| ConfigError { file, reason };
    let mut root: Value = serde_norway::from_str(text).map_err(|error| wrong(error.to_string()))?;
    change(&mut root).map_err(wrong)?;
    serde_norway::to_string(&root).map_err(|error| wrong(error.to_string()))
}

/// Takes a key out of a mapping, whether or not it is there.
fn remove(from: &mut Value, key: &str) -> Result<(), String> {
    let mapping = from
        .as_mapping_mut()
        .ok_or_else(|| format!("no mapping that {key} could stand in"))?;
    mapping.remove(key);
    Ok(())
}

fn mapping<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let entries = entries.map(|(key, value)| (Value::from(key), value));
    Value::Mapping(entries.into_iter().collect())
}

fn sequence(only: Value) -> Value {
    Value::Sequence(vec![only])
}

fn strings<'a>(items: impl IntoIterator<Item = &'a str>) -> Value {
    Value::Sequence(
        items
            .into_iter()
            .map(|item| Value::String(item.to_owned()))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_containers_are_scaled_and_otherwise_the_shipped_ones() {
        let parsed = |text: &str| -> Value { serde_norway::from_str(text).unwrap() };
        let once = scaled(1.0).unwrap();
        let text = |files: &[(String, String)], name: &str| {
            let found = files.iter().find(|(file, _)| file == name);
            parsed(&found.unwrap_or_else(|| panic!("no {name}")).1)
        };
        assert_eq!(text(&once, "prometheus.yml"), parsed(PROMETHEUS));
        assert_eq!(text(&once, "alertmanager.yml"), parsed(ALERTMANAGER));
        let often = scaled(30.0).unwrap();
        for file in RULE_FILES {
            let name = format!("rules/{}", file.name);
            assert_eq!(text(&once, &name), parsed(file.text));
            assert_ne!(text(&often, &name), parsed(file.text));
        }
        let prometheus = text(&often, "prometheus.yml");
        assert_eq!(
            prometheus["global"]["scrape_interval"].as_str(),
            Some("500ms")
        );
        assert_eq!(
            prometheus["scrape_configs"],
            parsed(PROMETHEUS)["scrape_configs"]
        );
        let alertmanager = text(&often, "alertmanager.yml");
        assert_eq!(
            alertmanager["route"]["group_interval"].as_str(),
            Some("10s")
        );
    }

    #[test]
    fn targets_and_durations_change_and_nothing_else() {
        let targets = BTreeMap::from([
            ("prometheus", vec!["127.0.0.1:1".to_owned()]),
            (
                "vote_app",
                vec!["127.0.0.1:2".to_owned(), "127.0.0.1:3".to_owned()],
            ),
            ("worker", vec!["127.0.0.1:4".to_owned()]),
            ("redis", vec!["127.0.0.1:5".to_owned()]),
            ("alertmanager", vec!["127.0.0.1:6".to_owned()]),
        ]);
        let text = prometheus(&targets, "rules/*.yml", "127.0.0.1:6", 30.0).unwrap();
        let fitted: Value = serde_norway::from_str(&text).unwrap();
        let shipped: Value = serde_norway::from_str(PROMETHEUS).unwrap();
        assert_eq!(fitted["global"]["scrape_interval"].as_str(), Some("500ms"));
        let names = |root: &Value| -> Vec<String> {
            let jobs = root["scrape_configs"].as_sequence().unwrap();
            jobs.iter()
                .map(|job| job["job_name"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(names(&fitted), names(&shipped));
        let of = |root: &Value, job: &str| {
            let jobs = root["scrape_configs"].as_sequence().unwrap();
            jobs.iter()
                .find(|entry| entry["job_name"].as_str() == Some(job))
                .unwrap()
                .clone()
        };
        assert_eq!(
            of(&fitted, "redis")["metric_relabel_configs"],
            of(&shipped, "redis")["metric_relabel_configs"]
        );
        assert_eq!(
            of(&fitted, "vote_app")["static_configs"][0]["targets"],
            strings(["127.0.0.1:2", "127.0.0.1:3"])
        );
        assert!(!text.contains("dns_sd_configs"), "{text}");
        let unknown = BTreeMap::from([("nobody", vec![])]);
        let error = prometheus(&unknown, "r", "a", 1.0).unwrap_err();
        assert_eq!(error.to_string(), "prometheus.yml: no job nobody");
    }

    #[test]
    fn the_webhook_goes_where_it_is_told() {
        let text = alertmanager(&"http://127.0.0.1:7".parse().unwrap(), 30.0).unwrap();
        let root: Value = serde_norway::from_str(&text).unwrap();
        let webhook = &root["receivers"][0]["webhook_configs"][0];
        assert_eq!(
            webhook["url"].as_str(),
            Some("http://127.0.0.1:7/api/v1/webhook")
        );
        assert_eq!(webhook["send_resolved"].as_bool(), Some(true));
        assert_eq!(root["route"]["group_wait"].as_str(), Some("1s"));
        assert_eq!(root["route"]["group_interval"].as_str(), Some("10s"));
        let heartbeat = &root["route"]["routes"][0];
        assert_eq!(heartbeat["repeat_interval"].as_str(), Some("2s"));
        let receiver = &root["receivers"][1];
        assert_eq!(receiver["name"], heartbeat["receiver"]);
        let url = receiver["webhook_configs"][0]["url"].as_str();
        assert_eq!(url, Some("http://127.0.0.1:7/api/v1/heartbeat"));
    }

    #[test]
    fn the_log_stack_is_fitted_to_its_directories() {
        let root: Value = serde_norway::from_str(
            &loki(1, 2, ("/data/loki", "/data/rules"), "http://127.0.0.1:9/").unwrap(),
        )
        .unwrap();
        assert_eq!(root["server"]["http_listen_port"].as_u64(), Some(1));
        let chunks = &root["common"]["storage"]["filesystem"]["chunks_directory"];
        assert_eq!(chunks.as_str(), Some("/data/loki/chunks"));
        let rules = &root["common"]["storage"]["filesystem"]["rules_directory"];
        assert_eq!(rules.as_str(), Some("/data/rules"));
        let url = root["ruler"]["alertmanager_url"].as_str();
        assert_eq!(url, Some("http://127.0.0.1:9"));
        assert_eq!(
            root["schema_config"]["configs"][0]["schema"].as_str(),
            Some("v13")
        );

        let text = promtail(3, "/data/p.yaml", "http://127.0.0.1:1", "/data/*.log").unwrap();
        let root: Value = serde_norway::from_str(&text).unwrap();
        let url = root["clients"][0]["url"].as_str();
        assert_eq!(url, Some("http://127.0.0.1:1/loki/api/v1/push"));
        let job = &root["scrape_configs"][0];
        let path = &job["static_configs"][0]["labels"]["__path__"];
        assert_eq!(path.as_str(), Some("/data/*.log"));
        assert!(!text.contains("docker_sd_configs") && !text.contains("relabel_configs"));
        let shipped: Value = serde_norway::from_str(PROMTAIL).unwrap();
        let stages = &shipped["scrape_configs"][0]["pipeline_stages"];
        assert_eq!(&job["pipeline_stages"], stages);

        let urls = BTreeMap::from([("prometheus", "http://127.0.0.1:9".to_owned())]);
        let text = grafana_datasources(&urls, 30.0).unwrap();
        assert!(
            text.contains("http://127.0.0.1:9") && !text.contains("loki"),
            "{text}"
        );
        assert!(text.contains("timeInterval: 500ms"), "{text}");
        let urls = BTreeMap::from([
            ("prometheus", "http://127.0.0.1:9".to_owned()),
            ("loki", "http://127.0.0.1:8".to_owned()),
        ]);
        assert!(
            grafana_datasources(&urls, 1.0)
                .unwrap()
                .contains("targetUID: loki")
        );
    }
}
