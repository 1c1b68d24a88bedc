//! The logs screen: what the services write, from Loki or from the stack's own files.

mod act;
mod heading;
mod hints;
mod view;
mod volume;

use crossterm::event::KeyCode;
use voteops_observability::logs::{LogLine, LogQuery};

use crate::keys::{self, Binding, Place, Travel, also, bind, char, key};
use crate::lang::tr;
use crate::message::Effect;
use crate::model::logs::{LogNews, LogQuestion};
use crate::model::prompt::{Filter, Purpose};
use crate::model::{Model, Screen};
use crate::screens::alerts;
use crate::view::body;
use crate::wanted::Wanted;

pub(crate) use act::act;
pub(crate) use view::{brief, draw};

const HERE: Place = Place::On(&[Screen::Logs]);
/// Time before and after a line that its context shows, in nanoseconds.
const CONTEXT_NS: i64 = 60_000_000_000;

/// What only the logs screen does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Follow what is written, or stop.
    Follow,
    /// The next service only, or all again.
    Service,
    /// The next least level.
    Level,
    /// Enter a query.
    Query,
    /// Enter what to search for.
    Search,
    /// To the next line that is found.
    NextHit,
    /// To the one before.
    PreviousHit,
    /// Wrap long lines, or cut them.
    Wrap,
    /// To the left.
    Left,
    /// To the right.
    Right,
    /// What the selected line's instance wrote around it.
    Context,
    /// Copy the selected line.
    Copy,
    /// Write the lines to a file.
    Export,
}

/// The screen's own keys.
#[rustfmt::skip]
pub(crate) const KEYS: &[Binding] = &[
    bind("logs.follow", &[char('f')], keys::Action::Logs(Action::Follow), HERE, "follow, or stop", "follow"),
    bind("logs.service", &[char('v')], keys::Action::Logs(Action::Service), HERE, "next service only", "service"),
    bind("logs.level", &[char('e')], keys::Action::Logs(Action::Level), HERE, "next least level", "level"),
    bind("logs.search", &[char('s')], keys::Action::Logs(Action::Search), HERE, "search", "search"),
    bind("logs.next-hit", &[char('n')], keys::Action::Logs(Action::NextHit), HERE, "next found", ""),
    also("logs.previous-hit", &[char('N')], keys::Action::Logs(Action::PreviousHit), HERE, "previous found"),
    bind("logs.query", &[char('Q')], keys::Action::Logs(Action::Query), HERE, "enter LogQL", ""),
    bind("logs.open", &[key(KeyCode::Enter)], keys::Action::Open, HERE, "all fields of the line", "fields"),
    bind("logs.context", &[char('c')], keys::Action::Logs(Action::Context), HERE, "what was written around it", "context"),
    bind("logs.wrap", &[char('w')], keys::Action::Logs(Action::Wrap), HERE, "wrap lines", ""),
    bind("logs.left", &[key(KeyCode::Left)], keys::Action::Logs(Action::Left), HERE, "left", ""),
    also("logs.right", &[key(KeyCode::Right)], keys::Action::Logs(Action::Right), HERE, "right"),
    bind("logs.copy", &[char('y')], keys::Action::Logs(Action::Copy), HERE, "copy the line", ""),
    bind("logs.export", &[char('X')], keys::Action::Logs(Action::Export), HERE, "write the lines to a file", ""),
];

/// What is looked at.
#[derive(Debug, Clone)]
pub(crate) struct Pane {
    /// Which lines are asked for.
    query: LogQuery,
    /// Whether the newest line stays in sight.
    follow: bool,
    /// The number of the selected line, while it does not follow.
    selected: u64,
    /// Lines that came since it stopped following.
    fresh: u64,
    /// The number of the line whose fields are shown.
    expanded: Option<u64>,
    wrap: bool,
    left: usize,
    search: Option<Filter>,
    /// The line whose surroundings are shown, and what was asked before.
    context: Option<(i64, LogQuery)>,
    /// Services that were seen.
    services: Vec<String>,
    /// What the lines are an answer to.
    question: Option<LogQuestion>,
}

impl Default for Pane {
    fn default() -> Self {
        Self {
            query: LogQuery::default(),
            follow: true,
            selected: 0,
            fresh: 0,
            expanded: None,
            wrap: false,
            left: 0,
            search: None,
            context: None,
            services: Vec::new(),
            question: None,
        }
    }
}

/// What the screen needs to know.
pub(crate) fn want(model: &Model, wanted: &mut Wanted) {
    if model.setup.log_source.is_some() {
        wanted.logs = Some(question(model));
    }
}

fn question(model: &Model) -> LogQuestion {
    let pane = &model.logs_pane;
    if let Some(services) = alerts::hub_logs(model) {
        return LogQuestion {
            query: LogQuery {
                services,
                ..LogQuery::default()
            },
            span: model.window.span,
            end: model.window.end,
        };
    }
    if let Some((at_ns, _)) = &pane.context {
        let end = jiff::Timestamp::from_nanosecond(i128::from(at_ns.saturating_add(CONTEXT_NS)));
        return LogQuestion {
            query: pane.query.clone(),
            span: std::time::Duration::from_nanos(2 * CONTEXT_NS.unsigned_abs()),
            end: Some(end.unwrap_or(jiff::Timestamp::MAX)),
        };
    }
    LogQuestion {
        query: pane.query.clone(),
        span: model.window.span,
        end: model.window.end,
    }
}

/// Shows the lines of some services.
pub(crate) fn show(model: &mut Model, services: Vec<String>) {
    let pane = &mut model.logs_pane;
    pane.context = None;
    pane.follow = true;
    pane.query = LogQuery {
        services,
        ..LogQuery::default()
    };
}

