//! Alerts of services that `voteops up` did not start: servers and targets are named.

use voteops_local::component::Kind;

use crate::support::{Home, assert_schema, told};

#[test]
fn an_alert_is_proven_by_named_servers_on_named_processes() {
    let stack = Home::new().stack(&["--time-scale", "30"]);
    let file = stack.file();
    let url = |kind| file.url(kind).unwrap().to_string();
    let (prometheus, alertmanager) = (url(Kind::Prometheus), url(Kind::Alertmanager));
    let workers = ["worker-1", "worker-2"].map(|name| stack.pid(name).to_string());
    let data_dir = stack.home.data_dir().with_file_name("elsewhere");
    let named = [
        "WorkerDown",
        "--fault",
        "stall-worker",
        "--prometheus",
        &prometheus,
        "--alertmanager",
        &alertmanager,
        "--time-scale",
        "30",
        "--pid",
        &workers[0],
        "--pid",
        &workers[1],
        "--data-dir",
        data_dir.to_str().unwrap(),
    ];
    let report = stack.proven(&named);
    assert_schema("verify.schema.json", &report);
    assert_eq!(
        (&report["verdict"], &report["delivery"]),
        (&"proven".into(), &"alertmanager".into())
    );
    assert_eq!(report["votes"]["audited"], false);
    assert!(data_dir.join("chaos/audit.jsonl").exists());
    assert_eq!(stack.audit(), "");

    // By all that there may be: whoever receives, takes votes and keeps them.
    let (receiver, app) = (url(Kind::Webhook), url(Kind::VoteApp));
    let more = [
        "--receiver",
        &receiver,
        "--vote-app",
        &app,
        "--ledger",
        &file.ledger_url,
    ];
    let report = stack.proven(&[&named[..], &more].concat());
    assert_eq!(report["delivery"], "receiver");
    assert_eq!(report["votes"]["audited"], true);
    assert!(
        report["votes"]["recorded"].as_u64().unwrap() > 50,
        "{report:#}"
    );

    // One of two that hangs brings none of them down, which is known before anything is touched.
    let one = [&named[..11], &["--data-dir", data_dir.to_str().unwrap()]].concat();
    let refused = stack.voteops(&[&["chaos", "verify"], &one[..]].concat());
    assert_eq!(refused.status.code(), Some(2), "{}", told(&refused));
    assert!(
        told(&refused).contains("would prove nothing"),
        "{}",
        told(&refused)
    );
    for (left_out, words) in [
        (&named[..9], "name the targets of the fault"),
        (
            &[&["WorkerDown"], &named[9..11]].concat()[..],
            "together with --prometheus",
        ),
        (
            &[&["CriticalVoteQueueBacklog"], &named[1..]].concat()[..],
            "name the vote apps with --vote-app",
        ),
        (
            &[&["RedisMemoryHigh"], &named[3..]].concat()[..],
            "name where this Redis is reached",
        ),
    ] {
        let refused = stack.voteops(&[&["chaos", "verify"], left_out].concat());
        let said = told(&refused);
        assert!(
            refused.status.code() == Some(2) && said.contains(words),
            "{said}"
        );
    }
}
