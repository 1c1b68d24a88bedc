//! Logs refusals by the id of their request, which a voter reads as the reference on the page.

use std::time::Duration;

use axum::response::Response;
use voteops_service::logs::Throttle;
use voteops_service::request_id;

use crate::App;
use crate::reply::{Format, Refusal, Wanted};

/// How many refusals are logged in a second, of each kind.
const PER_SECOND: u32 = 20;

/// What keeps refusals from filling the logs.
pub(crate) struct Refusals {
    /// The server's own.
    failures: Throttle,
    /// What clients did wrong. They are to hold back none of the server's.
    mistakes: Throttle,
}

impl Default for Refusals {
    fn default() -> Self {
        let throttle = || Throttle::burst(PER_SECOND, Duration::from_secs(1));
        Self {
            failures: throttle(),
            mistakes: throttle(),
        }
    }
}

impl App {
    /// Answers with a refusal, of which there is a line when the server failed or a person reads the answer.
    pub(crate) fn refuse(&self, refusal: &Refusal, wanted: Wanted) -> Response {
        let status = refusal.reason.status();
        let throttle = if status.is_server_error() {
            Some(&self.refusals.failures)
        } else {
            let is_page = wanted.format == Format::Html;
            is_page.then_some(&self.refusals.mistakes)
        };
        if let Some(held_back) = throttle.and_then(Throttle::pass) {
            tracing::info!(
                request_id = request_id::current(),
                reason = refusal.reason.slug(),
                status = status.as_u16(),
                held_back,
                "refused"
            );
        }
        refusal.answer(wanted)
    }
}
