//! The form and the list of silences.

use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::Line;
use voteops_observability::alertmanager::silences::{NewSilence, Silence, SilenceState};
use voteops_observability::units;

use super::{FIELDS, Form, List, SEND, Silencing, Stage, shown};
use crate::keys::{Action, Spot, Travel};
use crate::lang::{en, tr};
use crate::model::{Data, Feed, Model, Screen};
use crate::screens::alerts;
use crate::theme::{Theme, Tone};
use crate::view::list;
use crate::view::marks::{self, Mark};
use crate::view::text::{clock, cut, left, span, wrap};

/// Columns of a field's name.
const NAME: usize = 10;
/// Columns of a silence's state, `● active 23h59m left`.
const STATE: usize = 22;

/// What chooses among silences.
const STEPS: [Action; 2] = [Action::Travel(Travel::Down), Action::Travel(Travel::Up)];

/// Draws what lies over the alerts, if anything does.
pub(crate) fn draw(model: &Model, frame: &mut Frame, area: Rect) -> bool {
    match &model.silencing {
        Silencing::Closed => return false,
        Silencing::Form(form) => draw_form(model, form, frame, area),
        Silencing::List(list) => draw_list(model, list, frame, area),
    }
    true
}

fn draw_form(model: &Model, form: &Form, frame: &mut Frame, area: Rect) {
    let theme = model.setup.theme;
    let columns = usize::from(area.width);
    let mut lines = vec![Line::from(span(tr!("Silence"), theme.heading()))];
    let room = columns.saturating_sub(NAME + 2);
    for (index, name) in FIELDS.iter().enumerate() {
        let input = &form.fields[index];
        let chosen = index == form.at && form.stage == Stage::Writing;
        let scroll = if chosen { input.visual_scroll(room) } else { 0 };
        let text: String = input.value().chars().skip(scroll).collect();
        let (pointer, style) = if chosen {
            ("› ", theme.heading())
        } else {
            ("  ", theme.style(Tone::Dim))
        };
        if chosen {
            let cursor = input.visual_cursor().saturating_sub(scroll) + NAME + 2;
            let column = u16::try_from(cursor)
                .unwrap_or(0)
                .min(area.width.saturating_sub(1));
            let row = area.y + u16::try_from(lines.len()).unwrap_or(0);
            frame.set_cursor_position(Position::new(area.x + column, row));
        }
        lines.push(Line::from(vec![
            span(format!("{pointer}{}", left(&tr!(*name), NAME)), style),
            span(cut(&text, room), theme.style(Tone::Plain)),
        ]));
    }
    lines.push(Line::default());
    // What is wrong is seen however little room there is below it.
    if let Some(problem) = &form.problem {
        let told = wrap(problem, columns).into_iter();
        lines.extend(told.map(|line| Line::from(span(line, theme.style(Tone::Warning)))));
    }
    lines.extend(preview(model, form, columns));
    if let Ok(silence) = form.silence(model) {
        lines.extend(consequence(model, &silence, columns));
    }
    let told = match form.stage {
        Stage::Writing => {
            let told = tr!(
                "Tab next field   Enter on the last, or %{key}: silence   Esc leave",
                key = SEND
            );
            told.into()
        }
        Stage::Asking => asked(model, &tr!("Silence this?")),
        Stage::Sent => tr!("asking Alertmanager…").into(),
    };
    list::covering(lines, &told, row_style(form.stage, theme), frame, area);
}

/// Until when it would hold, and how it would be made without the console.
fn consequence(model: &Model, silence: &NewSilence, columns: usize) -> Vec<Line<'static>> {
    let theme = model.setup.theme;
    let until = clock(silence.ends_at, &model.setup.zone);
    let length = silence.ends_at.duration_since(silence.starts_at);
    let told = tr!(
        "until %{time}, %{length} from now",
        time = until,
        length = units::age(length.as_secs_f64())
    );
    let mut lines = vec![Line::from(span(told, theme.style(Tone::Plain)))];
    if let Some(url) = address(model) {
        let call = wrap(&silence.amtool(&url), columns).into_iter();
        lines.extend(call.map(|line| Line::from(span(line, theme.style(Tone::Dim)))));
    }
    lines
}

/// A question with the keys that answer it.
fn asked(model: &Model, question: &str) -> String {
    format!("{question}   {}", model.setup.keys.answers())
}

