//! The keys that work everywhere, as users of k9s and vim expect them.

use crossterm::event::KeyCode;

use super::Place::{Always, Anywhere, Confirm, On, Question};
use super::{Action, Binding, Travel, also, bind, char, ctrl, key};
use crate::model::Screen;
use crate::model::window::Shift;

/// The screens whose lists can be filtered.
const FILTERED: &[Screen] = &[
    Screen::Alerts,
    Screen::Logs,
    Screen::Chaos,
    Screen::Targets,
    Screen::Explore,
];

/// From screen to screen.
#[rustfmt::skip]
pub(crate) const SCREENS: &[Binding] = &[
    bind("overview", &[char('1')], Action::Show(Screen::Overview), Anywhere, "overview", "overview"),
    bind("vote-app", &[char('2')], Action::Show(Screen::VoteApp), Anywhere, "vote app", "app"),
    bind("redis", &[char('3')], Action::Show(Screen::Redis), Anywhere, "redis", "redis"),
    bind("worker", &[char('4')], Action::Show(Screen::Worker), Anywhere, "worker", "worker"),
    bind("alerts", &[char('5')], Action::Show(Screen::Alerts), Anywhere, "alerts", "alerts"),
    bind("logs", &[char('6')], Action::Show(Screen::Logs), Anywhere, "logs", "logs"),
    bind("chaos", &[char('7')], Action::Show(Screen::Chaos), Anywhere, "chaos", "chaos"),
    bind("targets", &[char('8')], Action::Show(Screen::Targets), Anywhere, "targets and backends", "targets"),
    bind("query", &[char('9')], Action::Show(Screen::Explore), Anywhere, "any query, as a chart", ""),
    bind("next-view", &[key(KeyCode::Tab)], Action::Next, Anywhere, "next view", ""),
    also("previous-view", &[key(KeyCode::BackTab)], Action::Previous, Anywhere, "previous view"),
];

/// What works on every screen.
#[rustfmt::skip]
pub(crate) const KEYS: &[Binding] = &[
    bind("down", &[char('j'), key(KeyCode::Down)], Action::Travel(Travel::Down), Anywhere, "down", ""),
    also("up", &[char('k'), key(KeyCode::Up)], Action::Travel(Travel::Up), Anywhere, "up"),
    bind("page-down", &[key(KeyCode::PageDown), ctrl('f')], Action::Travel(Travel::PageDown), Anywhere, "page down", ""),
    also("page-up", &[key(KeyCode::PageUp), ctrl('b')], Action::Travel(Travel::PageUp), Anywhere, "page up"),
    bind("top", &[char('g'), key(KeyCode::Home)], Action::Travel(Travel::First), Anywhere, "top", ""),
    also("bottom", &[char('G'), key(KeyCode::End)], Action::Travel(Travel::Last), Anywhere, "bottom"),
    bind("zoom-in", &[char('+'), char('=')], Action::Shift(Shift::ZoomIn), Anywhere, "less time", ""),
    also("zoom-out", &[char('-')], Action::Shift(Shift::ZoomOut), Anywhere, "more time"),
    bind("earlier", &[char('h')], Action::Shift(Shift::Earlier), Anywhere, "earlier", ""),
    also("later", &[char('l')], Action::Shift(Shift::Later), Anywhere, "later"),
    bind("cursor-earlier", &[char('['), char(',')], Action::Shift(Shift::CursorEarlier), Anywhere, "cursor earlier", ""),
    also("cursor-later", &[char(']'), char('.')], Action::Shift(Shift::CursorLater), Anywhere, "cursor later"),
    bind("live", &[char('0')], Action::Shift(Shift::Live), Anywhere, "live", ""),
    bind("command", &[char(':')], Action::Command, Anywhere, "command line", "command"),
    bind("filter", &[char('/')], Action::Filter, On(FILTERED), "filter (regex; ! inverts)", "filter"),
    bind("mouse", &[char('m')], Action::Mouse, Anywhere, "mouse on, off (to select text)", ""),
    bind("freeze", &[char(' ')], Action::Freeze, Anywhere, "freeze the frame", "freeze"),
    bind("back", &[key(KeyCode::Esc)], Action::Back, Anywhere, "back", ""),
    bind("help", &[char('?')], Action::Help, Anywhere, "the keys", "help"),
    bind("quit", &[char('q')], Action::Quit, Anywhere, "quit", "quit"),
    bind("interrupt", &[ctrl('c')], Action::Interrupt, Always, "quit; twice: at once", ""),
    bind("suspend", &[ctrl('z')], Action::Suspend, Always, "to the shell; fg comes back", ""),
    bind("confirm.yes", &[char('y')], Action::Confirm, Confirm, "yes, change it", "yes"),
    bind("confirm.no", &[char('n'), key(KeyCode::Esc)], Action::Decline, Confirm, "no, leave it", "no"),
    bind("question.yes", &[char('y'), key(KeyCode::Enter)], Action::Yes, Question, "yes, quit", "yes"),
    bind("question.no", &[char('n'), key(KeyCode::Esc)], Action::No, Question, "no, stay", "no"),
    bind("question.interrupt", &[ctrl('c')], Action::Interrupt, Question, "quit at once", ""),
];
