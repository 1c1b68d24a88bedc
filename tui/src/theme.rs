//! What a state looks like. Every state has its own glyph and word; colour only repeats them.

use ratatui::style::{Color, Modifier, Style};

use crate::settings::Severity;

/// The console's styles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Theme {
    colour: bool,
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

/// Colours of curves, none of them that of a state.
const CURVES: [Color; 4] = [Color::Cyan, Color::Magenta, Color::Blue, Color::White];

impl Theme {
    /// Colours of the terminal's own palette, or none.
    pub(crate) fn new(colour: bool) -> Self {
        Self { colour }
    }

    /// The theme of a name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "dark" => Some(Self::new(true)),
            "none" => Some(Self::new(false)),
            _ => None,
        }
    }

    /// Colours unless `NO_COLOR` is set (<https://no-color.org>).
    pub(crate) fn from_env() -> Self {
        Self::new(std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
    }

    /// The style of a tone.
    pub(crate) fn style(self, tone: Tone) -> Style {
        let (colour, modifier) = match tone {
            Tone::Ok => (Some(Color::Green), Modifier::empty()),
            Tone::Warning => (Some(Color::Yellow), Modifier::BOLD),
            Tone::Critical => (Some(Color::Red), Modifier::BOLD),
            Tone::Dim => (None, Modifier::DIM),
            Tone::Plain => (None, Modifier::empty()),
            Tone::Curve(index) => {
                let colour = CURVES[usize::from(index) % CURVES.len()];
                (Some(colour), Modifier::empty())
            }
        };
        let style = Style::new().add_modifier(modifier);
        match colour {
            Some(colour) if self.colour => style.fg(colour),
            _ => style,
        }
    }

    /// The style of a heading.
    pub(crate) fn heading(self) -> Style {
        let style = Style::new().add_modifier(Modifier::BOLD);
        if self.colour {
            style.fg(Color::Cyan)
        } else {
            style
        }
    }

    /// The style of what is selected or must not be overlooked.
    pub(crate) fn reversed() -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
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
