//! Begins an experiment: what there is to choose from, for how long, the plan, and a question.
//! Nothing is touched before the question was answered with yes.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use voteops_observability::units;

use crate::deeds::Deed;
use crate::experiments::{Offer, Plan};
use crate::keys::{Action, Spot, Travel};
use crate::lang::{en, tr};
use crate::message::Effect;
use crate::model::prompt::{Prompt, Purpose};
use crate::model::{Model, Offers, Screen};
use crate::theme::{Theme, Tone};
use crate::view::list;
use crate::view::text::{cut, left, span, wrap};

/// Columns of an offer's name.
const NAME: usize = 14;

/// How far the choice is.
#[derive(Debug, Clone, Default)]
pub(crate) enum Starting {
    /// Nothing is chosen.
    #[default]
    Closed,
    /// The offers are shown.
    Open(Choice),
}

impl Starting {
    /// Where its keys are looked up; `None` while nothing is chosen.
    pub(crate) fn spot(&self) -> Option<Spot> {
        match self {
            Self::Closed => None,
            Self::Open(choice) if matches!(choice.stage, Stage::Asking(_)) => Some(Spot::Confirm),
            Self::Open(_) => Some(Spot::Screen(Screen::Chaos)),
        }
    }
}

/// An offer that is chosen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Choice {
    selected: usize,
    stage: Stage,
    problem: Option<String>,
}

#[derive(Debug, Clone, Default)]
enum Stage {
    /// The offers can be gone through.
    #[default]
    Choosing,
    /// It is being planned.
    Planning,
    /// The plan is there, and the question is open.
    Asking(Plan),
}

/// Opens the offers.
pub(super) fn open(model: &mut Model) {
    if let Some(why) = model.setup.unchangeable() {
        model.notice = Some(why);
    } else {
        let refused = match model.setup.offers {
            Offers::Elsewhere => {
                tr!("only on a stack of voteops up: elsewhere by voteops chaos in a terminal")
            }
            Offers::Forbidden => tr!("not allowed from here: start the console with --allow-chaos"),
            Offers::These(_) => {
                model.starting = Starting::Open(Choice::default());
                return;
            }
        };
        model.notice = Some(refused.into());
    }
}

/// Takes a key while the offers are shown; `None` leaves it to the key map.
pub(crate) fn on_key(model: &mut Model, event: KeyEvent) -> Option<Vec<Effect>> {
    let action = model.setup.keys.action(event, model.starting.spot()?);
    if matches!(action, Some(Action::Interrupt | Action::Suspend)) {
        return None;
    }
    let Starting::Open(mut choice) = std::mem::take(&mut model.starting) else {
        return None;
    };
    let last = offers(model).len().saturating_sub(1);
    let mut effects = vec![Effect::RedrawNow];
    match (&choice.stage, action) {
        (Stage::Asking(plan), Some(Action::Confirm)) => {
            effects.push(Effect::Do(Deed::Begin(plan.clone())));
            model.notice = Some(tr!("it is begun; it can be ended from here").into());
            return Some(effects);
        }
        (Stage::Asking(_), Some(Action::Decline)) | (Stage::Planning, Some(Action::Back)) => {
            choice.stage = Stage::Choosing;
        }
        (Stage::Choosing, Some(Action::Back)) => return Some(effects),
        (Stage::Choosing, Some(Action::Travel(step))) => {
            choice.selected = step.from(choice.selected, last, last);
        }
        // As in the lines and forms that are typed.
        (Stage::Choosing, _) if event.code == KeyCode::Enter => {
            effects.extend(chosen(model, &mut choice));
        }
        _ => {}
    }
    model.starting = Starting::Open(choice);
    Some(effects)
}

fn offers(model: &Model) -> &[Offer] {
    match &model.setup.offers {
        Offers::These(offers) => offers,
        Offers::Elsewhere | Offers::Forbidden => &[],
    }
}

/// Asks how long, or for the plan at once where the experiment ends by itself.
fn chosen(model: &mut Model, choice: &mut Choice) -> Option<Effect> {
    let offer = offers(model).get(choice.selected)?.clone();
    choice.problem = None;
    if let Some(length) = offer.length {
        let length = units::prometheus_duration(length);
        model.prompt = Some(Prompt::new(Purpose::FaultLength, length));
        return None;
    }
    choice.stage = Stage::Planning;
    Some(Effect::Do(Deed::Plan(offer.name, None)))
}