/// Takes what is told of a question; what was asked before is past.
pub(crate) fn take_in(model: &mut Model, asked: &LogQuestion, news: LogNews) {
    if *asked != question(model) {
        return;
    }
    let at = model.live.now;
    match news {
        LogNews::Begin(found) => {
            model.logs_pane.question = Some(asked.clone());
            model.logs_pane.fresh = 0;
            model.logs_pane.expanded = None;
            note_services(&mut model.logs_pane, &found.lines);
            model.logs.begin(found);
            place_begin(model);
        }
        LogNews::More(lines) => {
            if !model.logs_pane.follow {
                model.logs_pane.fresh += lines.len() as u64;
            }
            note_services(&mut model.logs_pane, &lines);
            model.logs.add(lines);
        }
        LogNews::By(way) => {
            model.logs.way = Some(way);
            return;
        }
        LogNews::Failed(refusal, next_try) => {
            model.logs.failure = Some((refusal, next_try));
            return;
        }
    }
    model.logs.loaded = true;
    model.logs.failure = None;
    model.logs.answered = Some(at);
}

/// Selects the line whose context was asked for, or the newest one.
fn place_begin(model: &mut Model) {
    let logs = &model.logs;
    let wanted = model.logs_pane.context.as_ref().and_then(|(at_ns, _)| {
        let place =
            (0..logs.len()).find(|at| logs.get(*at).is_some_and(|(_, l)| l.at_ns >= *at_ns))?;
        logs.get(place).map(|(number, _)| number)
    });
    let newest = logs.len().checked_sub(1).and_then(|at| logs.get(at));
    let newest = newest.map_or(0, |(number, _)| number);
    model.logs_pane.selected = wanted.unwrap_or(newest);
}

fn note_services(pane: &mut Pane, lines: &[LogLine]) {
    for service in lines.iter().filter_map(LogLine::service) {
        if !pane.services.iter().any(|known| known == service) {
            pane.services.push(service.to_owned());
            pane.services.sort();
        }
    }
}

/// Filters and searches anew when what was typed asks for it.
pub(crate) fn sync(model: &mut Model) {
    let typed = match &model.prompt {
        // Found while it is typed.
        Some(prompt) if prompt.purpose == Purpose::LogSearch => {
            Filter::parse(prompt.text()).ok().flatten()
        }
        _ => model.logs_pane.search.clone(),
    };
    let filter = model.filters.get(&Screen::Logs).cloned();
    model.logs.sync(filter.as_ref(), typed.as_ref());
}

/// The place of the selected line among the kept ones.
fn selected(model: &Model) -> usize {
    let last = model.logs.len().saturating_sub(1);
    if model.logs_pane.follow {
        last
    } else {
        model.logs.place(model.logs_pane.selected).min(last)
    }
}

fn select(model: &mut Model, place: usize) {
    if let Some((number, _)) = model.logs.get(place) {
        model.logs_pane.selected = number;
    }
}

/// Moves the selection; going up stops following, going to the end follows again.
pub(crate) fn travel(model: &mut Model, step: Travel) {
    let last = model.logs.len().saturating_sub(1);
    let page = usize::from(body(model).height).saturating_sub(view::HEADING);
    let to = step.from(selected(model), page, last);
    let pinned = model.window.end.is_some() || model.logs_pane.context.is_some();
    let down = matches!(step, Travel::Last | Travel::Down | Travel::PageDown);
    follow(model, to == last && !pinned && down);
    select(model, to);
}

fn follow(model: &mut Model, on: bool) {
    if !on && model.logs_pane.follow {
        let place = selected(model);
        select(model, place);
    }
    model.logs_pane.follow = on;
    if on {
        model.logs_pane.fresh = 0;
    }
}

/// Whether every row that is shown is a line of its own.
pub(crate) fn has_plain_rows(model: &Model) -> bool {
    !model.logs_pane.wrap && model.logs_pane.expanded.is_none()
}

/// Shows or hides the fields of the selected line.
pub(crate) fn open(model: &mut Model) -> Vec<Effect> {
    let place = selected(model);
    let number = model.logs.get(place).map(|(number, _)| number);
    follow(model, false);
    let pane = &mut model.logs_pane;
    pane.expanded = if pane.expanded == number {
        None
    } else {
        number
    };
    Vec::new()
}

/// Closes the fields, the context, the search, the query, one after the other.
pub(crate) fn close(model: &mut Model) -> bool {
    let pane = &mut model.logs_pane;
    if pane.expanded.take().is_some() {
        return true;
    }
    if let Some((_, before)) = pane.context.take() {
        pane.query = before;
        pane.follow = true;
        return true;
    }
    if pane.search.take().is_some() {
        return true;
    }
    if pane.query != LogQuery::default() {
        pane.query = LogQuery::default();
        return true;
    }
    false
}

/// Takes a line that was typed for the screen.
///
/// # Errors
/// One line that says why the line cannot be taken.
pub(crate) fn entered(
    model: &mut Model,
    purpose: Purpose,
    line: &str,
) -> Result<Vec<Effect>, String> {
    match purpose {
        Purpose::LogQuery => {
            if model.setup.log_source.is_none() {
                return Err(tr!("there are no logs here: no Loki is configured").into());
            }
            let pane = &mut model.logs_pane;
            pane.context = None;
            pane.query = LogQuery {
                entered: Some(line.to_owned()).filter(|line| !line.is_empty()),
                ..LogQuery::default()
            };
        }
        Purpose::LogSearch => {
            model.logs_pane.search = Filter::parse(line)?;
            model.prompt = None;
            sync(model);
            if model.logs_pane.search.is_some() {
                act::go_to_hit(model, true);
            }
        }
        _ => return act::export(model, line),
    }
    Ok(Vec::new())
}

#[cfg(test)]
pub(crate) mod tests;
