//! The query screen: any PromQL expression as a chart, with a list of its series.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;
use voteops_observability::prometheus::{Labels, Series};

use crate::keys::{Action, Spot, Travel};
use crate::lang::tr;
use crate::model::charts::{ALERTS_QUERY, MAX_SERIES, WHOLE_SERIES};
use crate::model::{Model, Screen};
use crate::theme::Tone;
use crate::view::chart::{self, Chart, Curve};
use crate::view::text::{cut, right, span, wrap};
use crate::view::{body, charted, list, marks};
use crate::wanted::Wanted;

/// Rows of the list of series, its heading included, at most this share of the screen.
const LIST_SHARE: u16 = 3;
/// Series that are drawn; more would not be told apart.
const MAX_CURVES: usize = 9;
/// Columns of a value.
const VALUE: usize = 12;

/// What is shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pane {
    expr: Option<String>,
    selected: usize,
}

/// Shows an expression.
pub(crate) fn show(model: &mut Model, expr: String) {
    model.explore_pane = Pane {
        expr: Some(expr),
        selected: 0,
    };
}

/// What the screen needs to know.
pub(crate) fn want(model: &Model, wanted: &mut Wanted) {
    if let Some(expr) = &model.explore_pane.expr {
        wanted.chart(expr);
        wanted.chart(ALERTS_QUERY);
        wanted.first_series = first_whole(model);
    }
}

/// The first series whose samples are asked for: they are kept in steps, so that not every key
/// asks anew. A filter may keep any of them, and is asked about the first ones only.
fn first_whole(model: &Model) -> usize {
    const STEP: usize = WHOLE_SERIES / 2;
    if model.filters.contains_key(&Screen::Explore) {
        return 0;
    }
    let step = model.explore_pane.selected / STEP;
    step.saturating_sub(1) * STEP
}

/// Moves the selection.
pub(crate) fn travel(model: &mut Model, step: Travel) {
    let count = series(model).len();
    let page_rows = usize::from(body(model).height / LIST_SHARE);
    let pane = &mut model.explore_pane;
    let selected = list::selected(pane.selected, count);
    pane.selected = step.from(selected, page_rows, count.saturating_sub(1));
}

/// The series that the filter keeps.
fn series(model: &Model) -> Vec<&Series> {
    let answer = model.explore_pane.expr.as_ref();
    let answer = answer.and_then(|expr| model.charts.get(expr));
    let filter = model.filters.get(&Screen::Explore);
    let all = answer.into_iter().flat_map(|answer| &answer.series);
    all.filter(|series| filter.is_none_or(|filter| filter.keeps(&name(&series.labels))))
        .collect()
}

/// Labels as Prometheus writes them.
fn name(labels: &Labels) -> String {
    let metric = labels.get("__name__").map_or("", String::as_str);
    let rest = labels.iter().filter(|(key, _)| *key != "__name__");
    let rest: Vec<_> = rest
        .map(|(key, value)| format!("{key}=\"{value}\""))
        .collect();
    format!("{metric}{{{}}}", rest.join(","))
}

/// Draws the screen.
pub(crate) fn draw(model: &Model, frame: &mut Frame, area: Rect) {
    let Some(expr) = &model.explore_pane.expr else {
        draw_hint(model, frame, area);
        return;
    };
    let theme = model.setup.theme;
    let shown = series(model);
    let wanted = u16::try_from(shown.len() + 1).unwrap_or(u16::MAX);
    let rows = wanted.min(area.height / LIST_SHARE);
    let [above, below] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(rows)]).areas(area);
    let selected = list::selected(model.explore_pane.selected, shown.len());
    let first = list::first(selected, rows.saturating_sub(1).into());
    let chart = Chart {
        // The window of the list is what is drawn, so that scrolling shows every series.
        curves: shown
            .iter()
            .skip(first)
            .take(MAX_CURVES)
            .map(|series| Curve {
                name: String::new(),
                samples: &series.samples,
            })
            .collect(),
        note: charted::note(model, &[expr], MAX_SERIES),
        ..charted::chart(model, format!("{expr}  {}", charted::window(model)))
    };
    chart::draw(&chart, theme, frame, above);
    frame.render_widget(
        Paragraph::new(list_lines(model, &chart, &shown, below)),
        below,
    );
}