/// What can be done stands in the last row; a question stands out.
fn row_style(stage: Stage, theme: Theme) -> Style {
    match stage {
        Stage::Asking => Theme::reversed(),
        Stage::Writing | Stage::Sent => theme.style(Tone::Dim),
    }
}

/// Which alerts it would silence at this moment.
fn preview(model: &Model, form: &Form, columns: usize) -> Vec<Line<'static>> {
    let theme = model.setup.theme;
    let data = model.shown();
    let Some(held) = &data.held else {
        let told = tr!("not known what it matches: Alertmanager has not answered yet");
        return vec![Line::from(span(
            cut(&told, columns),
            theme.style(Tone::Warning),
        ))];
    };
    let (told, tone) = match form.matched(held) {
        Err(problem) => (problem, Tone::Warning),
        Ok(found) if found.is_empty() => {
            let told = tr!("matches no alert now, and those to come");
            (format!("◌ {told}"), Tone::Warning)
        }
        Ok(found) => {
            let mut names: Vec<_> = found
                .iter()
                .filter_map(|alert| alert.labels.get("alertname"))
                .collect();
            names.sort();
            names.dedup();
            let names: Vec<_> = names.into_iter().map(String::as_str).collect();
            let names = names.join(", ");
            let told = match found.len() {
                1 => tr!("matches 1 alert now: %{names}", names = names),
                count => tr!(
                    "matches %{count} alerts now: %{names}",
                    count = count,
                    names = names
                ),
            };
            (format!("● {told}"), Tone::Ok)
        }
    };
    let told = match data.feeds.stale_s(Feed::Held, data.now) {
        Some(age_s) => format!("{told} ({})", marks::aged(age_s)),
        None => told,
    };
    let lines = wrap(&told, columns).into_iter().take(3);
    lines
        .map(|line| Line::from(span(line, theme.style(tone))))
        .collect()
}

fn address(model: &Model) -> Option<url::Url> {
    let backends = model.setup.backends.iter().zip(&model.setup.addresses);
    let mut found =
        backends.filter(|(backend, _)| **backend == crate::model::Backend::Alertmanager);
    found.next()?.1.parse().ok()
}

fn draw_list(model: &Model, list: &List, frame: &mut Frame, area: Rect) {
    let theme = model.setup.theme;
    let data = model.shown();
    let columns = usize::from(area.width);
    let all = shown(model);
    let mut lines = vec![heading(model, all.len())];
    if all.is_empty() {
        let told = match (&data.silences, data.feeds.has_answered(Feed::Silences)) {
            (Some(_), _) => format!("{}{}", tr!("No silences."), how_to_make_one(model)),
            (None, _) => tr!("Alertmanager has not told its silences yet.").into(),
        };
        lines.push(Line::from(span(
            cut(&told, columns),
            theme.style(Tone::Plain),
        )));
    }
    let selected = list.selected.min(all.len().saturating_sub(1));
    // Heading, details and the last row stand besides the list.
    let details = all
        .get(selected)
        .map(|silence| details(model, silence, columns))
        .unwrap_or_default();
    let rows = usize::from(area.height)
        .saturating_sub(2 + details.len() + usize::from(list.problem.is_some()))
        .max(1);
    let first = (selected + 1).saturating_sub(rows);
    for (index, silence) in all.iter().enumerate().skip(first).take(rows) {
        lines.push(row(data, silence, index == selected, theme, columns));
    }
    lines.extend(details);
    if let Some(problem) = &list.problem {
        lines.push(Line::from(span(
            cut(problem, columns),
            theme.style(Tone::Warning),
        )));
    }
    let told = match list.stage {
        Stage::Writing => {
            let hints: [(&[Action], _); 3] = [
                (&[Action::Alerts(alerts::Action::Expire)], en!("expire")),
                (&STEPS, en!("choose")),
                (&[Action::Back], en!("back")),
            ];
            model.setup.keys.hints(Spot::Silences, &hints)
        }
        Stage::Asking => asked(model, &tr!("Expire this silence now?")),
        Stage::Sent => tr!("asking Alertmanager…").into(),
    };
    list::covering(lines, &told, row_style(list.stage, theme), frame, area);
}

