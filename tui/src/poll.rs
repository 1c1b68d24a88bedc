//! The tasks that ask the backends, so that the loop never has to.

use std::time::{Duration, Instant};

use futures::future::try_join_all;
use jiff::Timestamp;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;
use tokio::time::sleep;
use voteops_observability::BackendError;
use voteops_observability::alertmanager::Alertmanager;
use voteops_observability::prometheus::{Prometheus, Sample};
use voteops_observability::signals::{self, Signal};
use voteops_observability::snapshot::{self, Sources, alert_statuses};

use crate::message::{Answered, Facts, Message, Refusal};
use crate::model::{Feed, Setup};

/// Waits after the first, second, … failure in a row; the last one repeats. In seconds.
const BACKOFF_S: [u64; 5] = [1, 2, 4, 8, 15];

/// Starts a task for each kind of question. They end when nobody listens any more, or with the
/// set.
pub(crate) fn start(
    tasks: &mut JoinSet<()>,
    sources: &Sources,
    setup: &Setup,
    refresh: Duration,
    messages: &Sender<Message>,
) {
    let Sources {
        prometheus,
        alertmanager,
        signals,
    } = sources.clone();
    let (span, step) = (setup.history, setup.fill_step());
    tasks.spawn(fill(
        prometheus.clone(),
        signals.clone(),
        span,
        step,
        messages.clone(),
    ));
    let rules = prometheus.clone();
    tasks.spawn(poll(Feed::Rules, refresh, messages.clone(), move || {
        ask_rules(rules.clone())
    }));
    tasks.spawn(poll(Feed::Signals, refresh, messages.clone(), move || {
        ask_signals(prometheus.clone(), signals.clone())
    }));
    if let Some(alertmanager) = alertmanager {
        tasks.spawn(poll(Feed::Held, refresh, messages.clone(), move || {
            ask_held(alertmanager.clone())
        }));
    }
}

/// Asks every kind of question once, for at most `limit`.
pub(crate) async fn ask_once(sources: &Sources, setup: &Setup, limit: Duration) -> Vec<Message> {
    let Sources {
        prometheus,
        alertmanager,
        signals,
    } = sources.clone();
    let held = async {
        match alertmanager {
            Some(alertmanager) => Some(ask(Feed::Held, limit, ask_held(alertmanager)).await),
            None => None,
        }
    };
    let past = read_past(
        &prometheus,
        &signals,
        setup.history,
        setup.fill_step(),
        Timestamp::now(),
    );
    let (past, rules, values, held) = tokio::join!(
        tokio::time::timeout(limit, past),
        ask(Feed::Rules, limit, ask_rules(prometheus.clone())),
        ask(
            Feed::Signals,
            limit,
            ask_signals(prometheus.clone(), signals.clone())
        ),
        held,
    );
    let past = past.ok().and_then(Result::ok).map(Message::Filled);
    let answers = [Some(rules), Some(values), held].into_iter().flatten();
    answers.map(Message::Answered).chain(past).collect()
}

async fn ask(
    feed: Feed,
    limit: Duration,
    question: impl Future<Output = Result<Facts, BackendError>>,
) -> Answered {
    let asked = Instant::now();
    let result = match tokio::time::timeout(limit, question).await {
        Ok(answer) => answer.map_err(|error| refusal(&error)),
        Err(_) => Err(Refusal {
            short: "timeout".into(),
            full: format!("no answer within {} s", limit.as_secs()),
        }),
    };
    Answered {
        feed,
        at: Timestamp::now(),
        latency: asked.elapsed(),
        next_try: None,
        result,
    }
}

/// Asks the same question again and again: every `refresh` while it is answered, with growing
/// waits while it is not.
async fn poll<Q, A>(feed: Feed, refresh: Duration, messages: Sender<Message>, question: Q)
where
    Q: Fn() -> A,
    A: Future<Output = Result<Facts, BackendError>>,
{
    let mut failures = 0;
    loop {
        let asked = Instant::now();
        let result = question().await;
        let latency = asked.elapsed();
        let wait = if result.is_ok() {
            failures = 0;
            refresh.saturating_sub(latency)
        } else {
            failures += 1;
            backoff(failures, refresh)
        };
        let at = Timestamp::now();
        let answered = Answered {
            feed,
            at,
            latency,
            next_try: at.checked_add(wait).ok(),
            result: result.map_err(|error| refusal(&error)),
        };
        if messages.send(Message::Answered(answered)).await.is_err() {
            return;
        }
        sleep(wait).await;
    }
}

/// The wait after so many failures in a row, never shorter than the refresh.
fn backoff(failures: usize, refresh: Duration) -> Duration {
    let step = failures.clamp(1, BACKOFF_S.len()) - 1;
    Duration::from_secs(BACKOFF_S[step]).max(refresh)
}

/// Reads what the signals were before the start, as soon as that can be asked.
async fn fill(
    prometheus: Prometheus,
    signals: Vec<Signal>,
    span: Duration,
    step: Duration,
    messages: Sender<Message>,
) {
    let until = Timestamp::now();
    let mut failures = 0;
    loop {
        match read_past(&prometheus, &signals, span, step, until).await {
            Ok(past) => {
                // Nobody listens when the console is leaving.
                let _ = messages.send(Message::Filled(past)).await;
                return;
            }
            // A refused expression would be refused again; the signals' own task tells of it.
            Err(BackendError::Refused { .. }) => return,
            Err(_) => {
                failures += 1;
                sleep(backoff(failures, Duration::ZERO)).await;
            }
        }
    }
}

/// One range query for each signal.
async fn read_past(
    prometheus: &Prometheus,
    signals: &[Signal],
    span: Duration,
    step: Duration,
    until: Timestamp,
) -> Result<Vec<Vec<Sample>>, BackendError> {
    let until_s = until.as_duration().as_secs_f64();
    let queries = signals.iter().map(|signal| async move {
        let answer = prometheus
            .query_range(&signal.expr, until_s - span.as_secs_f64(), until_s, step)
            .await?;
        let first = answer.data.into_iter().next();
        Ok(first.map(|series| series.samples).unwrap_or_default())
    });
    try_join_all(queries).await
}

async fn ask_signals(prometheus: Prometheus, signals: Vec<Signal>) -> Result<Facts, BackendError> {
    let (values, warnings) = snapshot::read_signals(&prometheus, &signals).await?;
    Ok(Facts::Signals(values, warnings))
}

async fn ask_rules(prometheus: Prometheus) -> Result<Facts, BackendError> {
    let groups = prometheus.rules().await?.data;
    let thresholds = signals::thresholds(groups.iter().flat_map(|group| &group.rules));
    Ok(Facts::Rules(alert_statuses(&groups), thresholds))
}

async fn ask_held(alertmanager: Alertmanager) -> Result<Facts, BackendError> {
    Ok(Facts::Held(alertmanager.alerts().await?))
}

fn refusal(error: &BackendError) -> Refusal {
    Refusal {
        short: error.short(),
        full: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_fifteen_seconds_and_never_undercut_the_refresh() {
        let wait = |failures, refresh| backoff(failures, Duration::from_secs(refresh)).as_secs();
        let waits: Vec<_> = (1..8).map(|failures| wait(failures, 1)).collect();
        assert_eq!(waits, [1, 2, 4, 8, 15, 15, 15]);
        assert_eq!(wait(1, 5), 5);
    }
}
