//! Frames for terminals that show nothing but ASCII.

use ratatui::buffer::Buffer;

use crate::view::text::width;

/// The glyphs that the console draws, and what stands for each.
const GLYPHS: [(char, char); 41] = [
    ('●', 'o'),
    ('■', '#'),
    ('▲', '^'),
    ('◆', '*'),
    ('◌', '.'),
    ('✗', 'x'),
    ('·', '-'),
    ('…', '~'),
    ('µ', 'u'),
    ('–', '-'),
    ('—', '-'),
    ('†', '+'),
    ('÷', '/'),
    ('×', 'x'),
    ('→', '>'),
    ('←', '<'),
    ('↑', '^'),
    ('↓', 'v'),
    ('›', '>'),
    ('‹', '<'),
    ('≥', '>'),
    ('≤', '<'),
    ('─', '-'),
    ('━', '='),
    ('╌', '-'),
    ('│', '|'),
    ('┃', '|'),
    ('┌', '+'),
    ('┐', '+'),
    ('└', '+'),
    ('┘', '+'),
    ('├', '+'),
    ('┤', '+'),
    ('▁', '_'),
    ('▂', '.'),
    ('▃', '-'),
    ('▄', '='),
    ('▅', '+'),
    ('▆', '*'),
    ('▇', '%'),
    ('█', '#'),
];

/// Replaces every cell that is not ASCII, keeping its columns.
pub(super) fn only(buffer: &mut Buffer) {
    let area = buffer.area;
    for y in area.top()..area.bottom() {
        let mut x = area.left();
        while x < area.right() {
            let cell = &mut buffer[(x, y)];
            let columns = u16::try_from(width(cell.symbol())).unwrap_or(1).max(1);
            if !cell.symbol().is_ascii() {
                let stand_in = stand_in(cell.symbol());
                // The cells after a wide character are its own.
                for column in x..area.right().min(x.saturating_add(columns)) {
                    buffer[(column, y)].set_char(stand_in);
                }
            }
            x = x.saturating_add(columns);
        }
    }
}

fn stand_in(symbol: &str) -> char {
    let Some(first) = symbol.chars().next() else {
        return ' ';
    };
    match first {
        '\u{2800}' => ' ',
        '\u{2801}'..='\u{28ff}' => dots(u32::from(first) - 0x2800),
        _ => GLYPHS
            .iter()
            .find(|(glyph, _)| *glyph == first)
            .map_or('?', |(_, stand_in)| *stand_in),
    }
}

/// A curve's dots by their height in the cell. Braille patterns number their dots 1, 2, 3, 7
/// down the left column and 4, 5, 6, 8 down the right one.
fn dots(pattern: u32) -> char {
    const TOP: u32 = 0b0000_1001;
    const BOTTOM: u32 = 0b1100_0000;
    match pattern {
        _ if pattern & !TOP == 0 => '\'',
        _ if pattern & !BOTTOM == 0 => '.',
        _ if pattern & (TOP | BOTTOM) == 0 => '-',
        _ => '*',
    }
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;

    #[test]
    fn glyphs_curves_and_foreign_text_keep_their_columns() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 16, 1));
        buffer.set_string(0, 0, "● ⠉⣀⠒⣿⠀ 漢字é 9µs…", Style::new());
        only(&mut buffer);
        let line: String = (0..16).map(|x| buffer[(x, 0)].symbol()).collect();
        assert_eq!(line, "o '.-*  ????? 9u");
    }

    #[test]
    fn glyphs_of_states_stay_apart() {
        let states = ["●", "■", "▲", "◆", "◌", "✗"];
        let mut seen: Vec<_> = states.iter().map(|glyph| stand_in(glyph)).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), states.len());
    }
}