/// Which keys lead to a new silence, as a sentence; nothing when they have none.
fn how_to_make_one(model: &Model) -> String {
    let keys = &model.setup.keys;
    let back = keys.told(Spot::Silences, &[Action::Back]);
    let silence = Action::Alerts(alerts::Action::Silence);
    let silence = keys.told(Spot::Screen(Screen::Alerts), &[silence]);
    match (back, silence) {
        (Some(back), Some(silence)) => {
            let told = tr!(
                "%{back}, and %{silence} on an alert makes one.",
                back = back,
                silence = silence
            );
            format!(" {told}")
        }
        _ => String::new(),
    }
}

fn heading(model: &Model, count: usize) -> Line<'static> {
    let theme = model.setup.theme;
    let data = model.shown();
    let mut spans = vec![
        span(tr!("Silences"), theme.heading()),
        span(format!("  {count}"), theme.style(Tone::Dim)),
    ];
    if let Some(age_s) = data.feeds.stale_s(Feed::Silences, data.now) {
        let told = format!("  ◌ {}", marks::aged(age_s));
        spans.push(span(told, theme.style(Tone::Warning)));
    }
    Line::from(spans)
}

fn row(
    data: &Data,
    silence: &Silence,
    chosen: bool,
    theme: Theme,
    columns: usize,
) -> Line<'static> {
    let mark = mark(data, silence);
    let matchers: Vec<_> = silence.matchers.iter().map(ToString::to_string).collect();
    let text = format!(" {}", matchers.join(", "));
    let style = if chosen {
        Theme::reversed()
    } else {
        theme.style(Tone::Plain)
    };
    Line::from(vec![
        span(if chosen { "› " } else { "  " }, style),
        mark.cell(theme, STATE).patch_style(style),
        span(cut(&text, columns.saturating_sub(STATE + 2)), style),
    ])
}

fn mark(data: &Data, silence: &Silence) -> Mark {
    let left_s = -data.age_s(silence.ends_at);
    match silence.status.state {
        SilenceState::Active => Mark::new(
            "●",
            tr!("active %{left} left", left = units::age(left_s.max(0.0))),
            Tone::Ok,
        ),
        SilenceState::Pending => {
            let begins_s = -data.age_s(silence.starts_at);
            Mark::new(
                "◆",
                tr!("begins in %{left}", left = units::age(begins_s.max(0.0))),
                Tone::Warning,
            )
        }
        SilenceState::Expired => Mark::new(
            "◌",
            tr!("over for %{age}", age = units::age((-left_s).max(0.0))),
            Tone::Dim,
        ),
    }
}

fn details(model: &Model, silence: &Silence, columns: usize) -> Vec<Line<'static>> {
    let theme = model.setup.theme;
    let told = |at: Timestamp| clock(at, &model.setup.zone);
    let matchers: Vec<_> = silence.matchers.iter().map(ToString::to_string).collect();
    let time = tr!(
        "%{from} until %{to}",
        from = told(silence.starts_at),
        to = told(silence.ends_at)
    );
    let entries = [
        (tr!("silences"), matchers.join(", ")),
        (tr!("because"), silence.comment.clone()),
        (tr!("by"), silence.created_by.clone()),
        (tr!("time"), time.into()),
        (tr!("id"), silence.id.clone()),
    ];
    let mut lines = vec![Line::default()];
    for (name, text) in entries {
        let text = cut(&text, columns.saturating_sub(NAME));
        lines.push(Line::from(vec![
            span(left(&name, NAME), theme.style(Tone::Dim)),
            span(text, theme.style(Tone::Plain)),
        ]));
    }
    debug_assert!(lines.iter().all(|line| line.width() <= columns.max(NAME)));
    lines
}

/// Until when an alert is silenced and by whom, by the identities that Alertmanager tells.
pub(crate) fn until(model: &Model, ids: &[String]) -> Option<String> {
    let all = model.shown().silences.as_ref()?;
    let latest = all
        .iter()
        .filter(|silence| ids.contains(&silence.id))
        .max_by_key(|silence| silence.ends_at)?;
    let until = clock(latest.ends_at, &model.setup.zone);
    let told = tr!(
        "until %{time} by %{user}: %{comment}",
        time = until,
        user = latest.created_by,
        comment = latest.comment
    );
    Some(told.into())
}
