//! No vote that was answered 202 is lost or counted twice, whatever is killed.

use std::time::Duration;

use rustix::process::Signal;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use voteops_chaos::load::{self, Choice, Extent, Plan, Progress, Rate};
use voteops_ledger::Ledger;
use voteops_local::component::{Kind, State};

use crate::support::{Home, PATIENCE, Stack, kill, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn no_vote_is_lost_when_a_worker_or_redis_is_killed_in_a_flood() {
    let stack = Home::alone().stack(&["--time-scale", "30", "--votes-per-second", "0"]);
    for victim in ["worker-1", "redis"] {
        let file = stack.file();
        let urls = file
            .of_kind(Kind::VoteApp)
            .map(|app| app.url.as_ref().unwrap());
        let plan = Plan {
            urls: urls.map(|url| url.parse().unwrap()).collect(),
            rate: Rate::constant(2_500.0),
            extent: Extent::Votes(50_000),
            connections: 32,
            run_id: format!("kill-{victim}"),
            seed: 1,
            choices: ["cats", "dogs"].map(Choice::plain).into(),
            timeout: Duration::from_secs(10),
        };
        let (sender, mut progress) = tokio::sync::watch::channel(Progress::default());
        let task = tokio::spawn(async move {
            load::flood(&plan, &sender, &CancellationToken::new())
                .await
                .unwrap()
        });
        let killed = stack.pid(victim);
        progress.wait_for(|now| now.sent > 20_000).await.unwrap();
        kill(killed, Signal::KILL);
        let report = task.await.unwrap();
        if victim == "redis" {
            assert!(
                report.accepted < 50_000,
                "Redis was away and no vote was refused"
            );
        } else {
            assert_eq!(report.accepted, 50_000, "{report:?}");
        }
        assert!(report.accepted > 25_000, "{report:?}");
        assert_every_vote_once(&stack, victim, &report).await;
        wait_until("it was started again", || {
            stack.file().components.iter().any(|component| {
                component.name == victim
                    && component.state == State::Healthy
                    && component.restarts >= 1
            })
        });
        assert_ne!(stack.pid(victim), killed);
    }
}

async fn assert_every_vote_once(stack: &Stack, victim: &str, report: &load::Report) {
    let ledger = Ledger::connect(&stack.file().ledger_url).unwrap();
    let mut accepted: Vec<Uuid> = report
        .accepted_votes
        .iter()
        .map(|vote| vote.vote_id)
        .collect();
    accepted.sort_unstable();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let rows = ledger.recorded(&format!("kill-{victim}-")).await.unwrap();
        let mut recorded: Vec<Uuid> = rows.into_iter().map(|(_, id)| id).collect();
        recorded.sort_unstable();
        assert!(
            recorded.windows(2).all(|pair| pair[0] != pair[1]),
            "a vote counts twice"
        );
        let lost = accepted
            .iter()
            .filter(|id| recorded.binary_search(id).is_err())
            .count();
        if lost == 0 {
            return;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "{lost} votes are lost"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
