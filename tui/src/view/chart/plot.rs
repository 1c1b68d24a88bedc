//! Dots on a grid of Braille cells, and what lies under and over them.

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use voteops_observability::prometheus::Sample;

use super::Chart;
use super::scale::Scale;
use crate::model::window::Range;
use crate::theme::{Theme, Tone};

/// The bits of U+2800 for the dots of a cell's left and right column, from a row on downwards.
const FROM: [[u8; 4]; 2] = [[0x47, 0x46, 0x44, 0x40], [0xb8, 0xb0, 0xa0, 0x80]];
/// The same from the uppermost row to a row.
const TO: [[u8; 4]; 2] = [[0x01, 0x03, 0x07, 0x47], [0x08, 0x18, 0x38, 0xb8]];

/// A field of dots.
#[derive(Debug)]
pub(super) struct Plot {
    field: Rect,
    from_s: f64,
    span_s: f64,
    scale: Scale,
    cells: Vec<(u8, u8)>,
    ends: Vec<(u8, (u16, u16))>,
    threshold: Option<u16>,
    empty: bool,
}

/// Dots below each other that one curve sets.
#[derive(Debug, Clone, Copy)]
struct Run {
    x: u16,
    top: u16,
    bottom: u16,
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

    /// Draws samples, and lines between those that have no gap between them. Hundreds of curves
    /// have hundreds of thousands of dots, so they are set by whole runs.
    pub(super) fn curve(&mut self, index: u8, samples: &[Sample], gap_s: f64) {
        let mut before: Option<(f64, (u16, u16))> = None;
        let mut last = None;
        let mut run = None;
        for sample in samples {
            let Some(dot) = self.dot(sample) else {
                before = None;
                continue;
            };
            match before {
                Some((at_s, from)) if sample.at_s - at_s <= gap_s => {
                    if from.0 == dot.0 {
                        self.extend(index, &mut run, Run::new(dot.0, from.1, dot.1));
                    } else {
                        line(from, dot, |part| self.extend(index, &mut run, part));
                    }
                }
                _ => {
                    self.set(index, run.take());
                    run = Some(Run::new(dot.0, dot.1, dot.1));
                }
            }
            before = Some((sample.at_s, dot));
            last = Some(dot);
        }
        self.set(index, run);
        self.empty &= last.is_none();
        self.ends.extend(last.map(|(x, y)| (index, (x / 2, y / 4))));
    }

    /// The dot of a sample, in dots from the left and from the top.
    fn dot(&self, sample: &Sample) -> Option<(u16, u16)> {
        let across = (sample.at_s - self.from_s) / self.span_s;
        if !sample.value.is_finite() || !(0.0..=1.0).contains(&across) {
            return None;
        }
        let last_x = (self.field.width * 2).checked_sub(1)?;
        let last_y = (self.field.height * 4).checked_sub(1)?;
        let up = self.scale.share(sample.value);
        Some((place(across, last_x), last_y - place(up, last_y)))
    }

    /// Adds to a run, or sets it and begins the next.
    fn extend(&mut self, index: u8, run: &mut Option<Run>, part: Run) {
        match run {
            Some(run) if run.x == part.x => {
                run.top = run.top.min(part.top);
                run.bottom = run.bottom.max(part.bottom);
            }
            _ => self.set(index, run.replace(part)),
        }
    }

    /// Sets the dots of a run.
    fn set(&mut self, index: u8, run: Option<Run>) {
        let Some(Run { x, top, bottom }) = run else {
            return;
        };
        let width = usize::from(self.field.width);
        let column = usize::from(x % 2);
        let (first, last) = (top / 4, bottom / 4);
        let start = usize::from(first) * width + usize::from(x / 2);
        let below = self.cells.get_mut(start..).unwrap_or_default();
        for (row, (dots, owner)) in (first..=last).zip(below.iter_mut().step_by(width.max(1))) {
            let upper = if row == first { top % 4 } else { 0 };
            let lower = if row == last { bottom % 4 } else { 3 };
            *dots |= FROM[column][usize::from(upper)] & TO[column][usize::from(lower)];
            *owner = index;
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
        for (index, (x, y)) in &self.ends {
            let Some(digit) = ('1'..='9').nth(usize::from(*index)) else {
                continue;
            };
            let at = (self.field.x + x, self.field.y + y);
            if let Some(cell) = buffer.cell_mut(at) {
                let tone = self.tone(chart, *y, *index);
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
    // Truncating is far cheaper than `round`, and the same for what is not negative.
    ((share.clamp(0.0, 1.0) * f64::from(last) + 0.5) as u16).min(last)
}

/// The runs of a straight line of dots.
fn line(from: (u16, u16), to: (u16, u16), mut run: impl FnMut(Run)) {
    let ((x0, y0), (x1, y1)) = if from.0 <= to.0 {
        (from, to)
    } else {
        (to, from)
    };
    let (across, down) = (x1 - x0, y0.abs_diff(y1));
    let y = |steps: u16| if y1 >= y0 { y0 + steps } else { y0 - steps };
    let mut first = 0;
    for column in 0..=across {
        let doubled = u64::from(column) * 2 * u64::from(down);
        let last = if column == across {
            down
        } else if down > across {
            // The last row that is nearer to this column than to the next.
            quotient(doubled + u64::from(down) - 1, 2 * u64::from(across))
        } else {
            quotient(doubled + u64::from(across), 2 * u64::from(across))
        };
        first = if down > across { first } else { last };
        run(Run::new(x0 + column, y(first), y(last)));
        first = last + 1;
    }
}

fn quotient(dividend: u64, divisor: u64) -> u16 {
    u16::try_from(dividend / divisor.max(1)).unwrap_or(u16::MAX)
}

impl Run {
    fn new(x: u16, from: u16, to: u16) -> Self {
        Self {
            x,
            top: from.min(to),
            bottom: from.max(to),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tests::fixtures::at;

    const FIELD: Rect = Rect::new(0, 0, 30, 10);

    fn dot() -> impl Strategy<Value = (u16, u16)> {
        (0..2 * FIELD.width, 0..4 * FIELD.height)
    }

    proptest! {
        #[test]
        fn a_line_has_one_dot_in_each_step_of_its_longer_side(from in dot(), to in dot()) {
            let range = Range { from: at(0), to: at(60) };
            let mut plot = Plot::new(FIELD, range, Scale { low: 0.0, high: 1.0 });
            let mut ends = [false; 2];
            line(from, to, |run| {
                plot.set(0, Some(run));
                for (end, (x, y)) in ends.iter_mut().zip([from, to]) {
                    *end |= run.x == x && (run.top..=run.bottom).contains(&y);
                }
            });
            let dots: u32 = plot.cells.iter().map(|(dots, _)| dots.count_ones()).sum();
            let longer = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1));
            prop_assert_eq!(dots, u32::from(longer) + 1);
            prop_assert_eq!(ends, [true; 2]);
        }
    }
}
