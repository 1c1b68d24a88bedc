//! What lines are asked for.

use super::{Level, LogLine};

/// A query for lines, for whoever asked for something else.
pub(super) const EXAMPLE: &str = r#"{service="worker"}"#;

/// Which lines: by toggles, or by a LogQL query that somebody wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// These services only; all when empty.
    pub services: Vec<String>,
    /// These instances only; all when empty.
    pub instances: Vec<String>,
    /// Lines at least as urgent as this; all when `None`.
    pub least: Option<Level>,
    /// A LogQL query instead of the toggles.
    pub entered: Option<String>,
}

impl LogQuery {
    /// The query in LogQL (<https://grafana.com/docs/loki/latest/query/>).
    #[must_use]
    pub fn to_logql(&self) -> String {
        if let Some(entered) = &self.entered {
            return entered.clone();
        }
        // A selector has to hold a matcher that does not match the empty string.
        let mut matchers = vec![if self.services.is_empty() {
            "service=~\".+\"".to_owned()
        } else {
            let names = self.services.iter().map(|name| quote_regex(name));
            format!("service=~{}", quote(&names.collect::<Vec<_>>().join("|")))
        }];
        if !self.instances.is_empty() {
            let names = self.instances.iter().map(|name| quote_regex(name));
            let names = names.collect::<Vec<_>>().join("|");
            matchers.push(format!("instance=~{}", quote(&names)));
        }
        // A line whose level nobody can tell is the least urgent: with it, all are asked for.
        if let Some(least) = self.least.filter(|least| *least < Level::Unknown) {
            let urgent = Level::ALL.into_iter().filter(|level| *level <= least);
            let words = urgent.flat_map(Level::beginnings).copied();
            let words = words.collect::<Vec<_>>().join("|");
            matchers.push(format!("level=~\"(?i)({words}).*\""));
        }
        format!("{{{}}}", matchers.join(", "))
    }

    /// Whether the toggles keep a line.
    #[must_use]
    pub fn keeps(&self, line: &LogLine) -> bool {
        let among = |names: &[String], name: Option<&str>| {
            names.is_empty() || name.is_some_and(|name| names.iter().any(|known| known == name))
        };
        among(&self.services, line.service())
            && among(&self.instances, line.instance())
            && self.least.is_none_or(|least| line.level <= least)
    }
}

/// A string as LogQL reads it.
fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A text as a regular expression that matches just it.
fn quote_regex(text: &str) -> String {
    let special = |c: char| "\\.+*?()|[]{}^$".contains(c);
    text.chars()
        .flat_map(|c| special(c).then_some('\\').into_iter().chain([c]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn toggles_become_a_selector() {
        let mut query = LogQuery::default();
        assert_eq!(query.to_logql(), r#"{service=~".+"}"#);
        query.services = vec!["vote-app".into(), "worker".into()];
        query.least = Some(Level::Warn);
        assert_eq!(
            query.to_logql(),
            r#"{service=~"vote-app|worker", level=~"(?i)(err|fatal|crit|panic|alert|emerg|warn).*"}"#
        );
        query.entered = Some("{job=\"x\"} |= \"y\"".into());
        assert_eq!(query.to_logql(), "{job=\"x\"} |= \"y\"");
    }

    #[test]
    fn what_is_asked_is_on_file_for_the_grammar() {
        let named = |names: &[&str]| {
            names
                .iter()
                .map(|&name| name.to_owned())
                .collect::<Vec<_>>()
        };
        let mut made = vec![EXAMPLE.to_owned()];
        for services in [
            named(&[]),
            named(&["worker"]),
            named(&["vote-app", "a.b", r#"q"\"#]),
        ] {
            for instances in [named(&[]), named(&["worker-1", "x|\n"])] {
                for least in [None, Some(Level::Warn), Some(Level::Unknown)] {
                    let query = LogQuery {
                        services: services.clone(),
                        instances: instances.clone(),
                        least,
                        entered: None,
                    };
                    made.push(query.to_logql());
                }
            }
        }
        let made = made.join("\n") + "\n";
        let on_file = include_str!("asked.logql");
        assert_eq!(
            made, on_file,
            "observability/src/logs/asked.logql, which scripts/check-files parses, is to be:\n{made}"
        );
    }

    #[test]
    fn toggles_keep_what_they_say() {
        let query = LogQuery {
            services: vec!["worker".into()],
            least: Some(Level::Warn),
            ..LogQuery::default()
        };
        let line = |service: &str, level: &str| {
            let labels = [("service", service), ("level", level)];
            let labels = labels.map(|(k, v)| (k.to_owned(), v.to_owned()));
            LogLine::new(0, std::sync::Arc::new(labels.into()), String::new())
        };
        assert!(query.keeps(&line("worker", "error")));
        assert!(!query.keeps(&line("worker", "info")));
        assert!(!query.keeps(&line("redis", "error")));
    }

    #[test]
    fn loki_is_asked_for_the_levels_that_the_toggles_keep() {
        let words = [
            "error",
            "ERR",
            "fatal",
            "Critical",
            "crit",
            "panic",
            "alert",
            "emerg",
            "emergency",
            "warn",
            "WARNING",
            "info",
            "information",
            "Notice",
            "debug",
            "trace",
            "odd",
        ];
        for least in Level::ALL {
            let query = LogQuery {
                least: Some(least),
                ..LogQuery::default()
            };
            let logql = query.to_logql();
            let asked = logql
                .split_once(", level=~\"")
                .map_or(".*", |(_, rest)| rest.strip_suffix("\"}").unwrap());
            // Loki's matchers are of the whole value.
            let asked = regex::Regex::new(&format!("^(?:{asked})$")).unwrap();
            for word in words {
                let labels = [("level".to_owned(), word.to_owned())];
                let line = LogLine::new(0, std::sync::Arc::new(labels.into()), String::new());
                assert_eq!(asked.is_match(word), query.keeps(&line), "{word}, {logql}");
            }
        }
        assert_eq!(Level::parse("CRITICAL"), Level::Error);
        assert_eq!(Level::parse("notice"), Level::Info);
        assert_eq!(Level::parse("odd"), Level::Unknown);
    }

    proptest! {
        #[test]
        fn no_name_ends_its_string(name in any::<String>()) {
            let quoted = quote(&name);
            let inner = &quoted[1..quoted.len() - 1];
            let unescaped = inner.replace("\\\\", "").replace("\\\"", "");
            prop_assert!(!unescaped.contains('"') && !unescaped.ends_with('\\'));
            prop_assert!(!inner.contains('\n'));
        }
    }
}
