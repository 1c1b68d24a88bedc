//! The load as it runs, on standard error: standard output is for the result.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::watch;
use voteops_chaos::load::{Backlog, Progress};

use super::bars::{self, Glyphs};

/// How often a line is written where nobody watches a terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Shows the load until its sender is dropped: one block that is drawn again and again on a
/// terminal, a plain line every 5 s elsewhere.
pub(super) async fn show(mut progress: watch::Receiver<Progress>, backlog: Option<&Backlog>) {
    let glyphs = Glyphs::of_locale();
    let live = std::io::stderr().is_terminal().then(|| block(glyphs));
    let mut written = Instant::now();
    while progress.changed().await.is_ok() {
        let now = *progress.borrow_and_update();
        let queue = backlog.and_then(Backlog::length);
        if let Some(bar) = &live {
            bar.set_length(now.planned);
            bar.set_position(now.sent);
            bar.set_message(message(&now, queue, glyphs));
        } else if written.elapsed() >= LINE_INTERVAL {
            written = Instant::now();
            eprintln!(
                "{:.0} s: {} of {} votes, {}",
                now.elapsed.as_secs_f64(),
                now.sent,
                now.planned,
                rates(&now, queue)
            );
        }
    }
    if let Some(bar) = live {
        bar.finish_and_clear();
    }
}

fn block(glyphs: Glyphs) -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len}\n{msg}") {
        bar.set_style(match glyphs {
            Glyphs::Blocks => style,
            Glyphs::Ascii => style.progress_chars("#>-"),
        });
    }
    bar
}

/// Everything below the bar.
fn message(now: &Progress, queue: Option<u64>, glyphs: Glyphs) -> String {
    let mut lines = vec![rates(now, queue)];
    lines.extend(bars::lines(
        &now.latency,
        glyphs,
        bars::width(std::io::stderr()),
    ));
    lines.join("\n")
}

/// What is planned, what is achieved, and what is on its way.
fn rates(now: &Progress, queue: Option<u64>) -> String {
    let queue = queue.map_or_else(String::new, |length| format!("  queue {length}"));
    format!(
        "planned {:.0}/s  achieved {:.0}/s  in flight {}  errors {}{queue}",
        now.planned_rate_per_s, now.current_rate_per_s, now.in_flight, now.failed
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rates_the_votes_on_their_way_and_the_queue_are_told() {
        let now = Progress {
            planned_rate_per_s: 500.0,
            current_rate_per_s: 498.6,
            in_flight: 3,
            failed: 2,
            ..Progress::default()
        };
        let told = "planned 500/s  achieved 499/s  in flight 3  errors 2";
        assert_eq!(message(&now, None, Glyphs::Ascii), told);
        let with_queue = message(&now, Some(12), Glyphs::Ascii);
        assert_eq!(with_queue, format!("{told}  queue 12"));
    }
}
