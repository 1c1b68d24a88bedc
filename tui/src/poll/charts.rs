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
use crate::model::charts::{self, Charted};
use crate::model::window::Range;
use crate::wanted::Wanted;

/// Longest list of chart queries that are under way at once.
const AT_ONCE: usize = 4;

/// Asks the charts' queries: at once when they or their time change, and every refresh, or as soon
/// as there is another point when that takes longer, while their window follows the clock.
pub(super) async fn charts(
    prometheus: Prometheus,
    refresh: Duration,
    messages: Sender<Message>,
    mut wanted: watch::Receiver<Wanted>,
) {
    let mut failures = 0;
    loop {
        let now = wanted.borrow_and_update().clone();
        let (asked, began) = (Timestamp::now(), Instant::now());
        let failed = match ask_all(&prometheus, &now, &messages, &mut wanted).await {
            Round::Answered { failed } => failed,
            Round::Overtaken => continue,
            Round::Ended => return,
        };
        failures = if failed { failures + 1 } else { 0 };
        let wait = if failed {
            backoff(failures, refresh)
        } else {
            let every = refresh.max(until_next(asked, now.step));
            every.saturating_sub(began.elapsed())
        };
        let idle = now.charts.is_empty() || (now.end.is_some() && !failed);
        tokio::select! {
            () = sleep(wait), if !idle => {}
            changed = wanted.changed() => if changed.is_err() { return },
        }
    }
}

/// The time from an instant to the next point.
fn until_next(at: Timestamp, step: Duration) -> Duration {
    let step_ms = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
    let since_ms = at.as_millisecond().checked_rem_euclid(step_ms);
    let since_ms = since_ms.and_then(|ms| u64::try_from(ms).ok());
    step.saturating_sub(Duration::from_millis(since_ms.unwrap_or_default()))
}

/// How the asking of all charts went.
enum Round {
    /// Every one was answered, or refused.
    Answered { failed: bool },
    /// Others are wanted now: nobody waits for the rest any more.
    Overtaken,
    /// The console does not listen any more.
    Ended,
}

/// Asks for all charts of what is wanted, unless that changes meanwhile.
async fn ask_all(
    prometheus: &Prometheus,
    now: &Wanted,
    messages: &Sender<Message>,
    wanted: &mut watch::Receiver<Wanted>,
) -> Round {
    let mut answers = stream::iter(now.charts.clone())
        .map(|expr| ask_chart(prometheus.clone(), expr, now.clone()))
        .buffer_unordered(AT_ONCE);
    let mut failed = false;
    loop {
        let (expr, answer) = tokio::select! {
            answer = answers.next() => match answer {
                Some(answer) => answer,
                None => return Round::Answered { failed },
            },
            changed = wanted.changed() => match changed {
                Ok(()) => return Round::Overtaken,
                Err(_) => return Round::Ended,
            },
        };
        failed |= answer.is_err();
        let message = Message::Charted(expr, Box::new(answer));
        if messages.send(message).await.is_err() {
            return Round::Ended;
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
    let asked = charts::asked(&expr, wanted.step, wanted.looks_back);
    let answer = prometheus
        .query_range(&asked, from_s, to_s, wanted.step)
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

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::sync::mpsc;
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::model::charts::ALERTS_QUERY;

    const SPAN: Duration = Duration::from_mins(10);
    const LOOKING_BACK: &str = "max by (alertname, alertstate) (last_over_time(\
        ALERTS{severity!=\"none\"}[360000ms]) or ALERTS{severity!=\"none\"})";

    fn pinned(end_s: i64) -> Wanted {
        Wanted {
            charts: vec!["up".into()],
            span: SPAN,
            end: Some(Timestamp::from_second(end_s).unwrap()),
            step: Duration::from_secs(5),
            ..Wanted::default()
        }
    }

    async fn slow() -> MockServer {
        let server = MockServer::builder().start().await;
        let none = json!({"status": "success", "data": {"resultType": "matrix", "result": []}});
        let answer = ResponseTemplate::new(200).set_body_json(none);
        Mock::given(path("/api/v1/query_range"))
            .respond_with(answer.set_delay(Duration::from_millis(300)))
            .mount(&server)
            .await;
        server
    }

    #[tokio::test]
    async fn over_long_steps_the_alerts_are_looked_back_for() {
        let server = slow().await;
        let prometheus = Prometheus::new(&server.uri().parse().unwrap()).unwrap();
        for (looks_back, is_sent) in [(false, ALERTS_QUERY), (true, LOOKING_BACK)] {
            let wanted = Wanted {
                looks_back,
                step: Duration::from_mins(6),
                ..pinned(1_790_000_000)
            };
            let (expr, answer) = ask_chart(prometheus.clone(), ALERTS_QUERY.into(), wanted).await;
            assert!(answer.is_ok() && expr == ALERTS_QUERY, "{answer:?}");
            let sent = server.received_requests().await.unwrap().pop().unwrap();
            let mut sent = url::form_urlencoded::parse(&sent.body);
            let (_, sent) = sent.find(|(key, _)| key == "query").unwrap();
            assert_eq!(sent, is_sent);
        }
    }

    #[test]
    fn the_next_point_is_asked_for_when_it_is_due() {
        let until = |at_ms: i64, step_s: u64| {
            let at = Timestamp::from_millisecond(at_ms).unwrap();
            until_next(at, Duration::from_secs(step_s)).as_secs_f64()
        };
        assert!((until(359_000, 360) - 1.0).abs() < 1e-6);
        assert!((until(360_000, 360) - 360.0).abs() < 1e-6);
        assert!((until(7_500, 5) - 2.5).abs() < 1e-6);
        assert!(until(7_500, 0).abs() < 1e-6);
    }

    #[tokio::test]
    async fn a_pan_while_a_query_is_under_way_is_asked_too() {
        let server = slow().await;
        let prometheus = Prometheus::new(&server.uri().parse().unwrap()).unwrap();
        let (sender, mut messages) = mpsc::channel(64);
        let (wants, wanted) = watch::channel(pinned(1_790_000_000));
        tokio::spawn(charts(prometheus, Duration::from_secs(1), sender, wanted));
        tokio::time::sleep(Duration::from_millis(100)).await;
        wants.send_replace(pinned(1_789_999_850));
        let answer = tokio::time::timeout(Duration::from_secs(10), messages.recv()).await;
        let Ok(Some(Message::Charted(_, answer))) = answer else {
            panic!("{answer:?}");
        };
        let to = answer.unwrap().range.unwrap().to;
        assert_eq!(to.as_second(), 1_789_999_850);
    }
}
