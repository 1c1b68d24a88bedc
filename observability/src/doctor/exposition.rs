//! What a server exports of itself, in the text format
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>).

use std::collections::BTreeMap;

use crate::backend::{BackendError, Http};

/// The samples that a server exports at one instant.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Exported {
    samples: Vec<Sample>,
}

#[derive(Debug, Clone, PartialEq)]
struct Sample {
    name: String,
    labels: String,
    value: f64,
}

impl Exported {
    /// Asks a server for them, below its `metrics`.
    ///
    /// # Errors
    /// Any [`BackendError`].
    pub(super) async fn by(http: &Http) -> Result<Self, BackendError> {
        let (status, body) = http.get("metrics", &[]).await?;
        if !status.is_success() {
            return Err(http.status_error("metrics", status, &body));
        }
        Ok(Self::parse(&String::from_utf8_lossy(&body)))
    }

    /// Reads the samples; lines that are none are left out.
    pub(super) fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim);
        let samples = lines.filter(|line| !line.starts_with('#'));
        Self {
            samples: samples.filter_map(sample).collect(),
        }
    }

    /// The sum of the samples of a name; `None` when there is none.
    pub(super) fn sum(&self, name: &str) -> Option<f64> {
        self.sum_where(name, |_| true)
    }

    /// The sum of the samples of a name whose labels, as they are written, are kept.
    pub(super) fn sum_where(&self, name: &str, keep: impl Fn(&str) -> bool) -> Option<f64> {
        let named = self.samples.iter().filter(|sample| sample.name == name);
        named
            .filter(|sample| keep(&sample.labels))
            .map(|sample| sample.value)
            .reduce(|sum, value| sum + value)
    }

    /// The samples of a name that are above zero, summed by the value of a label.
    pub(super) fn by_label(&self, name: &str, label: &str) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        let named = self.samples.iter().filter(|sample| sample.name == name);
        for sample in named.filter(|sample| sample.value > 0.0) {
            let value = label_value(&sample.labels, label).unwrap_or("no reason given");
            *sums.entry(value.to_owned()).or_default() += sample.value;
        }
        sums
    }
}

fn sample(line: &str) -> Option<Sample> {
    let name_end = line.find(['{', ' ', '\t'])?;
    let (name, rest) = line.split_at(name_end);
    let (labels, rest) = match rest.strip_prefix('{') {
        // Values of labels may hold anything but a line's end; no number holds a brace.
        Some(rest) => rest.rsplit_once('}')?,
        None => ("", rest),
    };
    Some(Sample {
        name: name.to_owned(),
        labels: labels.to_owned(),
        value: rest.split_ascii_whitespace().next()?.parse().ok()?,
    })
}

/// The value of a label among those that are written down.
pub(super) fn label_value<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
    let begin = format!("{name}=\"");
    let at = labels.match_indices(&begin).find(|(at, _)| {
        // Not the end of a longer name.
        labels[..*at].is_empty() || labels[..*at].ends_with([',', ' '])
    });
    let value = &labels[at?.0 + begin.len()..];
    Some(&value[..value.find('"')?])
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP x Text with {braces} 1\n# TYPE x counter\n\
        x{code=\"200\",route=\"a{b}\"} 3\nx{code=\"500\",route=\"push\",status_code=\"9\"} 2 1700000000000\n\
        y 1.5\nz{reason=\"a\"} 0\nz{reason=\"b\"} 4e2\nbroken{\nn NaN\n";

    #[test]
    fn samples_are_read_with_their_labels() {
        let exported = Exported::parse(TEXT);
        assert_eq!(exported.sum("x"), Some(5.0));
        let pushed = exported.sum_where("x", |labels| label_value(labels, "route") == Some("push"));
        assert_eq!(pushed, Some(2.0));
        assert_eq!(exported.sum("y"), Some(1.5));
        assert_eq!(exported.sum("nowhere"), None);
        assert_eq!(
            exported.by_label("z", "reason"),
            [("b".to_owned(), 400.0)].into()
        );
        assert!(exported.sum("n").unwrap().is_nan());
    }

    #[test]
    fn a_label_is_not_taken_for_one_whose_name_ends_like_it() {
        assert_eq!(
            label_value("status_code=\"9\",code=\"1\"", "code"),
            Some("1")
        );
        assert_eq!(label_value("status_code=\"9\"", "code"), None);
    }
}
