//! Stop conditions: expressions that end an experiment as soon as one of them holds.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use voteops_observability::BackendError;
use voteops_observability::prometheus::{Prometheus, Series};
use voteops_observability::promql;

/// A condition that cannot be checked so many times in a row is taken for one that holds: nobody
/// knows.
const BLIND: u32 = 3;
/// Between two checks when the server has no rules to tell how often it evaluates, and the least and
/// most otherwise.
const USUAL: Duration = Duration::from_secs(1);
const LEAST: Duration = Duration::from_millis(200);
const MOST: Duration = Duration::from_secs(15);

/// Why an experiment cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum AbortError {
    /// It would end at once.
    #[error("the stop condition holds already ({0}), so nothing was injected")]
    HoldsAlready(String),
    /// The expression is refused, or the server cannot be asked.
    #[error("the stop condition {expr} cannot be checked: {source}")]
    Unchecked {
        /// The expression.
        expr: String,
        /// What the server said.
        source: BackendError,
    },
}

/// The stop conditions of an experiment.
#[derive(Debug, Clone)]
pub struct Conditions(Vec<Condition>);

#[derive(Debug, Clone)]
struct Condition {
    /// Evaluates it.
    prometheus: Prometheus,
    expr: String,
}

/// Conditions that are being checked, until this is dropped.
#[derive(Debug)]
pub struct Watched {
    tripped: watch::Receiver<Option<String>>,
    _stop: DropGuard,
}

impl Conditions {
    /// Conditions in PromQL, as alert rules have them: a comparison holds when its result has an
    /// element; anything else when it has one that is not zero.
    #[must_use]
    pub fn new(prometheus: &Prometheus, exprs: Vec<String>) -> Self {
        let conditions = exprs.into_iter().map(|expr| Condition {
            prometheus: prometheus.clone(),
            expr,
        });
        Self(conditions.collect())
    }

    /// These and others, perhaps of another server.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Checks that all can be evaluated and none holds, and checks them from then on at every
    /// evaluation of the server's rules. `None` when there are no conditions.
    ///
    /// # Errors
    /// [`AbortError`].
    pub async fn watch(self) -> Result<Option<Watched>, AbortError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        for condition in &self.0 {
            let found = condition.check().await;
            let found = found.map_err(|source| AbortError::Unchecked {
                expr: condition.expr.clone(),
                source,
            })?;
            if let Some(told) = found {
                return Err(AbortError::HoldsAlready(told));
            }
        }
        let every = self.evaluation().await;
        let stop = CancellationToken::new();
        let (sender, tripped) = watch::channel(None);
        let over = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = over.cancelled() => {}
                reason = self.trip(every) => {
                    sender.send_replace(Some(reason));
                    // The reason stays to be read.
                    over.cancelled().await;
                }
            }
        });
        Ok(Some(Watched {
            tripped,
            _stop: stop.drop_guard(),
        }))
    }

    /// Waits until a condition holds, and says which.
    async fn trip(&self, every: Duration) -> String {
        let mut blind = 0;
        loop {
            tokio::time::sleep(every).await;
            let mut failed = None;
            for condition in &self.0 {
                match condition.check().await {
                    Ok(Some(told)) => return format!("the stop condition holds: {told}"),
                    Ok(None) => {}
                    Err(error) => failed = Some((&condition.expr, error)),
                }
            }
            match failed {
                None => blind = 0,
                Some((expr, error)) => {
                    blind += 1;
                    if blind >= BLIND {
                        return format!("the stop condition {expr} cannot be checked: {error}");
                    }
                }
            }
        }
    }

    /// How often the servers evaluate the rules that they evaluate most often.
    async fn evaluation(&self) -> Duration {
        let mut shortest = None;
        for condition in &self.0 {
            let of_its_server = condition.evaluation().await;
            shortest = of_its_server.into_iter().chain(shortest).min();
        }
        shortest.unwrap_or(USUAL).clamp(LEAST, MOST)
    }
}

impl Condition {
    /// What holds, if the condition does.
    async fn check(&self) -> Result<Option<String>, BackendError> {
        let expr = &self.expr;
        let answer = self.prometheus.query(expr, None).await?;
        let zero_holds = promql::is_filter(expr);
        Ok(holding(&answer.data, zero_holds).map(|value| format!("{expr} is {value}")))
    }

    /// How often its server evaluates the rules that it evaluates most often, if it has any.
    async fn evaluation(&self) -> Option<Duration> {
        let groups = self.prometheus.rules().await.map(|answer| answer.data);
        let intervals = groups.unwrap_or_default().into_iter();
        let shortest_s = intervals
            .map(|group| group.interval_s)
            .filter(|interval_s| *interval_s > 0.0)
            .min_by(f64::total_cmp);
        Duration::try_from_secs_f64(shortest_s?).ok()
    }
}

/// The first value that tells that the condition holds. A filter, `redis_up == 0` for instance, keeps
/// the value of what passes it, zero too; what is no filter holds when it is not zero. NaN is
/// none: nothing is known to hold.
fn holding(series: &[Series], zero_holds: bool) -> Option<f64> {
    let newest = series.iter().filter_map(|series| series.samples.last());
    let mut values = newest.map(|sample| sample.value);
    values.find(|value| !value.is_nan() && (zero_holds || *value != 0.0))
}

