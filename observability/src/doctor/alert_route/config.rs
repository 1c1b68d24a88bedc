//! What Alertmanager's configuration says of who is notified
//! (<https://prometheus.io/docs/alerting/latest/configuration/>).

use serde_norway::Value;
use url::Url;

/// Who is notified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Config {
    /// The receiver of what no route takes.
    pub(super) root: String,
    /// All receivers.
    pub(super) receivers: Vec<Receiver>,
}

/// A receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Receiver {
    pub(super) name: String,
    /// By what it notifies: `webhook`, `email`.
    pub(super) integrations: Vec<String>,
    /// Where its webhooks are, as far as that is no secret.
    pub(super) webhooks: Vec<Url>,
}

impl Config {
    /// Reads a configuration, as Alertmanager tells it: with secrets masked.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let root: Value = serde_norway::from_str(text).map_err(|error| error.to_string())?;
        let receiver = root["route"]["receiver"].as_str();
        let receivers = root["receivers"].as_sequence();
        let receivers = receivers.ok_or("it has no receivers")?.iter();
        Ok(Self {
            root: receiver.ok_or("its route has no receiver")?.to_owned(),
            receivers: receivers.map(read).collect(),
        })
    }

    /// Every webhook whose address is known.
    pub(super) fn webhooks(&self) -> impl Iterator<Item = Url> {
        let receivers = self.receivers.iter();
        receivers.flat_map(|receiver| receiver.webhooks.clone())
    }
}

fn read(receiver: &Value) -> Receiver {
    let entries = receiver.as_mapping().into_iter().flatten();
    let integrations = entries.filter_map(|(key, value)| {
        let name = key.as_str()?.strip_suffix("_configs")?;
        let any = value.as_sequence().is_some_and(|all| !all.is_empty());
        any.then(|| name.to_owned())
    });
    let webhooks = receiver["webhook_configs"].as_sequence();
    let webhooks = webhooks.into_iter().flatten();
    Receiver {
        name: receiver["name"].as_str().unwrap_or_default().to_owned(),
        integrations: integrations.collect(),
        webhooks: webhooks
            .filter_map(|webhook| webhook["url"].as_str()?.parse().ok())
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_are_read_with_what_they_notify_by() {
        let config = Config::parse(crate::config::ALERTMANAGER).unwrap();
        assert_eq!(config.root, "voteops");
        let root = config
            .receivers
            .iter()
            .find(|receiver| receiver.name == "voteops")
            .unwrap();
        assert_eq!(root.integrations, ["webhook"]);
        let urls: Vec<_> = config.webhooks().map(|url| url.to_string()).collect();
        assert!(urls[0].starts_with("http://receiver:9095/"), "{urls:?}");
    }

    #[test]
    fn newer_servers_mask_the_webhook_and_old_ones_may_have_none() {
        let text = "route: {receiver: a}\nreceivers:\n- name: a\n  webhook_configs:\n  - url: <secret>\n- name: b\n";
        let config = Config::parse(text).unwrap();
        assert_eq!(config.receivers[0].integrations, ["webhook"]);
        assert_eq!(config.webhooks().count(), 0);
        assert!(config.receivers[1].integrations.is_empty());
        assert!(Config::parse("receivers: []").is_err());
    }
}
