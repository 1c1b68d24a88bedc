//! What the keys of the logs screen do.

use std::fmt::Write as _;
use std::path::PathBuf;

use voteops_observability::logs::{Level, LogQuery};

use super::{Action, Pane, follow, hints, selected};
use crate::deeds::Deed;
use crate::keys;
use crate::lang::tr;
use crate::message::Effect;
use crate::model::prompt::{Prompt, Purpose};
use crate::model::{Model, Screen};

/// Columns that one step to the side moves.
const SIDE: usize = 16;

/// Does what a key of the screen asks for.
pub(crate) fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    let pane = &mut model.logs_pane;
    match action {
        Action::Follow => {
            let on = !pane.follow;
            follow(model, on);
        }
        Action::Service => {
            pane.query.services = next_service(pane);
            pane.query.entered = None;
        }
        Action::Level => {
            pane.query.least = match pane.query.least {
                None => Some(Level::Error),
                Some(Level::Error) => Some(Level::Warn),
                Some(Level::Warn) => Some(Level::Info),
                Some(Level::Info) => Some(Level::Debug),
                Some(_) => None,
            };
            pane.query.entered = None;
        }
        Action::Query => {
            let known = pane.query.to_logql();
            model.prompt = Some(Prompt::new(Purpose::LogQuery, known));
        }
        Action::Search => {
            let known = pane.search.as_ref().map(|search| search.text.clone());
            model.prompt = Some(Prompt::new(Purpose::LogSearch, known.unwrap_or_default()));
        }
        Action::NextHit => go_to_hit(model, false),
        Action::PreviousHit => go_to_hit(model, true),
        Action::Wrap => pane.wrap = !pane.wrap,
        Action::Left => pane.left = pane.left.saturating_sub(SIDE),
        Action::Right => pane.left = (pane.left + SIDE).min(1 << 16),
        Action::Context => show_context(model),
        Action::Copy => {
            let line = model.logs.get(selected(model));
            return line
                .map(|(_, line)| Effect::Do(Deed::Copy(line.text.clone())))
                .into_iter()
                .collect();
        }
        Action::Export => {
            let name = format!("voteops-logs-{}.jsonl", model.live.now.as_second());
            model.prompt = Some(Prompt::new(Purpose::ExportPath, name));
        }
    }
    Vec::new()
}

/// The service after the one that is shown; all after the last.
fn next_service(pane: &Pane) -> Vec<String> {
    let shown = pane.query.services.first();
    let at = shown.and_then(|shown| pane.services.iter().position(|name| name == shown));
    let next = at.map_or(0, |at| at + 1);
    pane.services.get(next).cloned().into_iter().collect()
}

/// Selects the next line that is found, or the one before.
pub(super) fn go_to_hit(model: &mut Model, back: bool) {
    if model.logs_pane.search.is_none() {
        let search = hints::key(model, keys::Action::Logs(Action::Search));
        let told = if let Some(key) = search {
            tr!("nothing is searched for: press %{key}", key = key)
        } else {
            tr!("nothing is searched for")
        };
        model.notice = Some(told.into());
        return;
    }
    let place = selected(model);
    let number = model.logs.get(place).map_or(0, |(number, _)| number);
    match model.logs.next_hit(number, back) {
        Some(hit) => {
            follow(model, false);
            model.logs_pane.selected = hit;
        }
        None => model.notice = Some(tr!("not found").into()),
    }
}

fn show_context(model: &mut Model) {
    let Some((_, line)) = model.logs.get(selected(model)) else {
        return;
    };
    let Some(instance) = line.instance() else {
        model.notice = Some(tr!("the line does not say who wrote it").into());
        return;
    };
    let query = LogQuery {
        instances: vec![instance.to_owned()],
        ..LogQuery::default()
    };
    let at_ns = line.at_ns;
    follow(model, false);
    let before = std::mem::replace(&mut model.logs_pane.query, query);
    let before = model
        .logs_pane
        .context
        .take()
        .map_or(before, |(_, first)| first);
    model.logs_pane.context = Some((at_ns, before));
    model.filters.remove(&Screen::Logs);
}

/// The kept lines as JSON lines, to a file.
pub(super) fn export(model: &Model, path: &str) -> Result<Vec<Effect>, String> {
    if path.is_empty() {
        return Err(tr!("write the file's name").into());
    }
    let mut text = String::new();
    for (_, line) in (0..model.logs.len()).filter_map(|at| model.logs.get(at)) {
        let at = jiff::Timestamp::from_nanosecond(i128::from(line.at_ns)).unwrap_or_default();
        let line = serde_json::json!({"at": at, "labels": *line.labels, "line": line.text});
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{line}");
    }
    Ok(vec![Effect::Do(Deed::Write(PathBuf::from(path), text))])
}