impl Watched {
    /// Which condition has come to hold, if one has.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.tripped.borrow().clone()
    }

    /// Waits until a condition holds, and says which; for ever when none does.
    pub async fn tripped(&self) -> String {
        let mut receiver = self.tripped.clone();
        let reason = receiver.wait_for(Option::is_some).await;
        match reason.ok().and_then(|reason| reason.clone()) {
            Some(reason) => reason,
            None => std::future::pending().await,
        }
    }
}

/// [`Watched::tripped`] of conditions that there may not be.
pub async fn tripped(watched: Option<&Watched>) -> String {
    match watched {
        Some(watched) => watched.tripped().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use axum::Router;
    use axum::routing::{get, post};
    use serde_json::json;

    use super::*;

    /// A server whose every expression is zero until it was asked `after` times, and then is
    /// `then`, or refused when that is not a number.
    async fn server(after: u32, then: &'static str) -> Prometheus {
        let asked = Arc::new(AtomicU32::new(0));
        let query = move || {
            let asked = Arc::clone(&asked);
            async move {
                let over = asked.fetch_add(1, Ordering::SeqCst) >= after;
                let value = if over { then } else { "0" };
                if value == "away" {
                    return axum::Json(
                        json!({"status": "error", "errorType": "x", "error": "away"}),
                    );
                }
                let result = json!([{"metric": {}, "value": [1.0, value]}]);
                axum::Json(json!({"status": "success",
                    "data": {"resultType": "vector", "result": result}}))
            }
        };
        let rules = json!({"status": "success", "data": {"groups": [
            {"name": "a", "interval": 0.2, "rules": []}, {"name": "b", "interval": 15, "rules": []}
        ]}});
        let app = Router::new()
            .route("/api/v1/query", post(query))
            .route("/api/v1/rules", get(move || async { axum::Json(rules) }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Prometheus::new(&url.parse().unwrap()).unwrap()
    }

    fn conditions(prometheus: &Prometheus) -> Conditions {
        Conditions::new(prometheus, vec!["sum(errors)".into()])
    }

    #[tokio::test]
    async fn a_condition_that_comes_to_hold_is_told_and_goes_on_being_told() {
        let conditions = conditions(&server(3, "7").await);
        assert_eq!(conditions.evaluation().await, LEAST);
        let watched = conditions.watch().await.unwrap().unwrap();
        for _ in 0..2 {
            let told = watched.tripped().await;
            assert_eq!(told, "the stop condition holds: sum(errors) is 7");
        }
    }

    #[tokio::test]
    async fn one_that_cannot_be_checked_any_more_ends_the_experiment_too() {
        let watched = conditions(&server(2, "away").await).watch().await;
        let told = watched.unwrap().unwrap().tripped().await;
        assert!(
            told.contains("sum(errors) cannot be checked") && told.contains("away"),
            "{told}"
        );
    }

    #[tokio::test]
    async fn conditions_of_two_servers_are_each_asked_of_its_own() {
        let (well, ill) = (server(0, "0").await, server(3, "7").await);
        for both in [
            conditions(&well).and(conditions(&ill)),
            conditions(&ill).and(conditions(&well)),
        ] {
            let told = match both.watch().await {
                Ok(watched) => watched.unwrap().tripped().await,
                // By the second time it holds from the beginning.
                Err(error) => error.to_string(),
            };
            assert!(told.contains("sum(errors) is 7"), "{told}");
        }
    }

    #[tokio::test]
    async fn a_filter_that_lets_a_zero_pass_holds() {
        let prometheus = server(0, "0").await;
        let conditions = Conditions::new(&prometheus, vec!["redis_up == 0".into()]);
        let error = conditions.watch().await.unwrap_err();
        assert!(
            error.to_string().contains("(redis_up == 0 is 0)"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn what_holds_already_or_cannot_be_asked_begins_nothing() {
        let error = conditions(&server(0, "1").await).watch().await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains("holds already (sum(errors) is 1)"),
            "{error}"
        );
        let error = conditions(&server(0, "away").await)
            .watch()
            .await
            .unwrap_err();
        assert!(matches!(error, AbortError::Unchecked { .. }), "{error}");
        let none = Conditions::new(&server(0, "1").await, Vec::new());
        assert!(none.watch().await.unwrap().is_none());
    }

    #[test]
    fn nothing_known_is_nothing_that_holds() {
        let series = |value| Series {
            labels: voteops_observability::prometheus::Labels::new(),
            samples: vec![voteops_observability::prometheus::Sample { at_s: 0.0, value }],
        };
        for zero_holds in [false, true] {
            assert_eq!(holding(&[], zero_holds), None);
            assert_eq!(holding(&[series(f64::NAN)], zero_holds), None);
        }
        assert_eq!(holding(&[series(0.0), series(-2.0)], false), Some(-2.0));
        assert_eq!(holding(&[series(0.0)], false), None);
        assert_eq!(holding(&[series(0.0)], true), Some(0.0));
    }
}
