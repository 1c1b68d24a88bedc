//! Lists with quality values, as `Accept` and `Accept-Language` have them (RFC 9110, section 12.4).

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderName};

/// One value of such a list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Weighted<'a> {
    pub(crate) value: &'a str,
    /// From 0, not wanted, to 1. What is no weight weighs nothing.
    pub(crate) weight: f32,
}

impl<'a> Weighted<'a> {
    /// Every value of a list, in its order.
    pub(crate) fn all(list: &'a str) -> impl Iterator<Item = Self> {
        list.split(',').map(|item| {
            let mut parts = item.split(';').map(str::trim);
            let value = parts.next().unwrap_or_default();
            let weight = parts
                .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
                .map_or(Ok(1.0), str::parse)
                .ok()
                .filter(|weight| (0.0..=1.0).contains(weight));
            Self {
                value,
                weight: weight.unwrap_or(0.0),
            }
        })
    }
}

/// All lines of a header as one list.
pub(crate) fn joined<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Cow<'a, str> {
    let mut lines = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut list = Cow::from(lines.next().unwrap_or_default());
    for line in lines {
        list += ",";
        list += line;
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_between_nothing_and_all() {
        let list: Vec<_> = Weighted::all("a, b;q=0.5,c;x=1; q=0.25 ,d;q=2,e;q=NaN,f;q=").collect();
        let told: Vec<_> = list.iter().map(|item| (item.value, item.weight)).collect();
        assert_eq!(
            told,
            [
                ("a", 1.0),
                ("b", 0.5),
                ("c", 0.25),
                ("d", 0.0),
                ("e", 0.0),
                ("f", 0.0)
            ]
        );
    }
}
