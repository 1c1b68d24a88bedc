//! Every query of every dashboard, asked of the Prometheus of a running stack.

use std::collections::BTreeSet;

use voteops_local::component::Kind;
use voteops_observability::prometheus::Prometheus;
use voteops_observability::provision::{self, Setting, metrics::METRICS};

use crate::support::{Home, PATIENCE};

const TIME_SCALE: &str = "30";
/// Four scrapes, which is Grafana's window for rates.
const WINDOW: &str = "2s";

/// Panels that are empty on a stack that is well; there are none. Whoever adds one says why.
const MAY_BE_EMPTY: [(&str, &str); 0] = [];

#[tokio::test]
async fn every_query_of_every_dashboard_finds_data_and_every_metric_is_there() {
    let stack = Home::new().stack(&["--time-scale", TIME_SCALE]);
    let url = stack.file().url(Kind::Prometheus).unwrap();
    let prometheus = Prometheus::new(&url).unwrap();
    let setting = Setting {
        time_scale: TIME_SCALE.parse().unwrap(),
        ..Setting::shipped()
    };
    let dashboards = provision::dashboards(&setting).unwrap();
    let mut asked = 0;
    for dashboard in &dashboards {
        for query in dashboard.queries.iter().filter(|query| !query.loki) {
            if MAY_BE_EMPTY.contains(&(dashboard.uid, &query.panel)) {
                continue;
            }
            let expr = query.asked(WINDOW);
            let told = format!("{}, {}: {expr}", dashboard.uid, query.panel);
            // The windows of a fresh stack fill within seconds.
            until(&told, async || finds(&prometheus, &expr).await).await;
            asked += 1;
        }
    }
    assert!(asked > 100, "{asked} queries");

    let all = prometheus
        .query("count by (__name__) ({__name__=~\".+\"})", None)
        .await
        .unwrap();
    let there: BTreeSet<_> = all
        .data
        .iter()
        .filter_map(|series| series.labels.get("__name__").cloned())
        .collect();
    for metric in METRICS {
        assert!(there.contains(metric), "nobody exports {metric}");
    }
}

/// Whether an expression has a number now.
async fn finds(prometheus: &Prometheus, expr: &str) -> bool {
    let answer = prometheus.query(expr, None).await;
    let series = answer
        .unwrap_or_else(|error| panic!("{expr}: {error}"))
        .data;
    let mut samples = series.iter().flat_map(|series| &series.samples);
    samples.any(|sample| sample.value.is_finite())
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let found = async {
        while !holds().await {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, found).await;
    assert!(found.is_ok(), "no data for {what}");
}
