//! How a server finds its targets.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_norway::Value;

use super::Prometheus;
use crate::backend::BackendError;
use crate::units::parse_duration;

/// A change that was discovered may wait for so long before it is acted on (`discovery/manager.go`).
const UPDATES_EVERY: Duration = Duration::from_secs(5);

/// Lists of targets that do not change by what becomes of a target.
const LISTS: [&str; 2] = ["static_configs", "file_sd_configs"];

#[derive(Deserialize)]
struct Shown {
    yaml: String,
}

impl Prometheus {
    /// How long it may take, by scrape pool, until a target that is there again is known to the server.
    /// Pools without service discovery are not in it: their targets stay known while they are away.
    ///
    /// # Errors
    /// Any [`BackendError`].
    pub async fn rediscovery(&self) -> Result<BTreeMap<String, Duration>, BackendError> {
        let shown = self.read::<Shown>("api/v1/status/config", &[]).await?;
        Ok(discovering(&shown.data.yaml))
    }
}

fn discovering(config: &str) -> BTreeMap<String, Duration> {
    let config: Value = serde_norway::from_str(config).unwrap_or_default();
    let jobs = config["scrape_configs"].as_sequence().into_iter().flatten();
    let found = jobs.filter_map(|job| {
        let refreshed = job.as_mapping()?.iter().filter_map(|(key, ways)| {
            let key = key.as_str()?;
            let discovers = key.ends_with("_sd_configs") && !LISTS.contains(&key);
            discovers.then(|| longest_refresh(ways))
        });
        let name = job["job_name"].as_str()?;
        Some((name.to_owned(), refreshed.max()? + UPDATES_EVERY))
    });
    found.collect()
}

/// Zero where changes are watched and not asked for, as of Kubernetes.
fn longest_refresh(ways: &Value) -> Duration {
    let ways = ways.as_sequence().into_iter().flatten();
    let refreshed = ways.filter_map(|way| parse_duration(way["refresh_interval"].as_str()?).ok());
    refreshed.max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_that_discover_are_told_with_how_long_that_takes() {
        // As Prometheus 2.53 tells its configuration, with its defaults filled in.
        let config = "
global:
  scrape_interval: 15s
scrape_configs:
- job_name: prometheus
  static_configs:
  - targets:
    - localhost:9090
- job_name: worker
  scrape_interval: 500ms
  dns_sd_configs:
  - names:
    - worker
    refresh_interval: 5s
    type: A
    port: 8081
  - names:
    - spare
    refresh_interval: 30s
    type: A
    port: 8081
- job_name: pods
  kubernetes_sd_configs:
  - role: pod
- job_name: files
  file_sd_configs:
  - files: [targets.json]
    refresh_interval: 5m
";
        let expected = [("pods", 5), ("worker", 35)]
            .map(|(name, seconds)| (name.to_owned(), Duration::from_secs(seconds)));
        assert_eq!(discovering(config), BTreeMap::from(expected));
    }

    #[test]
    fn what_is_no_configuration_tells_of_none() {
        for config in [
            "",
            "null",
            "[]",
            "scrape_configs: 3",
            ": {",
            "scrape_configs: [1, {job_name: 2}]",
        ] {
            assert!(discovering(config).is_empty(), "{config}");
        }
    }
}
