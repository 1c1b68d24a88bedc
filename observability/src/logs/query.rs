//! What lines are asked for.

use super::Level;

/// Which lines: by toggles, or by a LogQL query that somebody wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// These services only; all when empty.
    pub services: Vec<String>,
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
        if let Some(least) = self.least {
            let urgent = Level::ALL.into_iter().filter(|level| *level <= least);
            let words = urgent.map(Level::word).collect::<Vec<_>>().join("|");
            matchers.push(format!("level=~\"(?i)({words}).*\""));
        }
        format!("{{{}}}", matchers.join(", "))
    }

    /// Whether the toggles keep a line of a service and a level.
    #[must_use]
    pub fn keeps(&self, service: Option<&str>, level: Level) -> bool {
        let wanted = self.services.is_empty()
            || service.is_some_and(|service| self.services.iter().any(|name| name == service));
        wanted && self.least.is_none_or(|least| level <= least)
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
            r#"{service=~"vote-app|worker", level=~"(?i)(error|warn).*"}"#
        );
        query.entered = Some("{job=\"x\"} |= \"y\"".into());
        assert_eq!(query.to_logql(), "{job=\"x\"} |= \"y\"");
    }

    #[test]
    fn toggles_keep_what_they_say() {
        let query = LogQuery {
            services: vec!["worker".into()],
            least: Some(Level::Warn),
            entered: None,
        };
        assert!(query.keeps(Some("worker"), Level::Error));
        assert!(!query.keeps(Some("worker"), Level::Info));
        assert!(!query.keeps(Some("redis"), Level::Error));
        assert!(!query.keeps(None, Level::Error));
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
