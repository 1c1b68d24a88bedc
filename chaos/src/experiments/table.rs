//! Reads the values of a TOML table. What is not as it has to be is collected with its place, and
//! reading goes on, so that all of it is told at once.

use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use voteops_observability::rules::nearest;

use super::problem::{Placed, Problems};

type Value<'i> = Spanned<DeValue<'i>>;

/// Reads one table.
#[derive(Debug)]
pub(super) struct Reader<'t, 'i> {
    table: &'t DeTable<'i>,
    /// Where the table stands.
    pub(super) at: usize,
    problems: &'t Problems<'t>,
    known: Vec<&'static str>,
}

impl<'t, 'i> Reader<'t, 'i> {
    pub(super) fn new(table: &'t DeTable<'i>, at: usize, problems: &'t Problems<'t>) -> Self {
        Self {
            table,
            at,
            problems,
            known: Vec::new(),
        }
    }

    /// Takes a problem with the table as a whole.
    pub(super) fn wrong(&self, problem: impl Into<String>) {
        self.problems.add(self.at, problem);
    }

    /// Whether the key is there, whatever its value is.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    /// Where the key stands; where the table does when it is not there.
    pub(super) fn place(&self, key: &str) -> usize {
        let mut keys = self.table.keys();
        let found = keys.find(|found| found.get_ref().as_ref() == key);
        found.map_or(self.at, |found| found.span().start)
    }

    /// Whether the key is there with a text as its value.
    pub(super) fn is_text(&self, key: &str) -> bool {
        let value = self.table.get(key);
        value.is_some_and(|value| value.get_ref().is_str())
    }

    fn value(&mut self, key: &'static str) -> Option<&'t Value<'i>> {
        self.known.push(key);
        self.table.get(key)
    }

    /// A value that `read` makes something of; `wanted` says what else there should be.
    fn read<T>(
        &mut self,
        key: &'static str,
        wanted: &str,
        read: impl FnOnce(&'t DeValue<'i>) -> Option<T>,
    ) -> Option<Placed<T>> {
        let value = self.value(key)?;
        let at = value.span().start;
        let found = read(value.get_ref());
        if found.is_none() {
            let kind = value.get_ref().type_str();
            let article = if kind.starts_with(['a', 'i']) {
                "an"
            } else {
                "a"
            };
            let told = format!("{key} is {article} {kind}; write {wanted}");
            self.problems.add(at, told);
        }
        Some(Placed::new(at, found?))
    }

    /// A text that is not empty.
    pub(super) fn text(&mut self, key: &'static str) -> Option<Placed<String>> {
        let wanted = format!("{key} = \"…\"");
        let text = self.read(key, &wanted, |value| value.as_str().map(ToOwned::to_owned))?;
        if text.value.trim().is_empty() {
            self.problems
                .add(text.at, format!("{key} is empty; write something"));
            return None;
        }
        Some(text)
    }

    /// A text that `parse` makes something of, or says why not.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Placed<T>> {
        let text = self.text(key)?;
        match parse(&text.value) {
            Ok(value) => Some(Placed::new(text.at, value)),
            Err(reason) => {
                let told = format!("{key} = {:?}: {reason}", text.value);
                self.problems.add(text.at, told);
                None
            }
        }
    }

    /// A length of time above zero.
    pub(super) fn duration(&mut self, key: &'static str) -> Option<Placed<Duration>> {
        self.parsed(key, duration)
    }

    /// A number, with or without a fraction.
    pub(super) fn number(&mut self, key: &'static str) -> Option<Placed<f64>> {
        let found = self.read(key, &format!("a number, {key} = 0.5"), number)?;
        if found.value.is_finite() {
            return Some(found);
        }
        let told = format!("{key} is not a finite number; write one, {key} = 0.5");
        self.problems.add(found.at, told);
        None
    }

    /// A whole number from zero.
    pub(super) fn whole(&mut self, key: &'static str) -> Option<Placed<u64>> {
        let wanted = format!("a whole number from 0, {key} = 1");
        self.read(key, &wanted, whole)
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Option<Placed<bool>> {
        let wanted = format!("{key} = true or {key} = false");
        self.read(key, &wanted, DeValue::as_bool)
    }

    /// A list of texts; a single one, or a whole number, is a list of one.
    pub(super) fn texts(&mut self, key: &'static str) -> Vec<Placed<String>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let items: Vec<&Value<'i>> = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![value],
        };
        let texts = items.into_iter().filter_map(|item| {
            let at = item.span().start;
            let text = match item.get_ref() {
                DeValue::String(text) => Some(text.to_string()),
                value => whole(value).map(|number| number.to_string()),
            };
            if text.as_deref().is_none_or(|text| text.trim().is_empty()) {
                let told = format!("{key} is a text or a list of texts; write [\"…\"]");
                self.problems.add(at, told);
                return None;
            }
            Some(Placed::new(at, text?))
        });
        texts.collect()
    }

    /// A table inside of this one.
    pub(super) fn table(&mut self, key: &'static str) -> Option<Reader<'t, 'i>> {
        let problems = self.problems;
        let found = self.read(key, &format!("a table, [{key}]"), DeValue::as_table)?;
        Some(Reader::new(found.value, found.at, problems))
    }

    /// A list of tables.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Reader<'t, 'i>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let wrong = |at| {
            let told = format!("{key} is a list of tables; write [[{key}]] above each");
            self.problems.add(at, told);
        };
        let DeValue::Array(items) = value.get_ref() else {
            wrong(value.span().start);
            return Vec::new();
        };
        let tables = items.iter().filter_map(|item| {
            let at = item.span().start;
            let Some(table) = item.get_ref().as_table() else {
                wrong(at);
                return None;
            };
            Some(Reader::new(table, at, self.problems))
        });
        tables.collect()
    }

    /// Weights by name, such as `{ cats = 3, dogs = 1 }`.
    pub(super) fn weights(&mut self, key: &'static str) -> Vec<(Placed<String>, u64)> {
        let wanted = format!("{key} = {{ cats = 3, dogs = 1 }}");
        let Some(found) = self.read(key, &wanted, DeValue::as_table) else {
            return Vec::new();
        };
        let weights = found.value.iter().filter_map(|(name, weight)| {
            let at = weight.span().start;
            let Some(weight) = whole(weight.get_ref()) else {
                let told = format!("the weight of {name} is no whole number; write {wanted}");
                self.problems.add(at, told);
                return None;
            };
            Some((Placed::new(at, name.get_ref().to_string()), weight))
        });
        weights.collect()
    }

    /// Tells of keys that nobody has asked for.
    pub(super) fn finish(self) {
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if self.known.contains(&name) {
                continue;
            }
            let hint = nearest(name, self.known.iter().copied()).map_or_else(
                || format!("there are {}", self.known.join(", ")),
                |near| format!("did you mean {near}?"),
            );
            self.problems.add(
                key.span().start,
                format!("there is no key {name:?} here; {hint}"),
            );
        }
    }
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Float(float) => float.as_str().parse().ok(),
        #[expect(
            clippy::cast_precision_loss,
            reason = "numbers that people write in experiments are far below 2^52"
        )]
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .map(|number| number as f64),
        _ => None,
    }
}

fn whole(value: &DeValue<'_>) -> Option<u64> {
    let integer = value.as_integer()?;
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// A length of time as files write it.
fn duration(text: &str) -> Result<Duration, String> {
    let length = humantime::parse_duration(text);
    let length = length.map_err(|error| format!("{error}; write 30s, 5m or 1h30m"))?;
    if length.is_zero() {
        return Err("it lasts no time; write one above zero, such as 30s".into());
    }
    Ok(length)
}
