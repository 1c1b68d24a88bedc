//! The languages of the pages. `Accept-Language` decides between them.

use axum::http::{HeaderMap, header};

use crate::quality::{Weighted, joined};

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lang {
    /// English, for everyone whose languages are not spoken here.
    En,
    /// Indonesian.
    Id,
}

impl Lang {
    /// The language that weighs most in `Accept-Language`, of two alike the one named first
    /// (RFC 9110, section 12.5.4). Regions are passed over.
    pub(crate) fn preferred(headers: &HeaderMap) -> Self {
        let accepted = joined(headers, &header::ACCEPT_LANGUAGE);
        let accepted: Vec<_> = Weighted::all(&accepted).collect();
        let any = accepted.iter().position(|it| it.value == "*");
        let mut best = (0.0, usize::MAX, Self::En);
        for lang in [Self::En, Self::Id] {
            let mut named = (0..accepted.len())
                .filter(|at| Self::of_tag(accepted[*at].value) == Some(lang))
                .peekable();
            // The star is every language that is not named.
            let star = any.filter(|_| named.peek().is_none());
            for at in named.chain(star) {
                let weight = accepted[at].weight;
                if weight > best.0 || (weight >= best.0 && weight > 0.0 && at < best.1) {
                    best = (weight, at, lang);
                }
            }
        }
        best.2
    }

    /// The language of a tag such as `id-ID`. `in` is what Indonesian was called before 1989, and
    /// what some Java clients still send.
    fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        match primary.to_ascii_lowercase().as_str() {
            "en" => Some(Self::En),
            "id" | "in" => Some(Self::Id),
            _ => None,
        }
    }

    /// Its ISO 639-1 code.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Id => "id",
        }
    }

    /// A whole number with its thousands apart.
    pub(crate) fn number(self, number: u64) -> String {
        let digits = number.to_string();
        let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
        for (at, digit) in digits.char_indices() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                grouped.push(self.separators().0);
            }
            grouped.push(digit);
        }
        grouped
    }

    /// The share of `part` in `total` in per cent, rounded to a tenth. Nothing of nothing is 0 %.
    pub(crate) fn share(self, part: u64, total: u64) -> String {
        let tenths = tenths_of_percent(part, total);
        format!("{}{}{}%", tenths / 10, self.separators().1, tenths % 10)
    }

    /// What stands between thousands and before decimals.
    fn separators(self) -> (char, char) {
        match self {
            Self::En => (',', '.'),
            Self::Id => ('.', ','),
        }
    }
}

/// The share of `part` in `total` in tenths of a per cent, rounded.
pub(crate) fn tenths_of_percent(part: u64, total: u64) -> u64 {
    let (part, total) = (u128::from(part), u128::from(total));
    let tenths = (part * 1000 + total / 2).checked_div(total).unwrap_or(0);
    u64::try_from(tenths).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_language_that_is_spoken_wins() {
        for (accepted, lang) in [
            ("id", Lang::Id),
            ("ID-id", Lang::Id),
            ("in", Lang::Id),
            ("en-GB,en;q=0.9,id;q=0.8", Lang::En),
            ("id-ID,id;q=0.9,en-US;q=0.8", Lang::Id),
            ("fr, id;q=0.2, en;q=0.1", Lang::Id),
            ("en;q=0.5, id;q=0.5", Lang::En),
            ("id; q=0.5, en; q=0.4", Lang::Id),
            ("id;q=0", Lang::En),
            ("id;q=nonsense", Lang::En),
            ("*, id;q=0.5", Lang::En),
            ("*", Lang::En),
            ("en;q=0, *", Lang::Id),
            ("en;q=0, *;q=0.1", Lang::Id),
            ("id;q=0, *", Lang::En),
            ("id;q=0.5, *", Lang::En),
            ("id, *;q=0.5", Lang::Id),
            ("id;q=0.5, en-GB;q=0.2, en;q=0.7", Lang::En),
            ("fr", Lang::En),
            ("idx", Lang::En),
            ("", Lang::En),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, accepted.parse().unwrap());
            assert_eq!(Lang::preferred(&headers), lang, "{accepted}");
        }
        assert_eq!(Lang::preferred(&HeaderMap::new()), Lang::En);
    }

    #[test]
    fn numbers_are_written_as_each_language_does() {
        for (number, en, id) in [
            (0, "0", "0"),
            (999, "999", "999"),
            (1000, "1,000", "1.000"),
            (12_345_678, "12,345,678", "12.345.678"),
        ] {
            assert_eq!(Lang::En.number(number), en);
            assert_eq!(Lang::Id.number(number), id);
        }
    }

    #[test]
    fn shares_are_rounded_to_a_tenth() {
        assert_eq!(Lang::En.share(302, 599), "50.4%");
        assert_eq!(Lang::Id.share(297, 599), "49,6%");
        assert_eq!(Lang::En.share(0, 0), "0.0%");
        assert_eq!(Lang::En.share(u64::MAX, u64::MAX), "100.0%");
    }
}
