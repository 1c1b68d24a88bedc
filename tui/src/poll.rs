//! The tasks that ask the backends, so that the loop never has to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use voteops_observability::BackendError;
use voteops_observability::alertmanager::Alertmanager;
use voteops_observability::combined::Question;
use voteops_observability::prometheus::{Prometheus, Sample, Series};
use voteops_observability::signals;
use voteops_observability::slo::{self, Slo};
use voteops_observability::snapshot::{self, Sources, alert_statuses};

use crate::message::{Answered, Facts, Message, Refusal};
use crate::model::charts::Charted;
use crate::model::window::Range;
use crate::model::{Feed, Setup};
use crate::wanted::Wanted;

/// Waits after the first, second, … failure in a row; the last one repeats. In seconds.
const BACKOFF_S: [u64; 5] = [1, 2, 4, 8, 15];

/// Longest list of chart queries that are under way at once.
const AT_ONCE: usize = 4;

/// Starts a task for each kind of question. They end when nobody listens any more, or with the
/// set.
pub(crate) fn start(
    tasks: &mut JoinSet<()>,
    sources: &Sources,
    setup: &Setup,
    refresh: Duration,
    messages: &Sender<Message>,
    wanted: &watch::Receiver<Wanted>,
) {
    let Sources {
        prometheus,
        alertmanager,
        signals,
    } = sources.clone();
    let question = Arc::new(signals::question(&signals));
    let (span, step) = (setup.history, setup.fill_step());
    tasks.spawn(fill(
        prometheus.clone(),
        Arc::clone(&question),
        span,
        step,
        messages.clone(),
    ));
    tasks.spawn(charts(
        prometheus.clone(),
        refresh,
        messages.clone(),
        wanted.clone(),
    ));
    if !setup.slos.is_empty() {
        let (slos, objectives) = (prometheus.clone(), setup.slos.clone());
        let question = Arc::new(slo::question(&objectives));
        let every = refresh.max(slo::refresh(setup.time_scale));
        tasks.spawn(poll(Feed::Slos, every, messages.clone(), move || {
            ask_slos(slos.clone(), objectives.clone(), Arc::clone(&question))
        }));
    }
    let targets = prometheus.clone();
    tasks.spawn(while_wanted(
        Feed::Targets,
        refresh,
        messages.clone(),
        wanted.clone(),
        |wanted| wanted.targets,
        move || ask_targets(targets.clone()),
    ));
    let rules = prometheus.clone();
    tasks.spawn(poll(Feed::Rules, refresh, messages.clone(), move || {
        ask_rules(rules.clone())
    }));
    tasks.spawn(poll(Feed::Signals, refresh, messages.clone(), move || {
        ask_signals(prometheus.clone(), Arc::clone(&question))
    }));
    if let Some(alertmanager) = alertmanager {
        let silences = alertmanager.clone();
        tasks.spawn(while_wanted(
            Feed::Silences,
            refresh,
            messages.clone(),
            wanted.clone(),
            |wanted| wanted.silences,
            move || ask_silences(silences.clone()),
        ));
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
    let question = Arc::new(signals::question(&signals));
    let past = read_past(
        &prometheus,
        &question,
        setup.history,
        setup.fill_step(),
        Timestamp::now(),
    );
    let slos = async {
        if setup.slos.is_empty() {
            return None;
        }
        let question = Arc::new(slo::question(&setup.slos));
        let answer = ask_slos(prometheus.clone(), setup.slos.clone(), question);
        Some(ask(Feed::Slos, limit, answer).await)
    };
    let (past, rules, values, held, slos) = tokio::join!(
        tokio::time::timeout(limit, past),
        ask(Feed::Rules, limit, ask_rules(prometheus.clone())),
        ask(
            Feed::Signals,
            limit,
            ask_signals(prometheus.clone(), Arc::clone(&question))
        ),
        held,
        slos,
    );
    let past = past.ok().and_then(Result::ok).map(Message::Filled);
    let answers = [Some(rules), Some(values), held, slos]
        .into_iter()
        .flatten();
    answers.map(Message::Answered).chain(past).collect()
}

/// Asks one question, for at most `limit`.
pub(crate) async fn ask(
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
        let wait = match &result {
            Ok(_) => {
                if failures > 0 {
                    tracing::info!(?feed, failures, "answers again");
                }
                failures = 0;
                refresh.saturating_sub(latency)
            }
            Err(error) => {
                if failures == 0 {
                    tracing::warn!(?feed, %error, "does not answer");
                }
                failures += 1;
                backoff(failures, refresh)
            }
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

/// As [`poll`], but only while the screen that is shown needs it.
async fn while_wanted<Q, A>(
    feed: Feed,
    refresh: Duration,
    messages: Sender<Message>,
    mut wanted: watch::Receiver<Wanted>,
    needs: fn(&Wanted) -> bool,
    question: Q,
) where
    Q: Fn() -> A,
    A: Future<Output = Result<Facts, BackendError>>,
{
    loop {
        if wanted.wait_for(needs).await.is_err() {
            return;
        }
        let mut unwanted = wanted.clone();
        tokio::select! {
            () = poll(feed, refresh, messages.clone(), &question) => return,
            _ = unwanted.wait_for(|wanted| !needs(wanted)) => {}
        }
    }
}

/// Asks the charts' queries: at once when they or their time change, and every refresh, or once
/// in a step when that is longer, while their window follows the clock.
async fn charts(
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
    let answer = answer
        .map(|answer| Charted::new(answer, range(from_s, to_s), step_s, Timestamp::now()))
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

async fn ask_slos(
    prometheus: Prometheus,
    slos: Vec<Slo>,
    question: Arc<Question>,
) -> Result<Facts, BackendError> {
    Ok(Facts::Slos(slo::read(&prometheus, &slos, &question).await?))
}

/// Asks for the scrape targets.
pub(crate) async fn ask_targets(prometheus: Prometheus) -> Result<Facts, BackendError> {
    Ok(Facts::Targets(prometheus.targets().await?.data))
}

/// The wait after so many failures in a row, never shorter than the refresh.
pub(crate) fn backoff(failures: usize, refresh: Duration) -> Duration {
    let step = failures.clamp(1, BACKOFF_S.len()) - 1;
    Duration::from_secs(BACKOFF_S[step]).max(refresh)
}

/// Reads what the signals were before the start, as soon as that can be asked.
async fn fill(
    prometheus: Prometheus,
    question: Arc<Question>,
    span: Duration,
    step: Duration,
    messages: Sender<Message>,
) {
    let until = Timestamp::now();
    let mut failures = 0;
    loop {
        match read_past(&prometheus, &question, span, step, until).await {
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

/// One range query for all signals.
async fn read_past(
    prometheus: &Prometheus,
    question: &Question,
    span: Duration,
    step: Duration,
    until: Timestamp,
) -> Result<Vec<Vec<Sample>>, BackendError> {
    let until_s = until.as_duration().as_secs_f64();
    let from_s = until_s - span.as_secs_f64();
    let ask = async |expr: String| prometheus.query_range(&expr, from_s, until_s, step).await;
    let combined = question.ask(ask).await?;
    let samples = |series: Option<Series>| series.map(|series| series.samples).unwrap_or_default();
    Ok(combined.series.into_iter().map(samples).collect())
}

async fn ask_signals(
    prometheus: Prometheus,
    question: Arc<Question>,
) -> Result<Facts, BackendError> {
    let (values, warnings) = snapshot::read_signals(&prometheus, &question).await?;
    Ok(Facts::Signals(values, warnings))
}

async fn ask_rules(prometheus: Prometheus) -> Result<Facts, BackendError> {
    let groups = prometheus.rules().await?.data;
    let thresholds = signals::thresholds(groups.iter().flat_map(|group| &group.rules));
    Ok(Facts::Rules(alert_statuses(&groups), thresholds))
}

async fn ask_silences(alertmanager: Alertmanager) -> Result<Facts, BackendError> {
    Ok(Facts::Silences(alertmanager.silences().await?))
}

async fn ask_held(alertmanager: Alertmanager) -> Result<Facts, BackendError> {
    Ok(Facts::Held(alertmanager.alerts().await?))
}

/// A failure in the words of the console.
pub(crate) fn refusal(error: &BackendError) -> Refusal {
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
