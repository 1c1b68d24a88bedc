//! What a state looks like. Every state has its own glyph and word; colour only repeats them.

mod ascii;
mod palette;
mod terminal;

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

use crate::settings::{Look, Severity};
use palette::{COLOUR_BLIND, DARK, Depth, HIGH_CONTRAST, LIGHT, Palette};

/// The names of the themes; `none` is without colours.
pub(crate) const NAMES: [&str; 5] = ["dark", "light", "high-contrast", "colour-blind", "none"];

/// The console's styles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Theme {
    /// `None` is without colours.
    palette: Option<Palette>,
    depth: Depth,
    ascii: bool,
}

/// What a mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it should be.
    Ok,
    /// Worth a look.
    Warning,
    /// Somebody has to act.
    Critical,
    /// Not known, or old.
    Dim,
    /// Neither good nor bad.
    Plain,
    /// A curve of a chart: the first, the second, …
    Curve(u8),
}

impl Theme {
    /// Colours of the terminal's own palette, or none.
    pub(crate) fn new(colour: bool) -> Self {
        Self {
            palette: colour.then_some(DARK),
            depth: Depth::Sixteen,
            ascii: false,
        }
    }

    /// What was asked for; else what the environment says of the terminal.
    pub(crate) fn choose(look: &Look, variable: impl Fn(&str) -> Option<String>) -> Self {
        let terminal = terminal::Terminal::of(variable);
        let usual = Self {
            palette: terminal.theme.and_then(palette),
            depth: terminal.depth,
            ascii: look.ascii || terminal.ascii,
        };
        let named = look.theme.as_deref().and_then(|name| usual.named(name));
        named.unwrap_or(usual)
    }

    /// For a frame as text.
    pub(crate) fn for_text(look: &Look) -> Self {
        Self::new(false).with_ascii(look.ascii)
    }

    /// For a frame as a picture, which shows every colour as it should be: the theme that was
    /// asked for, else the dark one.
    pub(crate) fn for_picture(look: &Look) -> Self {
        let usual = Self {
            palette: Some(DARK),
            depth: Depth::True,
            ascii: look.ascii,
        };
        let named = look.theme.as_deref().and_then(|name| usual.named(name));
        named.unwrap_or(usual)
    }

    /// The theme of a name, on the same terminal.
    pub(crate) fn named(self, name: &str) -> Option<Self> {
        NAMES.contains(&name).then(|| Self {
            palette: palette(name),
            ..self
        })
    }

    /// The theme with nothing but ASCII drawn.
    pub(crate) fn with_ascii(self, ascii: bool) -> Self {
        Self { ascii, ..self }
    }

    /// The style of a tone.
    pub(crate) fn style(self, tone: Tone) -> Style {
        let (shade, modifier) = match tone {
            Tone::Ok => (self.palette.map(|of| of.ok), Modifier::empty()),
            Tone::Warning => (self.palette.map(|of| of.warning), Modifier::BOLD),
            Tone::Critical => (self.palette.map(|of| of.critical), Modifier::BOLD),
            Tone::Dim if self.palette.is_some_and(|of| !of.dims) => (None, Modifier::ITALIC),
            Tone::Dim => (None, Modifier::DIM),
            Tone::Plain => (None, Modifier::empty()),
            Tone::Curve(index) => {
                let curve = |of: Palette| of.curves[usize::from(index) % of.curves.len()];
                (self.palette.map(curve), Modifier::empty())
            }
        };
        let style = Style::new().add_modifier(modifier);
        match shade {
            Some(shade) => style.fg(shade.at(self.depth)),
            None => style,
        }
    }

    /// The style of a heading.
    pub(crate) fn heading(self) -> Style {
        let style = Style::new().add_modifier(Modifier::BOLD);
        match self.palette {
            Some(palette) => style.fg(palette.heading.at(self.depth)),
            None => style,
        }
    }

    /// The style of what is selected or must not be overlooked.
    pub(crate) fn reversed() -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// What is done to a whole frame: the theme's own text and ground, no dimming where that
    /// would cost contrast, and ASCII where the terminal shows nothing else.
    pub(crate) fn finish(self, buffer: &mut Buffer) {
        if let Some(palette) = self.palette {
            let page = palette
                .page
                .map(|(text, ground)| (text.at(self.depth), ground.at(self.depth)));
            for cell in &mut buffer.content {
                if let Some((text, ground)) = page {
                    if cell.fg == Color::Reset {
                        cell.fg = text;
                    }
                    if cell.bg == Color::Reset {
                        cell.bg = ground;
                    }
                }
                if !palette.dims {
                    cell.modifier.remove(Modifier::DIM);
                }
            }
        }
        if self.ascii {
            ascii::only(buffer);
        }
    }
}

fn palette(name: &str) -> Option<Palette> {
    match name {
        "dark" => Some(DARK),
        "light" => Some(LIGHT),
        "high-contrast" => Some(HIGH_CONTRAST),
        "colour-blind" => Some(COLOUR_BLIND),
        _ => None,
    }
}

/// The glyph and tone of an event.
pub(crate) fn severity_mark(severity: Severity) -> (&'static str, Tone) {
    match severity {
        Severity::Good => ("●", Tone::Ok),
        Severity::Info => ("·", Tone::Plain),
        Severity::Warning => ("▲", Tone::Warning),
        Severity::Critical => ("■", Tone::Critical),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(theme: Option<&str>, variables: &[(&str, &str)]) -> Theme {
        let look = Look {
            theme: theme.map(Into::into),
            ..Look::default()
        };
        Theme::choose(&look, |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn what_is_asked_for_comes_before_what_the_environment_says() {
        let no_colour = [("NO_COLOR", "1"), ("TERM", "xterm-256color")];
        assert_eq!(chosen(None, &no_colour).palette, None);
        assert_eq!(chosen(Some("light"), &no_colour).palette, Some(LIGHT));
        assert_eq!(chosen(Some("none"), &[]).palette, None);
        let ground = [("COLORFGBG", "0;15")];
        assert_eq!(chosen(None, &ground).palette, Some(LIGHT));
        assert_eq!(chosen(Some("dark"), &ground).palette, Some(DARK));
    }

    #[test]
    fn every_name_is_a_theme_and_no_other() {
        let theme = Theme::new(true);
        for name in NAMES {
            let named = theme.named(name).unwrap();
            assert_eq!(named.palette.is_none(), name == "none", "{name}");
        }
        assert_eq!(theme.named("pink"), None);
    }

    #[test]
    fn a_page_covers_every_cell_and_high_contrast_dims_nothing() {
        let mut buffer = Buffer::with_lines(["a b"]);
        buffer[(0, 0)].set_style(Theme::new(true).style(Tone::Dim));
        let theme = Theme::new(true).named("high-contrast").unwrap();
        theme.finish(&mut buffer);
        for cell in &buffer.content {
            assert_eq!((cell.fg, cell.bg), (Color::White, Color::Black));
            assert!(!cell.modifier.contains(Modifier::DIM));
        }
        let mut buffer = Buffer::with_lines(["a"]);
        Theme::new(true).finish(&mut buffer);
        assert_eq!(buffer, Buffer::with_lines(["a"]));
    }
}
