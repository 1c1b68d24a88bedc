//! The keys that work everywhere, as users of k9s and vim expect them.

use crossterm::event::KeyCode;

use super::Place::{Anywhere, On, Question};
use super::{Action, Binding, Travel, bind, char, ctrl, key};
use crate::model::Screen;
use crate::model::window::Shift;

/// Every screen: the help travels too.
const LISTS: &[Screen] = &[
    Screen::Overview,
    Screen::VoteApp,
    Screen::Redis,
    Screen::Worker,
    Screen::Alerts,
    Screen::Logs,
    Screen::Chaos,
    Screen::Targets,
    Screen::Explore,
];

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
    bind(&[char('1')], Action::Show(Screen::Overview), Anywhere, "overview", "overview"),
    bind(&[char('2')], Action::Show(Screen::VoteApp), Anywhere, "vote app", "app"),
    bind(&[char('3')], Action::Show(Screen::Redis), Anywhere, "redis", "redis"),
    bind(&[char('4')], Action::Show(Screen::Worker), Anywhere, "worker", "worker"),
    bind(&[char('5')], Action::Show(Screen::Alerts), Anywhere, "alerts", "alerts"),
    bind(&[char('6')], Action::Show(Screen::Logs), Anywhere, "logs", "logs"),
    bind(&[char('7')], Action::Show(Screen::Chaos), Anywhere, "chaos", "chaos"),
    bind(&[char('8')], Action::Show(Screen::Targets), Anywhere, "targets and backends", "targets"),
    bind(&[char('9')], Action::Show(Screen::Explore), Anywhere, "any query, as a chart", ""),
    bind(&[key(KeyCode::Tab)], Action::Next, Anywhere, "next, previous view", ""),
    bind(&[key(KeyCode::BackTab)], Action::Previous, Anywhere, "", ""),
];

/// What works on every screen.
#[rustfmt::skip]
pub(crate) const KEYS: &[Binding] = &[
    bind(&[char('j'), key(KeyCode::Down)], Action::Travel(Travel::Down), On(LISTS), "down, up", ""),
    bind(&[char('k'), key(KeyCode::Up)], Action::Travel(Travel::Up), On(LISTS), "", ""),
    bind(&[key(KeyCode::PageDown), ctrl('f')], Action::Travel(Travel::PageDown), On(LISTS), "page down, page up", ""),
    bind(&[key(KeyCode::PageUp), ctrl('b')], Action::Travel(Travel::PageUp), On(LISTS), "", ""),
    bind(&[char('g'), key(KeyCode::Home)], Action::Travel(Travel::First), On(LISTS), "top, bottom", ""),
    bind(&[char('G'), key(KeyCode::End)], Action::Travel(Travel::Last), On(LISTS), "", ""),
    bind(&[char('+'), char('=')], Action::Shift(Shift::ZoomIn), Anywhere, "less, more time", ""),
    bind(&[char('-')], Action::Shift(Shift::ZoomOut), Anywhere, "", ""),
    bind(&[char('h')], Action::Shift(Shift::Earlier), Anywhere, "earlier, later", ""),
    bind(&[char('l')], Action::Shift(Shift::Later), Anywhere, "", ""),
    bind(&[char('['), char(',')], Action::Shift(Shift::CursorEarlier), Anywhere, "cursor earlier, later", ""),
    bind(&[char(']'), char('.')], Action::Shift(Shift::CursorLater), Anywhere, "", ""),
    bind(&[char('0')], Action::Shift(Shift::Live), Anywhere, "live", ""),
    bind(&[char(':')], Action::Command, Anywhere, "command line", "command"),
    bind(&[char('/')], Action::Filter, On(FILTERED), "filter (regex; ! inverts)", "filter"),
    bind(&[char('m')], Action::Mouse, Anywhere, "mouse on, off (to select text)", ""),
    bind(&[char(' ')], Action::Freeze, Anywhere, "freeze the frame", "freeze"),
    bind(&[key(KeyCode::Esc)], Action::Back, Anywhere, "back", ""),
    bind(&[char('?')], Action::Help, Anywhere, "this help", "help"),
    bind(&[char('q')], Action::Quit, Anywhere, "quit", "quit"),
    bind(&[ctrl('c')], Action::Interrupt, Anywhere, "quit; twice: at once", ""),
    bind(&[ctrl('z')], Action::Suspend, Anywhere, "to the shell; fg comes back", ""),
    bind(&[char('y'), key(KeyCode::Enter)], Action::Yes, Question, "yes, quit", "yes"),
    bind(&[char('n'), key(KeyCode::Esc)], Action::No, Question, "no, stay", "no"),
    bind(&[ctrl('c')], Action::Interrupt, Question, "quit at once", ""),
];
