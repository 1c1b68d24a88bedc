//! What a rule compares, drawn with its threshold, its phases and the time of the fault.

use std::fmt::Write;

use crate::verify::{Report, Step, Subject};

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 220.0;
/// Room for the numbers beside and below.
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 24.0;
const TOP: f64 = 22.0;

/// Seconds and values to places on the picture.
struct Scale {
    from_s: f64,
    to_s: f64,
    low: f64,
    high: f64,
}

impl Scale {
    fn of(report: &Report, subject: &Subject) -> Option<Self> {
        let times = || subject.samples.iter().map(|(at_s, _)| *at_s);
        let seen = report.phases.iter().filter_map(|phase| phase.observed_s);
        let from_s = times().min_by(f64::total_cmp)?.min(0.0);
        let to_s = times().chain(seen).max_by(f64::total_cmp)?;
        let values = subject.samples.iter().map(|(_, value)| *value);
        let values = values.chain([subject.threshold, 0.0]);
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

/// The chart as SVG; `None` when there is nothing to draw.
pub(super) fn svg(report: &Report) -> Option<String> {
    let subject = report.subject.as_ref()?;
    let scale = Scale::of(report, subject)?;
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = draw(&mut out, report, subject, &scale);
    Some(out)
}

fn draw(out: &mut String, report: &Report, subject: &Subject, scale: &Scale) -> std::fmt::Result {
    write!(
        out,
        r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" xmlns="http://www.w3.org/2000/svg">"#
    )?;
    let floor = HEIGHT - BOTTOM;
    let seen = |step: Step| {
        let mut phases = report.phases.iter();
        phases.find(|phase| phase.name == step)?.observed_s
    };
    // The time of the fault, behind everything.
    let end_s = seen(Step::Undone).unwrap_or(scale.to_s);
    let (x0, x1) = (scale.x(0.0), scale.x(end_s));
    write!(
        out,
        r#"<rect class="fault" x="{x0:.1}" y="{TOP}" width="{:.1}" height="{:.1}"/>"#,
        x1 - x0,
        floor - TOP
    )?;
    for phase in &report.phases {
        if let Some(window) = phase.predicted_s {
            let (x0, x1) = (scale.x(window.lo_s), scale.x(window.hi_s));
            let width = (x1 - x0).max(1.0);
            write!(
                out,
                r#"<rect class="predicted" x="{x0:.1}" y="{TOP}" width="{width:.1}" height="{:.1}"/>"#,
                floor - TOP
            )?;
        }
    }
    let y = scale.y(subject.threshold);
    write!(
        out,
        r#"<line class="threshold" x1="{LEFT}" y1="{y:.1}" x2="{WIDTH}" y2="{y:.1}"/>"#
    )?;
    let points = subject
        .samples
        .iter()
        .filter(|(_, value)| value.is_finite());
    let mut line = String::new();
    for (at_s, value) in points {
        write!(line, "{:.1},{:.1} ", scale.x(*at_s), scale.y(*value))?;
    }
    write!(
        out,
        r#"<polyline class="subject" points="{}"/>"#,
        line.trim_end()
    )?;
    let mut labelled = f64::NEG_INFINITY;
    for phase in &report.phases {
        let Some(at_s) = phase.observed_s else {
            continue;
        };
        let x = scale.x(at_s);
        let class = if phase.ok { "seen" } else { "late" };
        write!(
            out,
            r#"<line class="{class}" x1="{x:.1}" y1="{TOP}" x2="{x:.1}" y2="{floor}"/>"#
        )?;
        // A label that would cover the one before is left to the table.
        if x - labelled > 78.0 {
            labelled = x;
            let name = phase.name.name();
            write!(
                out,
                r#"<text x="{:.1}" y="14">{name}</text>"#,
                (x - 2.0).min(WIDTH - 100.0)
            )?;
        }
    }
    for value in [scale.low, subject.threshold, scale.high] {
        let y = scale.y(value);
        let told = number(value);
        write!(
            out,
            r#"<text class="axis" x="{:.1}" y="{:.1}" text-anchor="end">{told}</text>"#,
            LEFT - 6.0,
            y + 4.0
        )?;
    }
    for at_s in [scale.from_s, 0.0, scale.to_s] {
        let anchor = if at_s >= scale.to_s { "end" } else { "start" };
        write!(
            out,
            r#"<text class="axis" x="{:.1}" y="{:.1}" text-anchor="{anchor}">{at_s:.0} s</text>"#,
            scale.x(at_s),
            HEIGHT - 6.0
        )?;
    }
    write!(out, "</svg>")
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
