//! A histogram in text.

use std::os::fd::AsFd;

use rustix::termios::tcgetwinsize;
use voteops_chaos::load::{Bar, Spread};

/// Columns of the longest bar, where there is room for it,
const WIDEST: usize = 30;
/// and at least.
const NARROWEST: usize = 5;
/// Columns of a line beside its bar: bounds, votes, and the spaces between.
const BESIDE: usize = 25;

/// Columns of the longest bar where `output` goes.
pub(super) fn width(output: impl AsFd) -> usize {
    fitting(tcgetwinsize(output).ok().map(|size| size.ws_col))
}

/// What is no terminal, or does not tell, has room.
fn fitting(columns: Option<u16>) -> usize {
    match columns {
        None | Some(0) => WIDEST,
        Some(columns) => usize::from(columns)
            .saturating_sub(BESIDE)
            .clamp(NARROWEST, WIDEST),
    }
}

/// What bars are drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Glyphs {
    /// Blocks in eighths of a column.
    Blocks,
    /// Where the locale is not UTF-8.
    Ascii,
}

impl Glyphs {
    /// What the locale's characters allow.
    pub(super) fn of_locale() -> Self {
        Self::of(|name| std::env::var(name).ok())
    }

    /// Of the three variables the first that is set counts (POSIX, Environment Variables, 8.2).
    /// Without any, most terminals of today show UTF-8 all the same.
    fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let mut set = ["LC_ALL", "LC_CTYPE", "LANG"]
            .iter()
            .filter_map(|name| variable(name));
        let locale = set
            .find(|value| !value.is_empty())
            .unwrap_or("UTF-8".into());
        let locale = locale.to_ascii_lowercase();
        if locale.contains("utf-8") || locale.contains("utf8") {
            Self::Blocks
        } else {
            Self::Ascii
        }
    }

    /// What stands before a warning.
    pub(super) fn warning(self) -> &'static str {
        match self {
            Self::Blocks => "▲",
            Self::Ascii => "!",
        }
    }

    /// What stands between two bounds.
    fn to(self) -> &'static str {
        match self {
            Self::Blocks => "–",
            Self::Ascii => "-",
        }
    }

    /// A bar for `part` of `whole`, which has `width` columns; whatever is not nothing is seen.
    fn bar(self, part: u64, whole: u64, width: usize) -> String {
        let eighths = u128::from(part) * width as u128 * 8 / u128::from(whole.max(1));
        // At most eight for each column.
        let eighths = usize::try_from(eighths)
            .unwrap_or(0)
            .max(usize::from(part > 0));
        match self {
            Self::Ascii => "#".repeat(eighths.div_ceil(8)),
            Self::Blocks => {
                let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
                "█".repeat(eighths / 8) + rest
            }
        }
    }
}

/// A line for each range of latencies: its bounds, a bar of at most `width` columns, and its votes.
pub(super) fn lines(spread: &Spread, glyphs: Glyphs, width: usize) -> Vec<String> {
    let most = spread.bars().map(|bar| bar.votes).max().unwrap_or(0);
    let line = |bar: Bar| {
        let Bar {
            from_us,
            below_us,
            votes,
        } = bar;
        let range = match below_us {
            Some(below_us) => format!("{}{}{}", ms(from_us), glyphs.to(), ms(below_us)),
            None => format!("over {}", ms(from_us)),
        };
        let drawn = glyphs.bar(votes, most, width);
        format!("{range:>11} ms {drawn:<width$} {votes:>8}")
    };
    spread.bars().map(line).collect()
}

/// A bound in milliseconds: all are whole tenths.
fn ms(us: u64) -> String {
    match us % 1000 {
        0 => (us / 1000).to_string(),
        rest => format!("{}.{}", us / 1000, rest / 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_share_and_seen_when_there_is_anything() {
        for (part, blocks, ascii) in [
            (0, "", ""),
            (1, "▏", "#"),
            (500, "███████████████", "###############"),
            (510, "███████████████▎", "################"),
            (1000, &"█".repeat(30), &"#".repeat(30)),
        ] {
            assert_eq!(Glyphs::Blocks.bar(part, 1000, WIDEST), blocks);
            assert_eq!(Glyphs::Ascii.bar(part, 1000, WIDEST), ascii);
        }
    }

    #[test]
    fn bars_leave_room_for_the_rest_of_their_lines() {
        for (columns, width) in [
            (None, 30),
            (Some(0), 30),
            (Some(200), 30),
            (Some(80), 30),
            (Some(40), 15),
            (Some(10), 5),
        ] {
            assert_eq!(fitting(columns), width, "{columns:?}");
        }
        assert_eq!(Glyphs::Ascii.bar(1000, 1000, 15), "#".repeat(15));
    }

    #[test]
    fn blocks_are_for_locales_that_have_them() {
        for (set, glyphs) in [
            (&[][..], Glyphs::Blocks),
            (&[("LANG", "C.UTF-8")], Glyphs::Blocks),
            (&[("LC_ALL", "POSIX"), ("LANG", "C.UTF-8")], Glyphs::Ascii),
            (&[("LC_ALL", ""), ("LANG", "id_ID.utf8")], Glyphs::Blocks),
        ] {
            let of = Glyphs::of(|name| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            });
            assert_eq!(of, glyphs, "{set:?}");
        }
    }

    #[test]
    fn bounds_are_told_in_milliseconds() {
        for (us, told) in [
            (0, "0"),
            (100, "0.1"),
            (500, "0.5"),
            (2_000, "2"),
            (10_000_000, "10000"),
        ] {
            assert_eq!(ms(us), told);
        }
    }
}
