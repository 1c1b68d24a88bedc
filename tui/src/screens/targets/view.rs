//! Backends first, then the scrape targets, then everything about the selected one.

use std::borrow::Cow;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use voteops_observability::prometheus::{Target, TargetHealth};
use voteops_observability::units::{self, Unit};

use super::{label, targets};
use crate::lang::tr;
use crate::model::{Condition, Data, Feed, Model, Screen};
use crate::theme::{Theme, Tone};
use crate::view::list;
use crate::view::marks::{self, Mark};
use crate::view::text::{cut, left, right, span, wrap};

/// Columns of a target's job.
const JOB: usize = 12;
/// Columns of an age or a duration.
const TIME: usize = 8;
/// Columns of a health mark.
const HEALTH: usize = 9;
/// From this width on ages and durations have columns of their own.
const WIDE: usize = 76;
/// Rows that the details of the selected target take at most.
const DETAIL: u16 = 4;
/// Rows of the list below which there are no details.
const MIN_LIST: u16 = 4;

/// Draws the screen.
pub(crate) fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    let columns = usize::from(area.width);
    let mut above = backends(model, columns);
    above.truncate(usize::from(area.height / 2));
    let above_rows = u16::try_from(above.len()).unwrap_or(u16::MAX);
    let shown = targets(model);
    let about = shown
        .get(list::selected(model.targets_pane.selected, shown.len()))
        .map(|target| details(model, target, columns));
    let about = about.unwrap_or_default();
    let rest = area.height.saturating_sub(above_rows);
    let detail_rows = u16::try_from(about.len()).unwrap_or(0).min(DETAIL);
    let detail_rows = if rest >= MIN_LIST + 2 + detail_rows {
        detail_rows
    } else {
        0
    };
    let [top, middle, bottom] = Layout::vertical([
        Constraint::Length(above_rows),
        Constraint::Fill(1),
        Constraint::Length(detail_rows),
    ])
    .areas(area);
    frame.render_widget(Paragraph::new(above), top);
    let rows = usize::from(middle.height);
    frame.render_widget(
        Paragraph::new(list_lines(model, &shown, columns, rows)),
        middle,
    );
    frame.render_widget(Paragraph::new(about), bottom);
}

/// How every backend answers, with the whole error.
fn backends(model: &Model, columns: usize) -> Vec<Line<'static>> {
    let theme = model.setup.theme;
    let data = model.shown();
    let mut lines = vec![Line::from(span(tr!("Backends"), theme.heading()))];
    for (backend, address) in model.setup.backends.iter().zip(&model.setup.addresses) {
        let condition = data.feeds.backend(*backend, data.now);
        let (mark, told) = condition_told(data, &condition);
        let name = left(backend.name(), JOB);
        let mut spans = vec![
            mark.cell(theme, HEALTH),
            span(format!(" {name} "), theme.style(Tone::Plain)),
        ];
        let used = HEALTH + JOB + 2;
        let told = format!("{told}  {address}");
        spans.push(span(
            cut(&told, columns.saturating_sub(used)),
            theme.style(Tone::Dim),
        ));
        lines.push(Line::from(spans));
        if let Condition::Failing { failure, .. } = &condition {
            let reason = wrap(&tr!(&failure.refusal.full), columns.saturating_sub(2));
            lines.extend(
                reason
                    .into_iter()
                    .map(|line| Line::from(span(format!("  {line}"), theme.style(Tone::Warning)))),
            );
        }
        let warnings = backend
            .feeds()
            .iter()
            .flat_map(|feed| data.feeds.warnings(*feed));
        lines.extend(warnings.map(|warning| {
            let told = cut(&format!("  ▲ {warning}"), columns);
            Line::from(span(told, theme.style(Tone::Warning)))
        }));
    }
    lines.push(Line::default());
    lines
}

fn condition_told(data: &Data, condition: &Condition) -> (Mark, String) {
    match condition {
        Condition::Connecting => {
            let mark = Mark::new("◌", tr!("asking"), Tone::Dim);
            (mark, tr!("no answer yet").into())
        }
        Condition::Live { age_s, latency, .. } => {
            let latency = Unit::Seconds.format(latency.as_secs_f64());
            let told = tr!(
                "%{age} ago, took %{time}",
                age = units::age(*age_s),
                time = format!("{latency:>5}")
            );
            (Mark::new("●", tr!("ok"), Tone::Ok), told.into())
        }
        Condition::Late { age_s } => {
            let told = tr!("silent for %{age}", age = units::age(*age_s));
            let mark = Mark::new("◌", tr!("silent"), Tone::Warning);
            (mark, told.into())
        }
        Condition::Failing { failure, age_s } => {
            let answered = age_s.map_or_else(
                || tr!("never answered"),
                |age_s| tr!("answered %{age} ago", age = units::age(age_s)),
            );
            let retry = failure.next_try.map_or_else(String::new, |at| {
                let left_s = (-data.age_s(at)).max(0.0).ceil();
                format!(", {}", tr!("retry in %{left}", left = units::age(left_s)))
            });
            let mark = Mark::new("✗", tr!("away"), Tone::Critical);
            (mark, format!("{answered}{retry}"))
        }
    }
}

