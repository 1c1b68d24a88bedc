use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use tokio_util::sync::CancellationToken;
use url::Url;
use voteops_chaos::load::LoadError;
use voteops_chaos::load::voters::{Plan, run};

use crate::server::{Server, eventually};

fn plan(url: &Url) -> Plan {
    Plan {
        urls: vec![url.clone()],
        votes_per_second: 500.5,
        voters: 3,
        name: "voter".to_owned(),
        choices: vec!["cats".to_owned(), "dogs".to_owned()],
        seed: 7,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn voters_come_back_change_their_minds_and_look_at_the_results() {
    let server = Server::start().await;
    let (plan, shutdown) = (plan(&server.url), CancellationToken::new());
    let watching = async {
        eventually("votes", || server.seen.accepted() >= 60).await;
        eventually("a look at the results", || {
            server.seen.pages.load(Ordering::SeqCst) >= 3
        })
        .await;
        shutdown.cancel();
    };
    let (ran, ()) = tokio::join!(run(&plan, &shutdown), watching);
    ran.unwrap();
    let accepted = server.seen.accepted.lock().unwrap();
    let voters: BTreeSet<_> = accepted.values().map(|(voter, _)| voter.as_str()).collect();
    assert_eq!(voters, BTreeSet::from(["voter-0", "voter-1", "voter-2"]));
    let ballots: BTreeSet<_> = accepted.values().collect();
    assert_eq!(ballots.len(), 6, "each voter has voted for each choice");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_does_not_end_the_voting() {
    let server = Server::start().await;
    let (plan, shutdown) = (plan(&server.url), CancellationToken::new());
    let watching = async {
        eventually("votes", || server.seen.accepted() >= 5).await;
        server.seen.refuse_with.store(503, Ordering::SeqCst);
        eventually("refusals", || {
            server.seen.refused.load(Ordering::SeqCst) >= 5
        })
        .await;
        server.seen.refuse_with.store(0, Ordering::SeqCst);
        let before = server.seen.accepted();
        eventually("votes again", || server.seen.accepted() >= before + 5).await;
        shutdown.cancel();
    };
    let (ran, ()) = tokio::join!(run(&plan, &shutdown), watching);
    ran.unwrap();
}

#[tokio::test]
async fn plans_without_voters_choices_or_rate_are_refused() {
    let url = "http://127.0.0.1:1".parse().unwrap();
    let refused = async |plan| run(&plan, &CancellationToken::new()).await.unwrap_err();
    let good = plan(&url);
    let none = Plan {
        voters: 0,
        ..good.clone()
    };
    assert!(matches!(refused(none).await, LoadError::Missing(_)));
    let none = Plan {
        choices: vec![],
        ..good.clone()
    };
    assert!(matches!(refused(none).await, LoadError::NoChoice));
    let none = Plan {
        votes_per_second: 0.0,
        ..good.clone()
    };
    assert!(matches!(refused(none).await, LoadError::Rate(_)));
    let none = Plan {
        urls: vec![],
        ..good
    };
    assert!(matches!(refused(none).await, LoadError::NoUrl));
}
