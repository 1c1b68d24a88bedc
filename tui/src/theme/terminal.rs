//! What the environment says of the terminal.

use super::palette::Depth;

/// A terminal's abilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terminal {
    /// The theme that suits its ground; `None` is without colours.
    pub(super) theme: Option<&'static str>,
    /// How many colours it shows.
    pub(super) depth: Depth,
    /// Whether it shows nothing but ASCII.
    pub(super) ascii: bool,
}

impl Terminal {
    /// Reads `NO_COLOR` (<https://no-color.org>), `TERM`, `COLORTERM`
    /// (<https://github.com/termstandard/colors>), `COLORFGBG` (set by rxvt, Konsole and others:
    /// the numbers of text and ground among the sixteen), and the locale.
    pub(super) fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let term = set("TERM").unwrap_or_default();
        let true_colour = set("COLORTERM")
            .is_some_and(|value| matches!(value.as_str(), "truecolor" | "24bit"))
            || term.ends_with("-direct");
        let depth = if true_colour {
            Depth::True
        } else if term.contains("256color") {
            Depth::Indexed
        } else {
            Depth::Sixteen
        };
        let light = set("COLORFGBG").is_some_and(|value| {
            let ground = value.rsplit(';').next();
            matches!(ground, Some("7" | "15"))
        });
        let plain = set("NO_COLOR").is_some() || matches!(term.as_str(), "dumb" | "vt100");
        Self {
            theme: (!plain).then_some(if light { "light" } else { "dark" }),
            depth,
            ascii: matches!(term.as_str(), "dumb" | "linux" | "vt100") || foreign_charset(&set),
        }
    }
}

/// Whether a locale is set whose characters are not UTF-8. Of the three variables the first that
/// is set counts (POSIX, Environment Variables, 8.2). Without any, most terminals of today show
/// UTF-8 all the same.
fn foreign_charset(set: &impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| set(name));
    locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        !locale.contains("utf-8") && !locale.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Terminal {
        Terminal::of(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_depth_follows_term_and_colorterm() {
        for (variables, depth) in [
            (&[("TERM", "xterm")][..], Depth::Sixteen),
            (&[("TERM", "screen-256color")], Depth::Indexed),
            (
                &[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")],
                Depth::True,
            ),
            (&[("TERM", "xterm"), ("COLORTERM", "24bit")], Depth::True),
            (&[("TERM", "xterm-direct")], Depth::True),
            (&[("TERM", "xterm"), ("COLORTERM", "")], Depth::Sixteen),
        ] {
            assert_eq!(of(variables).depth, depth, "{variables:?}");
        }
    }

    #[test]
    fn an_empty_no_color_counts_as_unset() {
        assert_eq!(of(&[("NO_COLOR", "")]).theme, Some("dark"));
        assert_eq!(of(&[("NO_COLOR", "0")]).theme, None);
        assert_eq!(of(&[("TERM", "dumb")]).theme, None);
    }

    #[test]
    fn a_light_ground_asks_for_the_light_theme() {
        assert_eq!(of(&[("COLORFGBG", "0;15")]).theme, Some("light"));
        assert_eq!(of(&[("COLORFGBG", "0;default;7")]).theme, Some("light"));
        assert_eq!(of(&[("COLORFGBG", "15;0")]).theme, Some("dark"));
        assert_eq!(of(&[("COLORFGBG", "nonsense")]).theme, Some("dark"));
    }

    #[test]
    fn ascii_follows_the_locale_that_counts() {
        for (variables, ascii) in [
            (&[][..], false),
            (&[("LANG", "C")], true),
            (&[("LANG", "C.UTF-8")], false),
            (&[("LANG", "id_ID.utf8")], false),
            (&[("LANG", "en_US.UTF-8"), ("LC_ALL", "POSIX")], true),
            (
                &[("LANG", "de_DE@euro"), ("LC_CTYPE", "de_DE.UTF-8")],
                false,
            ),
            (&[("TERM", "linux"), ("LANG", "C.UTF-8")], true),
        ] {
            assert_eq!(of(variables).ascii, ascii, "{variables:?}");
        }
    }
}
