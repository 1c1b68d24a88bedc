//! Keys: how they are written (`key.rs`), what can be done by them (`binding.rs`), which ones the
//! user chose (`chosen.rs`), and the key map that comes of it (`map.rs`).

mod binding;
mod chosen;
mod global;
mod key;
mod map;

use crate::model::Screen;
use crate::model::window::Shift;
use crate::screens::{alerts, chaos, component, logs};

pub(crate) use binding::{Binding, Place, Spot, also, bind};
pub use chosen::{BoundKeys, Keys};
pub(crate) use key::{Key, char, ctrl, key};
pub(crate) use map::{Bound, KeyMap};

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Leave, asking first where that is set.
    Quit,
    /// Leave, at once when asked already.
    Interrupt,
    /// Give the terminal back until the process is continued.
    Suspend,
    /// Show or hide the help.
    Help,
    /// Hold the frame still, or go on.
    Freeze,
    /// Go to a screen.
    Show(Screen),
    /// Go to the next screen.
    Next,
    /// Go to the screen before.
    Previous,
    /// Close what is open.
    Back,
    /// Move in the list or text of the screen.
    Travel(Travel),
    /// Open what is selected.
    Open,
    /// Move or stretch the time that charts and logs show.
    Shift(Shift),
    /// Open the command line.
    Command,
    /// Open the filter.
    Filter,
    /// Let the terminal or the console have the mouse.
    Mouse,
    /// Yes, leave.
    Yes,
    /// No, stay.
    No,
    /// Yes, change it.
    Confirm,
    /// No, leave it as it is.
    Decline,
    /// Something of the component screens.
    Component(component::Action),
    /// Something of the alerts screen.
    Alerts(alerts::Action),
    /// Something of the logs screen.
    Logs(logs::Action),
    /// Something of the chaos screen.
    Chaos(chaos::Action),
}

impl Action {
    /// Whether it does something to what the screen shows.
    pub(crate) fn is_of_screen(self) -> bool {
        matches!(
            self,
            Self::Open
                | Self::Shift(_)
                | Self::Component(_)
                | Self::Alerts(_)
                | Self::Logs(_)
                | Self::Chaos(_)
        )
    }
}

/// A step in a list or a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Travel {
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// One page up.
    PageUp,
    /// One page down.
    PageDown,
    /// To the first row.
    First,
    /// To the last row.
    Last,
}

impl Travel {
    /// Where the step leads from row `at` in pages of `page` rows, `last` being the last row.
    pub(crate) fn from(self, at: usize, page: usize, last: usize) -> usize {
        let page = page.max(1);
        let to = match self {
            Self::Up => at.saturating_sub(1),
            Self::Down => at + 1,
            Self::PageUp => at.saturating_sub(page),
            Self::PageDown => at + page,
            Self::First => 0,
            Self::Last => last,
        };
        to.min(last)
    }
}

#[cfg(test)]
mod tests;