/// Takes the length that was typed.
///
/// # Errors
/// One line that says why it is none.
pub(crate) fn entered(model: &mut Model, line: &str) -> Result<Vec<Effect>, String> {
    let length = units::parse_duration(line)
        .ok()
        .filter(|length| !length.is_zero());
    let length = length.ok_or_else(|| {
        let text = format!("{line:?}");
        tr!("%{text} is no duration such as 30s or 5m", text = text)
    })?;
    let Starting::Open(choice) = &mut model.starting else {
        return Ok(Vec::new());
    };
    let Offers::These(offers) = &model.setup.offers else {
        return Ok(Vec::new());
    };
    let Some(offer) = offers.get(choice.selected) else {
        return Ok(Vec::new());
    };
    choice.stage = Stage::Planning;
    Ok(vec![Effect::Do(Deed::Plan(
        offer.name.clone(),
        Some(length),
    ))])
}

/// Takes the plan, or why there is none.
pub(crate) fn planned(model: &mut Model, planned: Result<Plan, String>) {
    let Starting::Open(choice) = &mut model.starting else {
        return;
    };
    // Whoever went back meanwhile does not want it any more.
    if !matches!(choice.stage, Stage::Planning) {
        return;
    }
    match planned {
        Ok(plan) => choice.stage = Stage::Asking(plan),
        Err(problem) => {
            choice.stage = Stage::Choosing;
            choice.problem = Some(tr!(&problem).into_owned());
        }
    }
}

/// Draws the offers, or the plan; `false` when nothing is chosen.
pub(super) fn draw(model: &Model, frame: &mut Frame, area: Rect) -> bool {
    let Starting::Open(choice) = &model.starting else {
        return false;
    };
    let theme = model.setup.theme;
    let columns = usize::from(area.width);
    let mut lines = match &choice.stage {
        Stage::Asking(plan) => plan_lines(model, plan, columns),
        _ => offer_lines(model, choice, columns),
    };
    if let Some(problem) = &choice.problem {
        lines.push(Line::default());
        let told = wrap(&format!("✗ {problem}"), columns).into_iter();
        lines.extend(told.map(|line| Line::from(span(line, theme.style(Tone::Warning)))));
    }
    let map = &model.setup.keys;
    let here = Spot::Screen(Screen::Chaos);
    let steps = [Action::Travel(Travel::Down), Action::Travel(Travel::Up)];
    let (told, style) = match &choice.stage {
        Stage::Choosing => {
            let hints: [(&[Action], _); 2] =
                [(&steps, en!("down, up")), (&[Action::Back], en!("leave"))];
            let told = format!("Enter {}   {}", tr!("choose"), map.hints(here, &hints));
            (told, theme.style(Tone::Dim))
        }
        Stage::Planning => {
            let leave = map.hints(here, &[(&[Action::Back], en!("leave it"))]);
            let told = format!("◌ {}   {leave}", tr!("planning"));
            (told, theme.style(Tone::Dim))
        }
        Stage::Asking(_) => {
            let told = format!("{}   {}", tr!("Begin this?"), map.answers());
            (told, Theme::reversed())
        }
    };
    list::covering(lines, &told, style, frame, area);
    true
}

fn offer_lines(model: &Model, choice: &Choice, columns: usize) -> Vec<Line<'static>> {
    let theme = model.setup.theme;
    let mut lines = vec![Line::from(span(
        tr!("Begin an experiment"),
        theme.heading(),
    ))];
    for (index, offer) in offers(model).iter().enumerate() {
        let text = format!("{} {}", left(&offer.name, NAME), tr!(&offer.about));
        let text = cut(&text, columns.saturating_sub(2));
        let spans = vec![span(text, theme.style(Tone::Plain))];
        lines.push(list::row(spans, index == choice.selected));
    }
    if let Some(offer) = offers(model).get(choice.selected)
        && !offer.alerts.is_empty()
    {
        lines.push(Line::default());
        let told = tr!("makes fire: %{alerts}", alerts = offer.alerts.join(", "));
        let told = wrap(&told, columns).into_iter();
        lines.extend(told.map(|line| Line::from(span(line, theme.style(Tone::Dim)))));
    }
    lines
}

fn plan_lines(model: &Model, plan: &Plan, columns: usize) -> Vec<Line<'static>> {
    let theme = model.setup.theme;
    let mut lines = vec![Line::from(span(
        tr!("What is going to be done"),
        theme.heading(),
    ))];
    for line in &plan.lines {
        let told = wrap(line, columns).into_iter();
        lines.extend(told.map(|line| Line::from(span(line, theme.style(Tone::Plain)))));
    }
    lines
}
