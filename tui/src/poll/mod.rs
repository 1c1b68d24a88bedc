//! The tasks that ask the backends, so that the loop never has to.

mod charts;
mod logs;
mod questions;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::OptionFuture;
use jiff::Timestamp;
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use voteops_observability::BackendError;
use voteops_observability::combined::Question;
use voteops_observability::logs::{LogSource, Loki};
use voteops_observability::prometheus::Prometheus;
use voteops_observability::signals;
use voteops_observability::slo;
use voteops_observability::snapshot::Sources;

use crate::message::{Answered, Facts, Message, Refusal};
use crate::model::{Feed, Setup};
use crate::wanted::Wanted;
use questions::{
    ask_grafana_rules, ask_held, ask_loki, ask_rules, ask_signals, ask_silences, ask_slos,
    read_past,
};

pub(crate) use charts::ask_chart;
pub(crate) use questions::ask_targets;

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
    wanted: &watch::Receiver<Wanted>,
) {
    let Sources {
        prometheus,
        alertmanager,
        grafana,
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
    tasks.spawn(charts::charts(
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
    if let Some(grafana) = grafana {
        let feed = Feed::GrafanaRules;
        tasks.spawn(poll(feed, refresh, messages.clone(), move || {
            ask_grafana_rules(grafana.clone())
        }));
    }
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

/// Starts the tasks that ask for log lines, and whether there is who can be asked.
pub(crate) fn start_logs(
    tasks: &mut JoinSet<()>,
    source: LogSource,
    refresh: Duration,
    messages: &Sender<Message>,
    wanted: &watch::Receiver<Wanted>,
) {
    if let LogSource::Loki(loki) = &source {
        let (loki, every) = (loki.clone(), refresh.max(Feed::RARE));
        tasks.spawn(poll(Feed::Logs, every, messages.clone(), move || {
            ask_loki(loki.clone())
        }));
    }
    tasks.spawn(logs::follow(
        source,
        refresh,
        messages.clone(),
        wanted.clone(),
    ));
}

/// Asks whether log lines can be asked for, once, for at most `limit`.
pub(crate) async fn ask_loki_once(loki: Loki, limit: Duration) -> Message {
    Message::Answered(ask(Feed::Logs, limit, ask_loki(loki)).await)
}

/// Asks every kind of question once, for at most `limit`.
pub(crate) async fn ask_once(sources: &Sources, setup: &Setup, limit: Duration) -> Vec<Message> {
    let Sources {
        prometheus,
        alertmanager,
        grafana,
        signals,
    } = sources.clone();
    let held = alertmanager.map(|server| ask(Feed::Held, limit, ask_held(server)));
    let managed = grafana.map(|server| ask(Feed::GrafanaRules, limit, ask_grafana_rules(server)));
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
    let (past, rules, values, held, managed, slos) = tokio::join!(
        tokio::time::timeout(limit, past),
        ask(Feed::Rules, limit, ask_rules(prometheus.clone())),
        ask(
            Feed::Signals,
            limit,
            ask_signals(prometheus.clone(), Arc::clone(&question))
        ),
        OptionFuture::from(held),
        OptionFuture::from(managed),
        slos,
    );
    let past = past.ok().and_then(Result::ok).map(Message::Filled);
    let answers = [Some(rules), Some(values), held, managed, slos]
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
