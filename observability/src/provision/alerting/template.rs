//! Annotations of Prometheus as Grafana's.
//!
//! Grafana expands them with Prometheus's own expander (`pkg/services/ngalert/state/template`): the functions
//! are the same, `query` apart, which gives nothing. The data is different: `$value` is a text about all queries,
//! and the number of query A is `.Values.A.Value`.

use std::sync::LazyLock;

use regex::Regex;

/// What would change the meaning of the dot, or is not there in Grafana.
const REFUSED: [&str; 11] = [
    "range",
    "with",
    "define",
    "template",
    "block",
    "query",
    "first",
    "value",
    "label",
    "strvalue",
    "sortByLabel",
];

/// An action of a template, from `{{` to `}}`.
#[expect(clippy::expect_used, reason = "a pattern that is written here")]
static ACTION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?s)\{\{(.*?)\}\}").expect("a valid pattern"));
/// A variable, or a word, of an action; texts in quotes are neither.
#[expect(clippy::expect_used, reason = "a pattern that is written here")]
static WORD: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("\"[^\"]*\"|`[^`]*`|[$.]?\\w+").expect("a valid pattern"));

/// The same annotation for Grafana.
///
/// # Errors
/// Why it cannot be said there.
pub(super) fn translate(text: &str) -> Result<String, String> {
    let mut translated = String::new();
    let mut rest = 0;
    for action in ACTION.find_iter(text) {
        translated += plain(&text[rest..action.start()])?;
        translated += &expression(action.as_str())?;
        rest = action.end();
    }
    Ok(translated + plain(&text[rest..])?)
}

fn plain(text: &str) -> Result<&str, String> {
    if text.contains('$') {
        return Err("a $ outside of {{ }} would be taken for a variable of the environment".into());
    }
    Ok(text)
}

fn expression(action: &str) -> Result<String, String> {
    let mut translated = String::new();
    let mut rest = 0;
    for word in WORD.find_iter(action) {
        translated += &action[rest..word.start()];
        translated += match word.as_str() {
            "$value" => ".Values.A.Value",
            "$labels" => ".Labels",
            other if other.starts_with('$') => {
                return Err(format!("Grafana has no {other}"));
            }
            other
                if REFUSED.contains(&other)
                    || matches!(other, ".Value" | ".ExternalLabels" | ".ExternalURL") =>
            {
                return Err(format!("{other} is not translated"));
            }
            other => other,
        };
        rest = word.end();
    }
    translated += &action[rest..];
    if translated.contains('$') {
        return Err(format!("a $ is left in {translated}"));
    }
    Ok(translated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_labels_are_found_where_grafana_keeps_them() {
        for (given, expected) in [
            ("no template at 5%", "no template at 5%"),
            ("{{ $value }} workers", "{{ .Values.A.Value }} workers"),
            (
                "{{$value | humanizePercentage}} of {{ $labels.instance }}, {{ printf \"%.1f\" $value }}",
                "{{.Values.A.Value | humanizePercentage}} of {{ .Labels.instance }}, {{ printf \"%.1f\" .Values.A.Value }}",
            ),
        ] {
            assert_eq!(translate(given).unwrap(), expected);
        }
    }

    #[test]
    fn what_grafana_cannot_say_is_refused() {
        for text in [
            "costs $5",
            "{{ $externalURL }}",
            "{{ range query \"up\" }}x{{ end }}",
            "{{ with $labels }}{{ .job }}{{ end }}",
            "{{ .Value }}",
            "{{ \"$value\" }}",
        ] {
            assert!(translate(text).is_err(), "{text}");
        }
    }
}