fn list_lines(model: &Model, chart: &Chart, shown: &[&Series], area: Rect) -> Vec<Line<'static>> {
    let theme = model.setup.theme;
    let columns = usize::from(area.width);
    let rows = usize::from(area.height).saturating_sub(1);
    let answer = model.explore_pane.expr.as_ref();
    let answer = answer.and_then(|expr| model.charts.get(expr));
    let all = answer.map_or(0, |answer| answer.series.len());
    let filter = model.filters.get(&Screen::Explore);
    let filter = filter.map(|filter| filter.text.as_str());
    let told = list::count(shown.len(), all, &tr!("series"), filter);
    let mut lines = vec![list::dim(theme, &told, columns)];
    let selected = list::selected(model.explore_pane.selected, shown.len());
    let first = list::first(selected, rows);
    for (index, series) in shown.iter().enumerate().skip(first).take(rows) {
        let curve = Curve {
            name: String::new(),
            samples: &series.samples,
        };
        let value = marks::value(chart.told_value(&curve), None);
        let number = if index - first < MAX_CURVES {
            format!("{}· ", index - first + 1)
        } else {
            "   ".into()
        };
        let room = columns.saturating_sub(VALUE + 6);
        let label = format!("{number}{}", cut(&name(&series.labels), room));
        let tone = u8::try_from(index - first).unwrap_or(u8::MAX);
        let spans = vec![
            span(right(&value, VALUE), theme.style(Tone::Plain)),
            span(format!(" {label}"), theme.style(Tone::Curve(tone))),
        ];
        lines.push(list::row(spans, index == selected));
    }
    lines
}

fn draw_hint(model: &Model, frame: &mut Frame, area: Rect) {
    let spot = Spot::Screen(Screen::Explore);
    let told = match model.setup.keys.told(spot, &[Action::Command]) {
        Some(key) => {
            let gap = if key.chars().count() > 1 { " " } else { "" };
            let query = format!("{key}{gap}query");
            let type_it = tr!(
                "Type %{query} and any PromQL expression to chart it, for instance",
                query = query
            );
            let instance = "sum by (instance) (rate(votes_accepted_total[1m]))";
            format!("{type_it}\n        {query} {instance}")
        }
        None => tr!("The command line, which takes an expression to chart, has no key.").into(),
    };
    let theme = model.setup.theme;
    let lines = told.lines().flat_map(|line| wrap(line, area.width.into()));
    let lines = lines.map(|line| Line::from(span(line, theme.style(Tone::Plain))));
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), area);
}

#[cfg(test)]
mod tests {
    use crossterm::event::{Event, KeyCode};
    use voteops_observability::prometheus::Sample;

    use super::*;
    use crate::message::{Message, Refusal};
    use crate::model::charts::Charted;
    use crate::tests::fixtures::{at, live, press, refusal, text};
    use crate::update::update;
    use crate::wanted::wanted;

    const EXPR: &str = "rate(votes_accepted_total[1m])";

    fn entered(line: &str) -> Model {
        let mut model = live();
        press(&mut model, &format!(":query {line}"));
        update(
            &mut model,
            Message::Input(Event::Key(KeyCode::Enter.into())),
        );
        model
    }

    fn answered(model: &mut Model, count: i32) {
        let series: Vec<_> = (0..count).map(one).collect();
        let charted = Charted {
            found: 10_000,
            series,
            at: Some(at(0)),
            step_s: 2.5,
            ..Charted::default()
        };
        update(model, Message::Charted(EXPR.into(), Box::new(Ok(charted))));
    }

