//! Samples, drawn with the bounds that they are compared with, the time of a fault, and what happened
//! meanwhile.

use std::fmt::Write;

use crate::verify::{Report, Step};

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 220.0;
/// Room for the numbers beside and below.
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 24.0;
const TOP: f64 = 22.0;

/// What is drawn. Times are seconds.
pub(crate) struct Picture<'a> {
    /// The curve: times and values.
    pub(crate) samples: &'a [(f64, f64)],
    /// What the values are compared with.
    pub(crate) bounds: Vec<f64>,
    /// When the fault was in force; without an end, it still was.
    pub(crate) fault: (f64, Option<f64>),
    /// When something was predicted to happen.
    pub(crate) predicted: Vec<(f64, f64)>,
    /// What happened.
    pub(crate) marks: Vec<Mark<'a>>,
}

/// Something that happened.
pub(crate) struct Mark<'a> {
    pub(crate) at_s: f64,
    pub(crate) name: &'a str,
    /// Whether it was to happen then.
    pub(crate) ok: bool,
}

/// Seconds and values to places on the picture.
struct Scale {
    from_s: f64,
    to_s: f64,
    low: f64,
    high: f64,
}

impl Scale {
    fn of(picture: &Picture<'_>) -> Option<Self> {
        let times = || picture.samples.iter().map(|(at_s, _)| *at_s);
        let seen = picture.marks.iter().map(|mark| mark.at_s);
        let from_s = times().min_by(f64::total_cmp)?.min(0.0);
        let to_s = times().chain(seen).max_by(f64::total_cmp)?;
        let values = picture.samples.iter().map(|(_, value)| *value);
        let values = values.chain(picture.bounds.iter().copied()).chain([0.0]);
        let values: Vec<_> = values.filter(|value| value.is_finite()).collect();
        let low = values.iter().copied().min_by(f64::total_cmp)?;
        let high = values.iter().copied().max_by(f64::total_cmp)?;
        let margin = ((high - low) * 0.08).max(f64::MIN_POSITIVE);
        (to_s > from_s).then_some(Self {
            from_s,
            to_s,
            low,
            high: high + margin,
        })
    }

    fn x(&self, at_s: f64) -> f64 {
        let share = (at_s - self.from_s) / (self.to_s - self.from_s);
        LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT)
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        HEIGHT - BOTTOM - share.clamp(0.0, 1.0) * (HEIGHT - BOTTOM - TOP)
    }
}

/// The chart of a proof as SVG; `None` when there is nothing to draw.
pub(super) fn svg(report: &Report) -> Option<String> {
    let subject = report.subject.as_ref()?;
    let undone = report
        .phases
        .iter()
        .find(|phase| phase.name == Step::Undone);
    let windows = report.phases.iter().filter_map(|phase| phase.predicted_s);
    let marks = report.phases.iter().filter_map(|phase| {
        Some(Mark {
            at_s: phase.observed_s?,
            name: phase.name.name(),
            ok: phase.ok,
        })
    });
    draw(&Picture {
        samples: &subject.samples,
        bounds: vec![subject.threshold],
        fault: (0.0, undone.and_then(|phase| phase.observed_s)),
        predicted: windows.map(|window| (window.lo_s, window.hi_s)).collect(),
        marks: marks.collect(),
    })
}

/// A picture as SVG; `None` when there is nothing to draw.
pub(crate) fn draw(picture: &Picture<'_>) -> Option<String> {
    let scale = Scale::of(picture)?;
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(&mut out, picture, &scale);
    Some(out)
}

fn write_all(out: &mut String, picture: &Picture<'_>, scale: &Scale) -> std::fmt::Result {
    write!(
        out,
        r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" xmlns="http://www.w3.org/2000/svg">"#
    )?;
    // Behind everything.
    let end_s = picture.fault.1.unwrap_or(scale.to_s);
    write_span(out, scale, "fault", (picture.fault.0, end_s), 0.0)?;
    for window in &picture.predicted {
        write_span(out, scale, "predicted", *window, 1.0)?;
    }
    for bound in &picture.bounds {
        let y = scale.y(*bound);
        write!(
            out,
            r#"<line class="threshold" x1="{LEFT}" y1="{y:.1}" x2="{WIDTH}" y2="{y:.1}"/>"#
        )?;
    }
    write_curve(out, picture, scale)?;
    write_marks(out, picture, scale)?;
    write_axes(out, picture, scale)?;
    write!(out, "</svg>")
}

/// A span of time, at least so wide.
fn write_span(
    out: &mut String,
    scale: &Scale,
    class: &str,
    (from_s, to_s): (f64, f64),
    least: f64,
) -> std::fmt::Result {
    let x = scale.x(from_s);
    let width = (scale.x(to_s) - x).max(least);
    let height = HEIGHT - BOTTOM - TOP;
    write!(
        out,
        r#"<rect class="{class}" x="{x:.1}" y="{TOP}" width="{width:.1}" height="{height:.1}"/>"#
    )
}

fn write_curve(out: &mut String, picture: &Picture<'_>, scale: &Scale) -> std::fmt::Result {
    let points = picture.samples.iter();
    let mut line = String::new();
    for (at_s, value) in points.filter(|(_, value)| value.is_finite()) {
        write!(line, "{:.1},{:.1} ", scale.x(*at_s), scale.y(*value))?;
    }
    let line = line.trim_end();
    write!(out, r#"<polyline class="subject" points="{line}"/>"#)
}

fn write_marks(out: &mut String, picture: &Picture<'_>, scale: &Scale) -> std::fmt::Result {
    let floor = HEIGHT - BOTTOM;
    let mut labelled = f64::NEG_INFINITY;
    for mark in &picture.marks {
        let x = scale.x(mark.at_s);
        let class = if mark.ok { "seen" } else { "late" };
        write!(
            out,
            r#"<line class="{class}" x1="{x:.1}" y1="{TOP}" x2="{x:.1}" y2="{floor}"/>"#
        )?;
        // A label that would cover the one before is left to the table.
        if x - labelled > 78.0 {
            labelled = x;
            let x = (x - 2.0).min(WIDTH - 100.0);
            let name = maud::html! { (mark.name) }.into_string();
            write!(out, r#"<text x="{x:.1}" y="14">{name}</text>"#)?;
        }
    }
    Ok(())
}

fn write_axes(out: &mut String, picture: &Picture<'_>, scale: &Scale) -> std::fmt::Result {
    let bounds = picture.bounds.iter().copied();
    for value in [scale.low].into_iter().chain(bounds).chain([scale.high]) {
        let (x, y, told) = (LEFT - 6.0, scale.y(value) + 4.0, number(value));
        write!(
            out,
            r#"<text class="axis" x="{x:.1}" y="{y:.1}" text-anchor="end">{told}</text>"#
        )?;
    }
    for at_s in [scale.from_s, 0.0, scale.to_s] {
        let anchor = if at_s >= scale.to_s { "end" } else { "start" };
        let (x, y) = (scale.x(at_s), HEIGHT - 6.0);
        write!(
            out,
            r#"<text class="axis" x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{at_s:.0} s</text>"#
        )?;
    }
    Ok(())
}

/// A value with as many digits as tell it apart.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if size >= 1e6 => format!("{:.0}M", value / 1e6),
        size if size >= 1e4 => format!("{:.0}k", value / 1e3),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}
