//! The time that charts, alert history, log volume and marks share, and its cursor.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Lengths that zooming steps through, in seconds: a minute to a week.
const SPANS_S: [u64; 13] = [
    60, 120, 300, 600, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
];
/// Points of a range query: two for each column of a wide chart.
const POINTS: u32 = 240;
/// Steps that the cursor divides the window into.
const CURSOR_STEPS: u32 = 60;
/// A pan moves by this part of the window.
const PAN_PARTS: u32 = 4;

/// What a key does to the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shift {
    /// Less time, more detail.
    ZoomIn,
    /// More time.
    ZoomOut,
    /// A quarter of the window back.
    Earlier,
    /// A quarter of the window on.
    Later,
    /// The cursor one step back.
    CursorEarlier,
    /// The cursor one step on.
    CursorLater,
    /// The end follows the clock again; no cursor.
    Live,
}

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    /// Its beginning.
    pub(crate) from: Timestamp,
    /// Its end.
    pub(crate) to: Timestamp,
}

/// The window: how much time, and up to when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// Its length.
    pub(crate) span: Duration,
    /// Its end; `None` follows the clock.
    pub(crate) end: Option<Timestamp>,
    /// The instant that every chart tells the values of.
    pub(crate) cursor: Option<Timestamp>,
}

impl Window {
    /// The last `span`, following the clock.
    pub(crate) fn live(span: Duration) -> Self {
        Self {
            span,
            end: None,
            cursor: None,
        }
    }

    /// The stretch that is shown at `now`.
    pub(crate) fn range(&self, now: Timestamp) -> Range {
        let to = self.end.unwrap_or(now);
        Range {
            from: back(to, self.span),
            to,
        }
    }

    /// The time between two points of a chart.
    pub(crate) fn step(&self) -> Duration {
        (self.span / POINTS).max(Duration::from_millis(250))
    }

    /// Moves or stretches the window.
    pub(crate) fn shift(&mut self, shift: Shift, now: Timestamp) {
        let range = self.range(now);
        match shift {
            Shift::ZoomIn => self.zoom(shorter(self.span), range, now),
            Shift::ZoomOut => self.zoom(longer(self.span), range, now),
            Shift::Earlier => self.end = Some(back(range.to, self.span / PAN_PARTS)),
            Shift::Later => {
                let to = on(range.to, self.span / PAN_PARTS);
                // At the clock's time there is nothing to wait for: it is live again.
                self.end = self.end.map(|_| to).filter(|to| *to < now);
            }
            Shift::CursorEarlier => {
                let cursor = self.cursor.unwrap_or(range.to);
                self.cursor = Some(back(cursor, self.span / CURSOR_STEPS).max(range.from));
            }
            Shift::CursorLater => {
                let cursor = self.cursor.unwrap_or(range.from);
                self.cursor = Some(on(cursor, self.span / CURSOR_STEPS).min(range.to));
            }
            Shift::Live => *self = Self::live(self.span),
        }
        if self.cursor.is_some() && !matches!(shift, Shift::ZoomIn | Shift::ZoomOut) {
            let range = self.range(now);
            self.cursor = self.cursor.map(|at| at.clamp(range.from, range.to));
        }
    }

    /// Shows so much time.
    pub(crate) fn stretch(&mut self, span: Duration, now: Timestamp) {
        self.zoom(span, self.range(now), now);
    }

    /// The cursor stays where it is on the screen's time; without one the end does.
    fn zoom(&mut self, span: Duration, range: Range, now: Timestamp) {
        if let Some(cursor) = self.cursor {
            let share = cursor.duration_since(range.from).as_secs_f64()
                / self.span.as_secs_f64().max(f64::MIN_POSITIVE);
            let after = span.mul_f64((1.0 - share).clamp(0.0, 1.0));
            self.end = Some(on(cursor, after)).filter(|to| *to < now);
        }
        self.span = span;
    }
}

fn shorter(span: Duration) -> Duration {
    let less = SPANS_S.iter().rev().map(|s| Duration::from_secs(*s));
    less.into_iter().find(|step| *step < span).unwrap_or(span)
}

fn longer(span: Duration) -> Duration {
    let more = SPANS_S.iter().map(|s| Duration::from_secs(*s));
    more.into_iter().find(|step| *step > span).unwrap_or(span)
}

fn back(at: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

fn on(at: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn window() -> Window {
        Window::live(Duration::from_mins(10))
    }

    #[test]
    fn a_pan_pins_the_end_and_coming_back_makes_it_live() {
        let now = at(10_000);
        let mut window = window();
        window.shift(Shift::Earlier, now);
        assert_eq!(window.end, Some(at(9850)));
        window.shift(Shift::Earlier, now);
        assert_eq!(window.end, Some(at(9700)));
        window.shift(Shift::Later, now);
        window.shift(Shift::Later, now);
        assert_eq!(window.end, None);
        window.shift(Shift::Later, now);
        assert_eq!(window.end, None);
    }

    #[test]
    fn zooming_keeps_the_cursor_in_its_place() {
        let now = at(10_000);
        let mut window = window();
        for _ in 0..30 {
            window.shift(Shift::CursorEarlier, now);
        }
        assert_eq!(window.cursor, Some(at(9700)));
        window.shift(Shift::ZoomIn, now);
        assert_eq!(window.span, Duration::from_mins(5));
        let range = window.range(now);
        assert_eq!((range.from, range.to), (at(9550), at(9850)));
        window.shift(Shift::Live, now);
        assert_eq!(window, Window::live(Duration::from_mins(5)));
    }

    #[test]
    fn any_length_keeps_the_cursor_in_sight() {
        let now = at(10_000);
        let mut window = window();
        for _ in 0..50 {
            window.shift(Shift::CursorEarlier, now);
        }
        for span_s in [60, 604_800, 90] {
            window.stretch(Duration::from_secs(span_s), now);
            assert_eq!(window.span.as_secs(), span_s);
            let (range, cursor) = (window.range(now), window.cursor.unwrap());
            assert!(range.from <= cursor && cursor <= range.to && range.to <= now);
        }
    }

    proptest! {
        #[test]
        fn any_keys_leave_a_sound_window(keys in proptest::collection::vec(0_usize..7, 0..60), now in 0_i64..2_000_000_000) {
            const ALL: [Shift; 7] = [
                Shift::ZoomIn, Shift::ZoomOut, Shift::Earlier, Shift::Later,
                Shift::CursorEarlier, Shift::CursorLater, Shift::Live,
            ];
            let now = at(now);
            let mut window = window();
            for key in keys {
                window.shift(ALL[key], now);
                let range = window.range(now);
                prop_assert!(range.to <= now && range.from < range.to);
                prop_assert!((60..=604_800).contains(&window.span.as_secs()));
                if let Some(cursor) = window.cursor {
                    prop_assert!(range.from <= cursor && cursor <= range.to);
                }
            }
        }
    }
}