    fn one(index: i32) -> Series {
        let labels = [("__name__", "votes"), ("instance", &format!("app-{index}"))];
        let sample = |step: i32| Sample {
            at_s: at(0).as_duration().as_secs_f64() - 2.5 * f64::from(240 - step),
            value: f64::from(index * 10 + step / 24),
        };
        Series {
            labels: labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            samples: (0..=240).map(sample).collect(),
        }
    }

    #[test]
    fn a_query_is_charted_with_its_series() {
        let mut model = entered(EXPR);
        assert_eq!(model.screen, Screen::Explore);
        assert!(wanted(&model).charts.iter().any(|expr| expr == EXPR));
        answered(&mut model, 30);
        for (columns, rows) in [(40, 15), (80, 24), (120, 40)] {
            let name = format!("explore_{columns}x{rows}");
            model.size = (columns, rows);
            insta::assert_snapshot!(name, text(&model, (columns, rows)));
        }
        press(&mut model, "/app-2");
        update(
            &mut model,
            Message::Input(Event::Key(KeyCode::Enter.into())),
        );
        let frame = text(&model, (120, 40));
        assert!(frame.contains("11 of 30 series by /app-2"), "{frame}");
        press(&mut model, "G");
        assert!(
            text(&model, (120, 40)).contains("› "),
            "the last one is seen"
        );
    }

    #[test]
    fn ten_thousand_series_are_scrolled_and_those_in_sight_are_drawn() {
        let mut model = entered(EXPR);
        let charted = |first: usize| {
            let mut charted = Charted {
                found: 10_000,
                series: (0..10_000).map(one).collect(),
                at: Some(at(0)),
                step_s: 2.5,
                ..Charted::default()
            };
            charted.shrink(first);
            charted
        };
        let answer = Message::Charted(EXPR.into(), Box::new(Ok(charted(0))));
        update(&mut model, answer);
        press(&mut model, "G");
        let frame = text(&model, (120, 40));
        assert!(frame.contains("app-9999"), "{frame}");
        assert!(frame.contains("100.0k"), "the last value is told:\n{frame}");
        assert!(!frame.contains("⠉⠉⠉"), "{frame}");
        let first = wanted(&model).first_series;
        assert!((9_800..10_000).contains(&first), "{first}");
        let answer = Message::Charted(EXPR.into(), Box::new(Ok(charted(first))));
        update(&mut model, answer);
        let frame = text(&model, (120, 40));
        assert!(frame.contains("⠉⠉⠉"), "{frame}");
        let samples = model.charts.get(EXPR).unwrap().series.iter();
        let samples: usize = samples.map(|series| series.samples.len()).sum();
        assert!(samples <= 200 * 241 + 9_800, "{samples}");
    }

    #[test]
    fn the_last_series_is_seen_when_others_have_gone() {
        let mut model = entered(EXPR);
        answered(&mut model, 30);
        press(&mut model, "G");
        answered(&mut model, 3);
        let seen = text(&model, (120, 40));
        let pointed = |frame: &str, name: &str| {
            let pointed = frame.lines().find(|line| line.starts_with('›'));
            pointed.is_some_and(|line| line.contains(name))
        };
        assert!(pointed(&seen, "app-2"), "{seen}");
        press(&mut model, "k");
        let seen = text(&model, (120, 40));
        assert!(pointed(&seen, "app-1"), "{seen}");
    }

    #[test]
    fn a_bad_query_is_told_in_the_servers_words() {
        let mut model = entered("rate(");
        let refusal = Refusal {
            full: "bad_data: unclosed left parenthesis".into(),
            ..refusal()
        };
        let answer = Message::Charted("rate(".into(), Box::new(Err(refusal)));
        update(&mut model, answer);
        assert!(text(&model, (80, 24)).contains("unclosed left parenthesis"));
    }

    #[test]
    fn without_a_query_it_says_how_to_give_one() {
        let mut model = live();
        press(&mut model, "9");
        assert!(text(&model, (40, 15)).contains("Type :query"));
    }
}
