//! Dots on a grid of Braille cells, and what lies under and over them.

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use voteops_observability::prometheus::Sample;

use super::Chart;
use super::scale::Scale;
use crate::model::window::Range;
use crate::theme::{Theme, Tone};

/// Dots of a cell, by row and column: the bits of U+2800.
const DOTS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

/// A field of dots.
#[derive(Debug)]
pub(super) struct Plot {
    field: Rect,
    from_s: f64,
    span_s: f64,
    scale: Scale,
    cells: Vec<(u8, u8)>,
    ends: Vec<(u16, u16)>,
    threshold: Option<u16>,
    empty: bool,
}

impl Plot {
    /// An empty field.
    pub(super) fn new(field: Rect, range: Range, scale: Scale) -> Self {
        let count = usize::from(field.width) * usize::from(field.height);
        Self {
            field,
            from_s: range.from.as_duration().as_secs_f64(),
            span_s: range.to.duration_since(range.from).as_secs_f64(),
            scale,
            cells: vec![(0, 0); count],
            ends: Vec::new(),
            threshold: None,
            empty: true,
        }
    }

    /// Where it is.
    pub(super) fn field(&self) -> Rect {
        self.field
    }

    /// Whether no sample was in its time.
    pub(super) fn is_empty(&self) -> bool {
        self.empty
    }

    /// The screen's column of an instant, when it is in the range.
    pub(super) fn column(&self, at: Timestamp) -> Option<u16> {
        let share = (at.as_duration().as_secs_f64() - self.from_s) / self.span_s;
        let last = self.field.width.checked_sub(1)?;
        (0.0..=1.0)
            .contains(&share)
            .then(|| self.field.x + place(share, last))
    }

    /// Marks the threshold's row.
    pub(super) fn threshold(&mut self, value: f64) {
        let share = self.scale.share(value);
        if let Some(last) = self.field.height.checked_sub(1)
            && (0.0..=1.0).contains(&share)
        {
            self.threshold = Some(last - place(share, last));
        }
    }

    /// Draws samples, and lines between those that have no gap between them.
    pub(super) fn curve(&mut self, index: u8, samples: &[Sample], gap_s: f64) {
        let mut before: Option<(f64, (u16, u16))> = None;
        let mut last = None;
        for sample in samples {
            let Some(dot) = self.dot(sample) else {
                before = None;
                continue;
            };
            self.empty = false;
            match before {
                Some((at_s, from)) if sample.at_s - at_s <= gap_s => {
                    self.line(index, from, dot);
                }
                _ => self.set(index, dot),
            }
            before = Some((sample.at_s, dot));
            last = Some(dot);
        }
        self.ends.extend(last.map(|(x, y)| (x / 2, y / 4)));
    }

    /// The dot of a sample, in dots from the left and from the top.
    fn dot(&self, sample: &Sample) -> Option<(u16, u16)> {
        let across = (sample.at_s - self.from_s) / self.span_s;
        if !sample.value.is_finite() || !(0.0..=1.0).contains(&across) {
            return None;
        }
        let last_x = (self.field.width * 2).checked_sub(1)?;
        let last_y = (self.field.height * 4).checked_sub(1)?;
        let up = self.scale.share(sample.value).clamp(0.0, 1.0);
        Some((place(across, last_x), last_y - place(up, last_y)))
    }

    fn set(&mut self, index: u8, (x, y): (u16, u16)) {
        let cell = usize::from(y / 4) * usize::from(self.field.width) + usize::from(x / 2);
        if let Some((dots, owner)) = self.cells.get_mut(cell) {
            *owner = index;
            *dots |= DOTS[usize::from(y % 4)][usize::from(x % 2)];
        }
    }

    /// A straight line of dots.
    fn line(&mut self, index: u8, (x0, y0): (u16, u16), (x1, y1): (u16, u16)) {
        let steps = x0.abs_diff(x1).max(y0.abs_diff(y1)).max(1);
        for step in 0..=steps {
            let share = f64::from(step) / f64::from(steps);
            self.set(index, (between(x0, x1, share), between(y0, y1, share)));
        }
    }

    /// Puts the dots on the screen: threshold and cursor behind them.
    pub(super) fn draw(&self, chart: &Chart, theme: Theme, buffer: &mut Buffer) {
        let cursor = chart.cursor.and_then(|at| self.column(at));
        for row in 0..self.field.height {
            for column in 0..self.field.width {
                let at = (self.field.x + column, self.field.y + row);
                let index = usize::from(row) * usize::from(self.field.width) + usize::from(column);
                let (dots, owner) = self.cells.get(index).copied().unwrap_or_default();
                let (symbol, tone) = if dots != 0 {
                    (braille(dots), self.tone(chart, row, owner))
                } else if cursor == Some(at.0) {
                    ('│', Tone::Dim)
                } else if self.threshold == Some(row) {
                    ('╌', Tone::Warning)
                } else {
                    continue;
                };
                if let Some(cell) = buffer.cell_mut(at) {
                    cell.set_char(symbol).set_style(theme.style(tone));
                }
            }
        }
        self.number_ends(chart, theme, buffer);
    }

    /// Several curves carry their number at their end: colour is not the only mark.
    fn number_ends(&self, chart: &Chart, theme: Theme, buffer: &mut Buffer) {
        if chart.curves.len() < 2 {
            return;
        }
        for ((x, y), (index, digit)) in self.ends.iter().zip((0_u8..).zip('1'..='9')) {
            let at = (self.field.x + x, self.field.y + y);
            if let Some(cell) = buffer.cell_mut(at) {
                let tone = self.tone(chart, *y, index);
                cell.set_char(digit).set_style(theme.style(tone));
            }
        }
    }

    /// Dots in a row beyond the threshold's warn.
    fn tone(&self, chart: &Chart, row: u16, owner: u8) -> Tone {
        let beyond = chart.threshold.is_some_and(|limit| {
            let share = 1.0 - (f64::from(row) + 0.5) / f64::from(self.field.height.max(1));
            let value = self.scale.low + (self.scale.high - self.scale.low) * share;
            self.threshold != Some(row) && limit.comparison.holds(value, limit.value)
        });
        if beyond {
            Tone::Warning
        } else {
            Tone::Curve(owner)
        }
    }
}

fn braille(dots: u8) -> char {
    char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' ')
}

/// The place of a share between 0 and 1 on `0..=last`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share between 0 and 1 times a u16 is within u16"
)]
fn place(share: f64, last: u16) -> u16 {
    ((share.clamp(0.0, 1.0) * f64::from(last)).round() as u16).min(last)
}

fn between(from: u16, to: u16, share: f64) -> u16 {
    if to >= from {
        from + place(share, to - from)
    } else {
        from - place(share, from - to)
    }
}
