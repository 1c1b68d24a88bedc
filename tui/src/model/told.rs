//! What the model says of itself: why nothing may be changed, and what is asked before leaving.

use std::borrow::Cow;

use crate::lang::tr;
use crate::model::{Model, Setup};
use crate::settings::Outcome;

impl Setup {
    /// Why nothing may be changed from here, if so.
    pub(crate) fn unchangeable(&self) -> Option<String> {
        let why = if self.recorded {
            tr!("a recording cannot be changed")
        } else if self.read_only {
            tr!(
                "%{title} is read-only: read_only in the configuration",
                title = self.title
            )
        } else {
            return None;
        };
        Some(why.into())
    }
}

impl Model {
    /// What is asked before leaving in a way, when something has to be.
    pub(crate) fn leave_question(&self, outcome: &Outcome) -> Option<String> {
        let running = match self.running {
            0 => None,
            1 => Some(tr!(
                "The experiment that was begun here is ended and undone."
            )),
            count => Some(tr!(
                "%{count} experiments that were begun here are ended and undone.",
                count = count
            )),
        };
        let prompt = self.setup.quit_prompt.as_ref().map(|prompt| tr!(prompt));
        match (prompt, running) {
            (Some(prompt), Some(running)) => Some(format!("{running} {prompt}")),
            (None, Some(running)) => {
                let leave = match outcome {
                    Outcome::Context { name, .. } => tr!("Go to %{name}?", name = name),
                    Outcome::Quit | Outcome::Signal(_) => tr!("Quit?"),
                };
                Some(format!("{running} {leave}"))
            }
            (prompt, None) => prompt.map(Cow::into_owned),
        }
    }
}
