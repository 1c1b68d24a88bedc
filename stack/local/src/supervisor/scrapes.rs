//! Whether Prometheus has what every signal and every rule needs.

use std::time::{Duration, Instant};

use tokio::time::sleep;
use voteops_observability::prometheus::{Prometheus, TargetHealth};
use voteops_observability::signals::single_value;

use super::board::Board;
use crate::Error;
use crate::component::Kind;
use crate::data_dir::DataDir;
use crate::event::What;
use crate::plan::Plan;

/// How often Prometheus is asked.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// After this it is told what is waited for.
const TELL_AFTER: Duration = Duration::from_mins(1);
/// Scrapes of every target after which every signal, rates included, has a value.
const SCRAPES_FOR_RATES: u32 = 2;

/// Waits until every target was scraped, loads the rules that waited for that, and waits until
/// rates have values.
pub(super) async fn ready(plan: &Plan, dir: &DataDir, board: &Board) -> Result<(), Error> {
    let prometheus =
        Prometheus::new(&plan.prometheus).map_err(|error| Error::Startup(error.to_string()))?;
    let started = Instant::now();
    let told = async {
        sleep(TELL_AFTER).await;
        board.tell(What::Note {
            text: lacking(&prometheus).await,
        });
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = told => Ok(()),
        ready = all_ready(plan, dir, board, (&prometheus, started)) => ready,
    }
}

async fn all_ready(
    plan: &Plan,
    dir: &DataDir,
    board: &Board,
    (prometheus, started): (&Prometheus, Instant),
) -> Result<(), Error> {
    scraped(prometheus, started, 1).await;
    if !plan.late_rules.is_empty() {
        for (name, text) in &plan.late_rules {
            dir.write_config(name, text)?;
        }
        load_rules(prometheus, board).await;
    }
    scraped(prometheus, started, SCRAPES_FOR_RATES).await;
    Ok(())
}

/// What it takes so long for.
async fn lacking(prometheus: &Prometheus) -> String {
    let waiting = "Prometheus has not scraped every target twice yet";
    let targets = match prometheus.targets().await {
        Ok(answer) => answer.data,
        Err(error) => return format!("{waiting}: {error}"),
    };
    let down = targets.iter().filter(|it| it.health != TargetHealth::Up);
    let down = down.map(|it| format!("{} ({})", it.scrape_url, it.last_error));
    let down: Vec<_> = down.collect();
    if down.is_empty() {
        format!("{waiting}; is its disk full? Its log tells")
    } else {
        format!("{waiting}: {}", down.join(", "))
    }
}

/// Waits until every target is up and was scraped `times` times since `started`: the database may
/// hold samples of an earlier stack.
async fn scraped(prometheus: &Prometheus, started: Instant, times: u32) {
    loop {
        let since_ms = started.elapsed().as_millis().max(1);
        let lacking = format!("count(count_over_time(up[{since_ms}ms]) < {times}) or vector(0)");
        let targets = prometheus
            .targets()
            .await
            .map_or(0, |answer| answer.data.len());
        // Not those of an earlier stack, which are known for some minutes.
        let up = format!("count(last_over_time(up[{since_ms}ms]) == 1)");
        let up = number(prometheus, &up).await;
        let lacking = number(prometheus, &lacking).await;
        #[expect(clippy::cast_precision_loss, reason = "a handful of targets")]
        if targets > 0 && up == Some(targets as f64) && lacking == Some(0.0) {
            return;
        }
        sleep(LOOK_INTERVAL).await;
    }
}

/// Makes Prometheus read its rule files, until it has.
async fn load_rules(prometheus: &Prometheus, board: &Board) {
    loop {
        board.hang_up(Kind::Prometheus);
        for _ in 0..5 {
            sleep(LOOK_INTERVAL).await;
            if prometheus
                .rules()
                .await
                .is_ok_and(|answer| !answer.data.is_empty())
            {
                return;
            }
        }
    }
}

async fn number(prometheus: &Prometheus, expr: &str) -> Option<f64> {
    single_value(&prometheus.query(expr, None).await.ok()?.data)
}
