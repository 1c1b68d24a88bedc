//! Experiments in a list, and the timeline of the selected one.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;
use voteops_observability::units;

use super::experiments;
use crate::experiments::{Experiment, Stage};
use crate::lang::tr;
use crate::model::{Data, Model, Screen, seconds_between};
use crate::theme::Tone;
use crate::view::list;
use crate::view::marks::Mark;
use crate::view::text::{clock, countdown, cut, left, right, span, wrap};

/// Columns of a stage, `■ running, 59:59 left`.
const STAGE: usize = 21;
/// Columns of a fault's name.
const FAULT: usize = 14;
/// Columns of a time of day, and of how long it took.
const TIME: usize = 8;
/// From this width on begin and length have columns of their own.
const WIDE: usize = 76;
/// Rows of the details at most.
const DETAIL: usize = 10;

/// Whether an experiment is not over.
pub(super) fn is_open(stage: Stage) -> bool {
    matches!(stage, Stage::Running | Stage::LeftBehind)
}

/// Draws the screen.
pub(crate) fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    if super::start::draw(model, frame, area) {
        return;
    }
    let columns = usize::from(area.width);
    let shown = experiments(model);
    if shown.is_empty() {
        frame.render_widget(Paragraph::new(nothing(model, columns)), area);
        return;
    }
    let mut about = shown
        .get(model.chaos_pane.selected)
        .map(|experiment| details(model, experiment, columns))
        .unwrap_or_default();
    about.truncate(DETAIL.min(usize::from(area.height) / 2));
    let below = u16::try_from(about.len()).unwrap_or(0);
    let [above, below] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(below)]).areas(area);
    let rows = usize::from(above.height);
    frame.render_widget(
        Paragraph::new(list_lines(model, &shown, columns, rows)),
        above,
    );
    frame.render_widget(Paragraph::new(about), below);
}

/// Why there is nothing to see, and how there would be.
fn nothing(model: &Model, columns: usize) -> Vec<Line<'static>> {
    let theme = model.setup.theme;
    let filter = model.filters.get(&Screen::Chaos);
    let told = match (&model.shown().experiments, filter) {
        (None, _) => {
            vec![tr!("Experiments are known for a stack of this machine only.").into()]
        }
        (Some(all), Some(filter)) if !all.is_empty() => {
            let told = tr!(
                "None of %{count} experiments is kept by /%{filter}.",
                count = all.len(),
                filter = filter.text
            );
            vec![told.into()]
        }
        _ => vec![
            tr!("No experiment was run on this stack yet. In another terminal:").into(),
            "  voteops chaos stall-worker --for 1m".to_owned(),
            "  voteops chaos verify CriticalVoteQueueBacklog".to_owned(),
        ],
    };
    let mut lines = vec![Line::from(span(tr!("Experiments"), theme.heading()))];
    let rest = told.iter().flat_map(|line| wrap(line, columns));
    lines.extend(rest.map(|line| Line::from(span(line, theme.style(Tone::Plain)))));
    lines
}

fn list_lines(
    model: &Model,
    shown: &[&Experiment],
    columns: usize,
    rows: usize,
) -> Vec<Line<'static>> {
    let theme = model.setup.theme;
    let data = model.shown();
    let all = data.experiments.as_ref().map_or(0, Vec::len);
    let filter = model.filters.get(&Screen::Chaos);
    let filter = filter.map(|filter| filter.text.as_str());
    let told = list::count(shown.len(), all, &tr!("known"), filter);
    let times = if columns >= WIDE {
        format!(
            " {} {}",
            left(&tr!("began"), TIME),
            right(&tr!("took"), TIME)
        )
    } else {
        String::new()
    };
    let heading = format!(
        "  {}{times} {} {}",
        left(&tr!("state"), STAGE),
        left(&tr!("fault"), FAULT),
        tr!("targets")
    );
    let mut lines = vec![
        Line::from(vec![
            span(tr!("Experiments"), theme.heading()),
            span(format!("  {told}"), theme.style(Tone::Dim)),
        ]),
        list::dim(theme, &heading, columns),
    ];
    let room = rows.saturating_sub(lines.len());
    let selected = model.chaos_pane.selected;
    let first = list::first(selected, room);
    let seen = shown.iter().enumerate().skip(first).take(room);
    lines.extend(seen.map(|(index, experiment)| {
        let times = if columns >= WIDE {
            let began = clock(experiment.began, &model.setup.zone);
            format!(" {} {}", left(&began, TIME), right(&took(experiment), TIME))
        } else {
            String::new()
        };
        let fault = left(&experiment.fault, FAULT);
        let text = format!("{times} {fault} {}", experiment.targets.join(", "));
        let text = cut(&text, columns.saturating_sub(STAGE + 2));
        let spans = vec![
            mark(data, experiment).cell(theme, STAGE),
            span(text, theme.style(Tone::Plain)),
        ];
        list::row(spans, index == selected)
    }));
    lines
}

fn took(experiment: &Experiment) -> String {
    let over = experiment.ends.filter(|_| !is_open(experiment.stage));
    over.map_or_else(String::new, |at| {
        units::age(seconds_between(experiment.began, at))
    })
}

fn mark(data: &Data, experiment: &Experiment) -> Mark {
    match experiment.stage {
        Stage::Running => {
            let running = experiment.ends.map_or_else(
                || tr!("running"),
                |at| tr!("running, %{left} left", left = countdown(-data.age_s(at))),
            );
            Mark::new("■", running, Tone::Critical)
        }
        Stage::Undone => Mark::new("●", tr!("undone"), Tone::Ok),
        Stage::LeftBehind => Mark::new("✗", tr!("left behind"), Tone::Critical),
        Stage::Failed => Mark::new("✗", tr!("failed"), Tone::Warning),
    }
}

/// Everything about an experiment.
fn details(model: &Model, experiment: &Experiment, columns: usize) -> Vec<Line<'static>> {
    let theme = model.setup.theme;
    let mut lines = vec![Line::default()];
    let title = tr!(
        "%{fault} on %{targets} by %{user}",
        fault = experiment.fault,
        targets = experiment.targets.join(", "),
        user = experiment.by
    );
    lines.push(Line::from(span(cut(&title, columns), theme.heading())));
    if experiment.stage == Stage::LeftBehind {
        let told = tr!("Nobody looks after this fault: voteops chaos recover undoes it.");
        lines.extend(
            wrap(&told, columns)
                .into_iter()
                .map(|line| Line::from(span(line, theme.style(Tone::Critical)))),
        );
    }
    let room = columns.saturating_sub(TIME + 1);
    for (at, text) in &experiment.timeline {
        let mut time = clock(*at, &model.setup.zone);
        for line in wrap(text, room) {
            lines.push(Line::from(vec![
                span(left(&time, TIME + 1), theme.style(Tone::Dim)),
                span(line, theme.style(Tone::Plain)),
            ]));
            time.clear();
        }
    }
    lines
}
