//! A frame as a picture: SVG in which columns stay aligned whatever fonts it is shown with.

mod shapes;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use self::shapes::{Kind, Shape};
use crate::view::cells;

/// Columns and rows of pixels in a cell. What [`shapes`] draws counts on both.
const CELL: (u16, u16) = (9, 18);
/// Where the text of a row stands, from its top in pixels.
const BASELINE: u16 = 14;
/// Size at which the usual monospace fonts are about as wide as a cell, in pixels.
const FONT_SIZE: u16 = 15;
const FONTS: &str = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace";
/// Room around the frame, in pixels.
const MARGIN: u16 = 14;
/// Text and ground where a theme leaves them to the terminal.
const PAGE: (Rgb, Rgb) = (Rgb(0xd5, 0xd8, 0xde), Rgb(0x12, 0x14, 0x19));

/// Red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rgb(u8, u8, u8);

/// What cells look like, apart from what stands in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Look {
    ink: Rgb,
    ground: Rgb,
    modifier: Modifier,
}

/// Cells side by side that one element draws.
#[derive(Debug)]
struct Run<'a> {
    look: Look,
    drawn: Drawn,
    column: u16,
    columns: u16,
    symbols: Vec<&'a str>,
}

/// How symbols become a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drawn {
    /// As words: every font agrees on the relative widths of these.
    Words,
    /// As text, by themselves or repeated: fonts disagree on their widths.
    Symbol,
    /// Not by a font at all.
    Shape(Kind),
}

/// The frame as SVG. Colours must be those of a theme for pictures: any that a terminal has a say
/// in become the picture's own text and ground.
pub(crate) fn svg(buffer: &Buffer) -> String {
    let rows = buffer.area.top()..buffer.area.bottom();
    let rows: String = rows.map(|y| row(buffer, y)).collect();
    let ground = buffer.content.first();
    let ground = ground.map_or(PAGE.1, |cell| rgb(cell.bg, PAGE.1)).hex();
    let width = buffer.area.width * CELL.0 + 2 * MARGIN;
    let height = buffer.area.height * CELL.1 + 2 * MARGIN;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"{FONTS}\" font-size=\"{FONT_SIZE}\">\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{ground}\"/>\n\
         <g transform=\"translate({MARGIN} {MARGIN})\">\n\
         {rows}</g>\n</svg>\n"
    )
}

/// The elements of a row: first its grounds, then what stands on them.
fn row(buffer: &Buffer, y: u16) -> String {
    let top = (y - buffer.area.top()) * CELL.1;
    let runs = runs(buffer, y);
    let grounds = runs.iter().filter_map(|run| run.ground(top));
    let symbols = runs.iter().filter_map(|run| match run.drawn {
        Drawn::Words | Drawn::Symbol => Some(run.text(top)),
        Drawn::Shape(kind) => run.path(top, kind),
    });
    grounds.chain(symbols).collect()
}

fn runs(buffer: &Buffer, y: u16) -> Vec<Run<'_>> {
    let mut runs: Vec<Run> = Vec::new();
    for (x, cell, columns) in cells(buffer, y) {
        let (look, drawn) = (Look::of(cell), Drawn::of(cell.symbol()));
        match runs.last_mut() {
            Some(run) if run.takes(look, drawn, cell.symbol()) => {
                run.columns += columns;
                run.symbols.push(cell.symbol());
            }
            _ => runs.push(Run {
                look,
                drawn,
                column: x - buffer.area.left(),
                columns,
                symbols: vec![cell.symbol()],
            }),
        }
    }
    runs
}

impl Drawn {
    fn of(symbol: &str) -> Self {
        if symbol.is_ascii() {
            return Self::Words;
        }
        Shape::of(symbol).map_or(Self::Symbol, |shape| Self::Shape(shape.kind()))
    }
}

impl Run<'_> {
    fn takes(&self, look: Look, drawn: Drawn, symbol: &str) -> bool {
        let alike = drawn != Drawn::Symbol || self.symbols.last() == Some(&symbol);
        self.look == look && self.drawn == drawn && alike
    }

    fn ground(&self, top: u16) -> Option<String> {
        (self.look.ground != PAGE.1).then(|| {
            format!(
                "<rect x=\"{}\" y=\"{top}\" width=\"{}\" height=\"{}\" fill=\"{}\"/>\n",
                self.column * CELL.0,
                self.columns * CELL.0,
                CELL.1,
                self.look.ground.hex()
            )
        })
    }

    /// Text, stretched to the columns that it takes on a terminal.
    fn text(&self, top: u16) -> String {
        let text = self.symbols.concat();
        if self.drawn == Drawn::Symbol {
            return self.element(&text, self.column, self.columns, top);
        }
        let mut elements = String::new();
        let mut column = self.column;
        // Not every reader of SVG keeps blanks that stand together.
        for part in text.split("  ") {
            let words = part.trim();
            let before = part.len() - part.trim_start().len();
            if !words.is_empty() {
                let at = column + ascii_columns(before);
                elements += &self.element(words, at, ascii_columns(words.len()), top);
            }
            column += ascii_columns(part.len() + 2);
        }
        elements
    }

    fn element(&self, text: &str, column: u16, columns: u16, top: u16) -> String {
        format!(
            "<text x=\"{}\" y=\"{}\" textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\" \
             fill=\"{}\"{}>{}</text>\n",
            column * CELL.0,
            top + BASELINE,
            columns * CELL.0,
            self.look.ink.hex(),
            self.look.attributes(),
            escape(text)
        )
    }

    fn path(&self, top: u16, kind: Kind) -> Option<String> {
        let at = (self.column..).map(|column| column * CELL.0);
        let shapes = self.symbols.iter().map(|symbol| Shape::of(symbol));
        let drawn: String = at
            .zip(shapes)
            .filter_map(|(left, shape)| shape?.path(left, top))
            .collect();
        (!drawn.is_empty()).then(|| {
            format!(
                "<path d=\"{drawn}\" {}{}/>\n",
                kind.paint(&self.look.ink.hex()),
                self.look.opacity()
            )
        })
    }
}

impl Look {
    fn of(cell: &Cell) -> Self {
        let (ink, ground) = (rgb(cell.fg, PAGE.0), rgb(cell.bg, PAGE.1));
        let reversed = cell.modifier.contains(Modifier::REVERSED);
        let (ink, ground) = if reversed {
            (ground, ink)
        } else {
            (ink, ground)
        };
        Self {
            ink,
            ground,
            modifier: cell.modifier,
        }
    }

    fn attributes(self) -> String {
        let told = [
            (Modifier::BOLD, " font-weight=\"bold\""),
            (Modifier::ITALIC, " font-style=\"italic\""),
            (Modifier::UNDERLINED, " text-decoration=\"underline\""),
        ];
        let told = told.into_iter();
        let told = told.filter(|(modifier, _)| self.modifier.contains(*modifier));
        told.map(|(_, attribute)| attribute)
            .chain([self.opacity()])
            .collect()
    }

    fn opacity(self) -> &'static str {
        if self.modifier.contains(Modifier::DIM) {
            " opacity=\"0.6\""
        } else {
            ""
        }
    }
}

impl Rgb {
    fn hex(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

/// The columns of so many bytes of ASCII.
fn ascii_columns(bytes: usize) -> u16 {
    u16::try_from(bytes).unwrap_or(u16::MAX)
}

fn rgb(colour: Color, usual: Rgb) -> Rgb {
    match colour {
        Color::Rgb(r, g, b) => Rgb(r, g, b),
        _ => usual,
    }
}

/// Text as XML takes it.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // Not allowed in XML in any form.
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
