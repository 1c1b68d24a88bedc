//! Vote apps and workers are replaced one by one under load.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use voteops_campaign::audit::Audit;
use voteops_campaign::load::Load;
use voteops_campaign::service::Service;
use voteops_campaign::stack::{LedgerKind, REPLICAS, Stack, client};

type TestResult = Result<(), Box<dyn std::error::Error>>;

const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// How long votes come undisturbed between two replacements.
const LULL: Duration = Duration::from_millis(300);

/// Ends a service as an orchestrator does, and starts its successor.
async fn replace(service: &mut Service) -> std::io::Result<()> {
    service.terminate()?;
    while !service.has_ended()? {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    service.start(0)
}

/// Whoever cannot connect goes to the other instance, as a balancer does; whoever has sent a vote is
/// answered, and never by an error.
#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_answers_every_vote_it_took_and_none_with_an_error() -> TestResult {
    let program = Path::new(env!("CARGO_BIN_EXE_crash-campaign"));
    let mut stack = Stack::start(program, LedgerKind::Sqlite).await?;
    let apps: Vec<SocketAddr> = stack.vote_apps.iter().map(|app| app.address).collect();
    let load = Load::begin(&client()?, &apps, "r", 200);
    for n in 0..REPLICAS {
        tokio::time::sleep(LULL).await;
        replace(&mut stack.vote_apps[n]).await?;
        stack.until_ready().await?;
        replace(&mut stack.workers[n]).await?;
        stack.until_ready().await?;
    }
    let sent = load.end().await?;
    while stack.queue.length().await? > 0 {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    let recorded = stack.ledger.standing("r").await?;
    // Not one status is a reason to refuse a vote.
    let audit = Audit::of(&sent, &recorded, &[]);
    assert!(audit.violations.is_empty(), "{:?}", audit.violations);
    assert_eq!(
        audit.recorded_unasked, 0,
        "taken and not answered: {audit:?}"
    );
    assert!(audit.accepted > 100, "{audit:?}");
    Ok(())
}
