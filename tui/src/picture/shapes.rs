//! Blocks, lines and Braille as shapes: fonts leave gaps between them, or have none.

/// A symbol that is drawn without a font, in a cell of 9 by 18 pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shape {
    /// So many eighths of the cell, from below.
    Block(u8),
    /// Dots, as the bits of U+2800 have them.
    Dots(u8),
    /// A line: a path from the cell's top left corner.
    Line(&'static str),
    /// The same, heavy.
    Heavy(&'static str),
}

/// Shapes that one path can draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Areas.
    Block,
    /// Round dots.
    Dots,
    /// Thin lines.
    Line,
    /// Heavy lines.
    Heavy,
}

/// From a cell's top left corner to its dots, in the order of the bits; 4.5 pixels apart, so that
/// the dots of neighbouring cells are as far from each other as those within.
const DOTS: [(f32, f32); 8] = [
    (2.25, 2.25),
    (2.25, 6.75),
    (2.25, 11.25),
    (6.75, 2.25),
    (6.75, 6.75),
    (6.75, 11.25),
    (2.25, 15.75),
    (6.75, 15.75),
];

impl Shape {
    /// The shape of a symbol; `None` for those that a font draws.
    pub(super) fn of(symbol: &str) -> Option<Self> {
        let mut chars = symbol.chars();
        let (c, None) = (chars.next()?, chars.next()) else {
            return None;
        };
        let low = u8::try_from(u32::from(c) & 0xff).ok()?;
        Some(match c {
            '▁'..='█' => Self::Block(low - 0x80),
            '\u{2800}'..='\u{28ff}' => Self::Dots(low),
            '─' => Self::Line("m0 9h9"),
            '━' => Self::Heavy("m0 9h9"),
            '╌' => Self::Line("m.75 9h3m1.5 0h3"),
            '│' => Self::Line("m4.5 0v18"),
            '┃' => Self::Heavy("m4.5 0v18"),
            '┌' => Self::Line("m9 9h-4.5v9"),
            '┐' => Self::Line("m0 9h4.5v9"),
            '└' => Self::Line("m4.5 0v9h4.5"),
            '┘' => Self::Line("m4.5 0v9h-4.5"),
            '├' => Self::Line("m4.5 0v18m0-9h4.5"),
            '┤' => Self::Line("m4.5 0v18m0-9h-4.5"),
            _ => return None,
        })
    }

    /// What draws it.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Block(_) => Kind::Block,
            Self::Dots(_) => Kind::Dots,
            Self::Line(_) => Kind::Line,
            Self::Heavy(_) => Kind::Heavy,
        }
    }

    /// Its part of a path, in the cell with this top left corner; `None` when it is blank.
    pub(super) fn path(self, left: u16, top: u16) -> Option<String> {
        match self {
            Self::Block(eighths) => {
                let height = f32::from(eighths) * 2.25;
                Some(format!("M{left} {}h9v-{height}h-9z", top + 18))
            }
            Self::Dots(bits) => {
                let set = DOTS.iter().enumerate();
                let set = set.filter(|(bit, _)| bits & (1 << bit) != 0);
                let (left, top) = (f32::from(left), f32::from(top));
                let drawn = set.map(|(_, (x, y))| format!("M{} {}h0", left + x, top + y));
                Some(drawn.collect::<Vec<_>>().concat()).filter(|drawn| !drawn.is_empty())
            }
            Self::Line(path) | Self::Heavy(path) => Some(format!("M{left} {top}{path}")),
        }
    }
}

impl Kind {
    /// The attributes that paint such a path.
    pub(super) fn paint(self, ink: &str) -> String {
        match self {
            Self::Block => format!("fill=\"{ink}\""),
            Self::Dots => {
                format!(
                    "fill=\"none\" stroke=\"{ink}\" stroke-width=\"2.6\" stroke-linecap=\"round\""
                )
            }
            Self::Line => format!("fill=\"none\" stroke=\"{ink}\""),
            Self::Heavy => format!("fill=\"none\" stroke=\"{ink}\" stroke-width=\"2.5\""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_stand_on_the_ground_of_their_cell() {
        assert_eq!(Shape::of("▁"), Some(Shape::Block(1)));
        let drawn = Shape::of("█").unwrap().path(9, 36);
        assert_eq!(drawn.unwrap(), "M9 54h9v-18h-9z");
    }

    #[test]
    fn braille_dots_keep_the_order_of_their_bits() {
        let drawn = |symbol| Shape::of(symbol).unwrap().path(0, 0);
        assert_eq!(drawn("⠁").unwrap(), "M2.25 2.25h0");
        assert_eq!(drawn("⢀").unwrap(), "M6.75 15.75h0");
        assert_eq!(drawn("⣿").unwrap().matches('M').count(), 8);
        assert_eq!(drawn("\u{2800}"), None);
    }

    #[test]
    fn letters_are_left_to_fonts() {
        for symbol in ["a", "●", "漢", "e\u{301}", ""] {
            assert_eq!(Shape::of(symbol), None, "{symbol}");
        }
    }
}
