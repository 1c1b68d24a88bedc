//! A chart of series over the window: axes, units, threshold, cursor, marks; gaps stay gaps.

use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::Rect;
use voteops_observability::prometheus::Sample;
use voteops_observability::signals::Threshold;
use voteops_observability::units::Unit;

use crate::model::window::Range;
use crate::theme::{Theme, Tone};

/// One line of a chart.
#[derive(Debug, Clone)]
pub(crate) struct Curve<'a> {
    /// What it is called in the legend.
    pub(crate) name: String,
    /// Its samples, oldest first.
    pub(crate) samples: &'a [Sample],
}

/// An instant that is marked in every chart.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    /// When.
    pub(crate) at: Timestamp,
    /// How it is told.
    pub(crate) glyph: &'static str,
    /// How it looks.
    pub(crate) tone: Tone,
}

/// What a chart shows.
#[derive(Debug, Clone)]
pub(crate) struct Chart<'a> {
    /// Its heading.
    pub(crate) title: String,
    /// What its values count.
    pub(crate) unit: Option<Unit>,
    /// Its lines.
    pub(crate) curves: Vec<Curve<'a>>,
    /// Its alert's limit.
    pub(crate) threshold: Option<Threshold>,
    /// The time from its left to its right edge.
    pub(crate) range: Range,
    /// Samples farther apart than this, in seconds, have a gap between them.
    pub(crate) gap_s: f64,
    /// The instant whose values the legend tells; without it the last ones.
    pub(crate) cursor: Option<Timestamp>,
    /// Alerts and experiments on the time axis.
    pub(crate) moments: Vec<Moment>,
    /// What is told instead of curves when there are none, or besides them: stale, refused.
    pub(crate) note: Option<String>,
}

/// Draws a chart.
pub(crate) fn draw(_chart: &Chart, _theme: Theme, _frame: &mut Frame, _area: Rect) {}
