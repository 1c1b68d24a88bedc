use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use url::Url;
use voteops_chaos::load::{
    Choice, ErrorKind, Extent, LoadError, Plan, Progress, Rate, Report, flood,
};

use crate::server::{PATIENCE, Seen, Server};

pub(crate) fn plan(urls: &[&Url], rate_per_s: f64, votes: u64) -> Plan {
    Plan {
        urls: urls.iter().copied().cloned().collect(),
        rate: Rate::constant(rate_per_s),
        extent: Extent::Votes(votes),
        connections: 8,
        run_id: "run".to_owned(),
        seed: 7,
        choices: ["cats", "dogs"].map(Choice::plain).into(),
        timeout: PATIENCE,
    }
}

pub(crate) async fn run(plan: &Plan) -> Report {
    let progress = watch::channel(Progress::default()).0;
    flood(plan, &progress, &CancellationToken::new())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_accepted_vote_is_kept_and_the_urls_take_turns() {
    let servers = [
        Server::start().await,
        Server::start().await,
        Server::start().await,
    ];
    let plan = plan(
        &servers.each_ref().map(|server| &server.url),
        5_000.0,
        1_000,
    );
    let report = run(&plan).await;

    assert_eq!(
        (report.planned, report.sent, report.accepted),
        (1_000, 1_000, 1_000)
    );
    assert!(
        report.rejected.is_empty() && report.errors.is_empty(),
        "{report:?}"
    );
    let indexes: Vec<_> = report
        .accepted_votes
        .iter()
        .map(|vote| vote.index)
        .collect();
    assert_eq!(indexes, (0..1_000).collect::<Vec<_>>());
    for vote in report.accepted_votes {
        let server = &servers[usize::try_from(vote.index % 3).unwrap()];
        let accepted = server.seen.accepted.lock().unwrap();
        assert_eq!(accepted[&vote.vote_id].0, plan.voter(vote.index));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_seeds_cast_equal_votes() {
    let mut cast = Vec::new();
    for _ in 0..2 {
        let server = Server::start().await;
        run(&plan(&[&server.url], 5_000.0, 200)).await;
        let accepted = server.seen.accepted.lock().unwrap();
        cast.push(accepted.values().cloned().collect::<BTreeMap<_, _>>());
    }
    assert_eq!(cast[0], cast[1]);
    assert_eq!(cast[0].len(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn latency_counts_from_when_a_vote_was_due() {
    let delay = Duration::from_millis(50);
    let server = Server::behaving(Seen {
        delay,
        ..Seen::default()
    })
    .await;
    // One connection carries at most 20 votes per second; the 40th is due after 0.2 s and cannot be
    // answered before 2 s. A closed loop would see 50 ms for each.
    let plan = Plan {
        connections: 1,
        ..plan(&[&server.url], 200.0, 40)
    };
    let report = run(&plan).await;
    assert_eq!(report.accepted, 40);
    assert!(report.latency.max_us >= 1_800_000, "{report:?}");
    assert!(report.latency.p50_us >= 850_000, "{report:?}");
    assert!(report.lag.max_us >= 1_750_000, "{report:?}");
    assert!(report.achieved_rate_per_s <= 21.0, "{report:?}");
    assert!(report.shortfall);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    drop(listener);
    let report = run(&plan(&[&url], 1_000.0, 50)).await;
    assert_eq!(report.errors, BTreeMap::from([(ErrorKind::Connect, 50)]));
    assert_eq!((report.sent, report.accepted), (0, 0));
    assert!(report.shortfall, "nothing was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_dead_server_of_two_costs_its_own_votes_only() {
    let server = Server::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    drop(listener);
    let report = run(&plan(&[&server.url, &dead], 2_000.0, 100)).await;
    assert_eq!(report.accepted, 50);
    assert_eq!(report.errors, BTreeMap::from([(ErrorKind::Connect, 50)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn rejections_are_counted_by_status() {
    let server = Server::start().await;
    server.seen.refuse_with.store(503, Ordering::SeqCst);
    let report = run(&plan(&[&server.url], 2_000.0, 60)).await;
    assert_eq!(report.rejected, BTreeMap::from([(503, 60)]));
    assert_eq!((report.sent, report.accepted), (60, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_come_is_a_timeout() {
    let server = Server::behaving(Seen {
        delay: PATIENCE * 10,
        ..Seen::default()
    })
    .await;
    let timeout = Duration::from_millis(100);
    let plan = Plan {
        timeout,
        ..plan(&[&server.url], 1_000.0, 24)
    };
    let report = run(&plan).await;
    assert_eq!(report.errors, BTreeMap::from([(ErrorKind::Timeout, 24)]));
    // 24 votes on 8 connections: the last wait for two timeouts before their own.
    assert!(report.latency.max_us >= 270_000, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_closes_after_each_answer_costs_no_vote() {
    let server = Server::behaving(Seen {
        close: true,
        ..Seen::default()
    })
    .await;
    let report = run(&plan(&[&server.url], 1_000.0, 100)).await;
    assert_eq!(report.accepted, 100, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_and_senseless_answers_are_counted_and_not_sent_again() {
    for (answer, expected) in [
        ("", ErrorKind::Broken),
        (
            "HTTP/1.1 202 Accepted\r\ncontent-length: 100\r\n\r\n{",
            ErrorKind::Broken,
        ),
        (
            "HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
            ErrorKind::Unreadable,
        ),
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", ErrorKind::Unreadable),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap())
            .parse()
            .unwrap();
        let server = tokio::spawn(async move {
            let mut requests = 0;
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                if stream.read(&mut [0; 4096]).await.unwrap_or(0) > 0 {
                    requests += 1;
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
                if requests == 12 {
                    return requests;
                }
            }
        });
        let plan = Plan {
            connections: 1,
            ..plan(&[&url], 1_000.0, 12)
        };
        let report = run(&plan).await;
        assert_eq!(
            report.errors,
            BTreeMap::from([(expected, 12)]),
            "{answer:?}"
        );
        assert_eq!(server.await.unwrap(), 12, "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_flood_reports_every_vote_that_was_accepted() {
    let delay = Duration::from_millis(20);
    let server = Server::behaving(Seen {
        delay,
        ..Seen::default()
    })
    .await;
    let plan = plan(&[&server.url], 400.0, 1_000_000);
    let cancel = CancellationToken::new();
    let (progress, mut seen) = watch::channel(Progress::default());
    let watching = async {
        let told = *seen
            .wait_for(|progress| progress.accepted >= 50)
            .await
            .unwrap();
        cancel.cancel();
        told
    };
    let (report, told) = tokio::join!(flood(&plan, &progress, &cancel), watching);
    let report = report.unwrap();
    assert!(report.cancelled);
    assert_eq!(report.planned, 1_000_000);
    assert!(report.accepted >= told.accepted && report.accepted < 1_000_000);
    assert!(
        told.current_rate_per_s > 0.0 && told.latency_p99_us >= 20_000,
        "{told:?}"
    );
    let kept: Vec<_> = report
        .accepted_votes
        .iter()
        .map(|vote| plan.voter(vote.index))
        .collect();
    let mut accepted = server.seen.voters();
    assert_eq!(kept.len(), accepted.len());
    accepted.sort();
    let mut kept = kept;
    kept.sort();
    assert_eq!(kept, accepted);
}

#[tokio::test]
async fn plans_that_cannot_be_carried_out_are_refused() {
    let url = "http://127.0.0.1:1".parse().unwrap();
    let good = plan(&[&url], 10.0, 10);
    let refused = async |plan: Plan| {
        let progress = watch::channel(Progress::default()).0;
        flood(&plan, &progress, &CancellationToken::new())
            .await
            .unwrap_err()
    };
    let with = |url: &str| Plan {
        urls: vec![url.parse().unwrap()],
        ..good.clone()
    };
    assert!(matches!(
        refused(Plan {
            urls: vec![],
            ..good.clone()
        })
        .await,
        LoadError::NoUrl
    ));
    for url in ["https://127.0.0.1:1", "http://127.0.0.1:1/?q", "mailto:a@b"] {
        assert!(
            matches!(refused(with(url)).await, LoadError::Url { .. }),
            "{url}"
        );
    }
    let plan = Plan {
        rate: Rate::constant(f64::NAN),
        ..good.clone()
    };
    assert!(matches!(refused(plan).await, LoadError::Rate(_)));
    let plan = Plan {
        extent: Extent::Duration(Duration::from_millis(10)),
        ..good.clone()
    };
    assert!(matches!(refused(plan).await, LoadError::Empty));
    let plan = Plan {
        connections: 0,
        ..good.clone()
    };
    assert!(matches!(refused(plan).await, LoadError::Connections { .. }));
    let plan = Plan {
        choices: vec![],
        ..good.clone()
    };
    assert!(matches!(refused(plan).await, LoadError::NoChoice));
    let plan = Plan {
        run_id: String::new(),
        ..good.clone()
    };
    assert!(matches!(refused(plan).await, LoadError::Missing(_)));
    let plan = Plan {
        timeout: Duration::ZERO,
        ..good
    };
    assert!(matches!(refused(plan).await, LoadError::Missing(_)));
}
