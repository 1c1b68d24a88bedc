//! What the supervisor tells: one JSON object a line, to `voteops up` and to `events.jsonl`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::component::State;

/// Something that happened in the stack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// A component changed its state.
    Component {
        /// The component's name.
        name: String,
        /// Its new state.
        state: State,
        /// Where it listens.
        url: Option<String>,
        /// Why, where there is something to say.
        detail: Option<String>,
        /// The last lines of its log, when it died.
        #[serde(default)]
        log_tail: Vec<String>,
    },
    /// Something worth knowing, a port that was taken for instance.
    Note {
        /// The sentence.
        text: String,
    },
    /// Every component serves.
    Serving,
    /// Every component serves, and Prometheus has two scrapes of every target.
    Healthy,
    /// The stack cannot come up; it is being stopped.
    Failed {
        /// Why.
        reason: String,
    },
    /// Everything is stopped.
    Stopped,
}

impl Event {
    /// The event, now.
    #[must_use]
    pub fn now(what: What) -> Self {
        Self {
            at: Timestamp::now(),
            what,
        }
    }
}
