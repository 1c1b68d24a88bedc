//! What the backends are asked, and the facts that their answers are.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use voteops_observability::BackendError;
use voteops_observability::alertmanager::Alertmanager;
use voteops_observability::combined::Question;
use voteops_observability::grafana::Grafana;
use voteops_observability::logs::Loki;
use voteops_observability::prometheus::{Prometheus, Sample, Series};
use voteops_observability::signals;
use voteops_observability::slo::{self, Slo};
use voteops_observability::snapshot::{self, alert_statuses};

use crate::message::Facts;

pub(crate) async fn ask_slos(
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

/// One range query for all signals.
pub(crate) async fn read_past(
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

pub(crate) async fn ask_signals(
    prometheus: Prometheus,
    question: Arc<Question>,
) -> Result<Facts, BackendError> {
    let (values, warnings) = snapshot::read_signals(&prometheus, &question).await?;
    Ok(Facts::Signals(values, warnings))
}

pub(crate) async fn ask_rules(prometheus: Prometheus) -> Result<Facts, BackendError> {
    let groups = prometheus.rules().await?.data;
    let thresholds = signals::thresholds(groups.iter().flat_map(|group| &group.rules));
    Ok(Facts::Rules(alert_statuses(&groups), thresholds))
}

pub(crate) async fn ask_grafana_rules(grafana: Grafana) -> Result<Facts, BackendError> {
    Ok(Facts::GrafanaRules(grafana.rules().await?))
}

pub(crate) async fn ask_silences(alertmanager: Alertmanager) -> Result<Facts, BackendError> {
    Ok(Facts::Silences(alertmanager.silences().await?))
}

pub(crate) async fn ask_held(alertmanager: Alertmanager) -> Result<Facts, BackendError> {
    Ok(Facts::Held(alertmanager.alerts().await?))
}

/// Asks whether log lines can be asked for.
pub(crate) async fn ask_loki(loki: Loki) -> Result<Facts, BackendError> {
    loki.labels().await?;
    Ok(Facts::Logs)
}