fn list_lines(model: &Model, shown: &[&Target], columns: usize, rows: usize) -> Vec<Line<'static>> {
    let theme = model.setup.theme;
    let data = model.shown();
    let Some(all) = &data.targets else {
        let why = match data.feeds.condition(Feed::Targets, data.now) {
            Condition::Failing { failure, .. } => tr!(&failure.refusal.full).into_owned(),
            _ => tr!("waiting for the first answer").into(),
        };
        return vec![
            Line::from(span(tr!("Scrape targets"), theme.heading())),
            list::dim(theme, &why, columns),
        ];
    };
    let filter = model.filters.get(&Screen::Targets);
    let told = list::count(
        shown.len(),
        all.len(),
        &tr!("targets"),
        filter.map(|f| f.text.as_str()),
    );
    let mut heading = vec![
        span(tr!("Scrape targets"), theme.heading()),
        span(format!("  {told}"), theme.style(Tone::Dim)),
    ];
    for health in [TargetHealth::Down, TargetHealth::Unknown] {
        let count = all.iter().filter(|target| target.health == health).count();
        if count > 0 {
            let (glyph, word, tone) = health_mark(health);
            heading.push(Span::raw("  "));
            heading.push(Mark::new(glyph, format!("{count} {word}"), tone).span(theme));
        }
    }
    if let Some(age_s) = data.feeds.stale_s(Feed::Targets, data.now) {
        heading.push(Span::raw("  "));
        heading.push(marks::stale(age_s).span(theme));
    }
    let mut lines = vec![Line::from(heading), columns_line(theme, columns)];
    let room = rows.saturating_sub(lines.len());
    let selected = list::selected(model.targets_pane.selected, shown.len());
    let first = list::first(selected, room);
    let seen = shown.iter().enumerate().skip(first).take(room);
    lines.extend(
        seen.map(|(index, target)| {
            list::row(cells(data, theme, target, columns), index == selected)
        }),
    );
    if all.is_empty() {
        lines.push(list::dim(
            theme,
            &tr!("Prometheus scrapes nothing: look at scrape_configs."),
            columns,
        ));
    }
    lines
}

fn columns_line(theme: Theme, columns: usize) -> Line<'static> {
    let times = if columns >= WIDE {
        format!(
            " {} {}",
            right(&tr!("scraped"), TIME),
            right(&tr!("took"), TIME)
        )
    } else {
        String::new()
    };
    let told = format!(
        "  {} {}{times}  {}",
        left(&tr!("health"), HEALTH),
        left(&tr!("job"), JOB),
        tr!("address")
    );
    list::dim(theme, &told, columns)
}

fn cells(data: &Data, theme: Theme, target: &Target, columns: usize) -> Vec<Span<'static>> {
    let plain = theme.style(Tone::Plain);
    let (glyph, word, tone) = health_mark(target.health);
    let mut spans = vec![
        Mark::new(glyph, word, tone).cell(theme, HEALTH),
        span(format!(" {}", left(label(target, "job"), JOB)), plain),
    ];
    let mut used = 2 + HEALTH + 1 + JOB + 2;
    if columns >= WIDE {
        let (scraped, took) = times(data, target);
        let scraped = scraped.map_or_else(|| tr!("never"), Cow::from);
        spans.push(span(
            format!(" {} {}", right(&scraped, TIME), right(&took, TIME)),
            plain,
        ));
        used += 2 * (TIME + 1);
    }
    let address = if target.last_error.is_empty() {
        target.scrape_url.clone()
    } else {
        format!("{}  {}", target.scrape_url, target.last_error)
    };
    spans.push(span(
        format!("  {}", cut(&address, columns.saturating_sub(used))),
        plain,
    ));
    spans
}

/// The age of the last scrape, if there was one, and how long it took.
fn times(data: &Data, target: &Target) -> (Option<String>, String) {
    // Prometheus tells the year 1 for what it never scraped.
    let scraped = target.last_scrape.filter(|at| at.as_second() > 0);
    let age = scraped.map(|at| units::age(data.age_s(at)));
    (age, Unit::Seconds.format(target.last_scrape_duration_s))
}

/// Everything about a target.
fn details(model: &Model, target: &Target, columns: usize) -> Vec<Line<'static>> {
    let theme = model.setup.theme;
    let (scraped, took) = times(model.shown(), target);
    let every = &target.scrape_interval;
    let scraped = if let Some(age) = scraped {
        tr!(
            "scraped %{age} ago in %{time}, every %{interval}",
            age = age,
            time = took,
            interval = every
        )
    } else {
        tr!("never scraped, every %{interval}", interval = every)
    };
    let mut told = vec![format!("{}  {scraped}", target.scrape_url)];
    if !target.last_error.is_empty() {
        told.push(tr!("error: %{reason}", reason = target.last_error).into());
    }
    let labels = target
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"));
    told.push(labels.collect::<Vec<_>>().join(", "));
    told.iter()
        .flat_map(|line| wrap(line, columns))
        .map(|line| Line::from(span(line, theme.style(Tone::Dim))))
        .collect()
}

/// How Prometheus calls it: that is not translated.
fn health_mark(health: TargetHealth) -> (&'static str, &'static str, Tone) {
    match health {
        TargetHealth::Up => ("●", "up", Tone::Ok),
        TargetHealth::Down => ("✗", "down", Tone::Critical),
        TargetHealth::Unknown => ("◌", "unknown", Tone::Dim),
    }
}
