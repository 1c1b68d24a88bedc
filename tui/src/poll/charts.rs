//! The task that asks for what the charts of the screen show.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;
use tokio::time::sleep;
use voteops_observability::prometheus::Prometheus;

use super::{backoff, refusal};
use crate::message::{Message, Refusal};
use crate::model::charts::Charted;
use crate::model::window::Range;
use crate::wanted::Wanted;

/// Longest list of chart queries that are under way at once.
const AT_ONCE: usize = 4;

/// Asks the charts' queries: at once when they or their time change, and every refresh, or once
/// in a step when that is longer, while their window follows the clock.
pub(super) async fn charts(
    prometheus: Prometheus,
    refresh: Duration,
    messages: Sender<Message>,
    mut wanted: watch::Receiver<Wanted>,
) {
    let mut failures = 0;
    loop {
        let now = wanted.borrow_and_update().clone();
        let mut answers = stream::iter(now.charts.clone())
            .map(|expr| ask_chart(prometheus.clone(), expr, now.clone()))
            .buffer_unordered(AT_ONCE);
        let mut failed = false;
        let asked = Instant::now();
        loop {
            let (expr, answer) = tokio::select! {
                answer = answers.next() => match answer {
                    Some(answer) => answer,
                    None => break,
                },
                // Nobody waits for the rest any more.
                changed = wanted.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
            };
            failed |= answer.is_err();
            let message = Message::Charted(expr, Box::new(answer));
            if messages.send(message).await.is_err() {
                return;
            }
        }
        failures = if failed { failures + 1 } else { 0 };
        let wait = if failed {
            backoff(failures, refresh)
        } else {
            refresh.max(now.step).saturating_sub(asked.elapsed())
        };
        let idle = now.charts.is_empty() || (now.end.is_some() && !failed);
        tokio::select! {
            () = sleep(wait), if !idle => {}
            changed = wanted.changed() => if changed.is_err() { return },
        }
    }
}

/// Asks for one chart of what is wanted.
pub(crate) async fn ask_chart(
    prometheus: Prometheus,
    expr: String,
    wanted: Wanted,
) -> (String, Result<Charted, Refusal>) {
    let step_s = wanted.step.as_secs_f64();
    let end = wanted.end.unwrap_or_else(Timestamp::now);
    // Points keep their places in time, so that a chart moves by whole points.
    let to_s = (end.as_duration().as_secs_f64() / step_s).floor() * step_s;
    let from_s = to_s - wanted.span.as_secs_f64();
    let answer = prometheus
        .query_range(&expr, from_s, to_s, wanted.step)
        .await;
    let (range, first) = (range(from_s, to_s), wanted.first_series);
    let answer = answer
        .map(|answer| Charted::new(answer, range, step_s, Timestamp::now(), first))
        .map_err(|error| refusal(&error));
    (expr, answer)
}

fn range(from_s: f64, to_s: f64) -> Option<Range> {
    let at = |at_s| Timestamp::from_duration(SignedDuration::try_from_secs_f64(at_s).ok()?).ok();
    Some(Range {
        from: at(from_s)?,
        to: at(to_s)?,
    })
}
