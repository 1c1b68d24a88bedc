//! Runs the console against servers that are up already:
//! `cargo run -p voteops-console --example console -- http://127.0.0.1:9090 [http://127.0.0.1:9093]`.

use std::time::Duration;

use url::Url;
use voteops_console::{Outcome, Settings, once, run};
use voteops_observability::alertmanager::Alertmanager;
use voteops_observability::prometheus::Prometheus;
use voteops_observability::signals::{self, Component};
use voteops_observability::snapshot::Sources;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let urls: Vec<_> = std::env::args().skip(1).collect();
    let sources = Sources {
        prometheus: Prometheus::new(&Url::parse(&urls[0])?)?,
        alertmanager: match urls.get(1).filter(|u| u.starts_with("http")) {
            Some(url) => Some(Alertmanager::new(&Url::parse(url)?)?),
            None => None,
        },
        signals: signals::shipped(1.0)?,
    };
    let settings = Settings {
        expected: vec![(Component::VoteApp, 2), (Component::Worker, 2)],
        panic_after: urls
            .iter()
            .any(|u| u == "panic")
            .then_some(Duration::from_secs(2)),
        quit_prompt: urls
            .iter()
            .any(|u| u == "ask")
            .then(|| "Quitting stops the stack. Quit?".into()),
        ..Settings::new(sources, "local stack")
    };
    if urls.iter().any(|u| u == "once") {
        print!("{}", once(settings, 120, 36).await);
        return Ok(());
    }
    match run(settings).await? {
        Outcome::Quit => println!("quit"),
        Outcome::Signal(number) => std::process::exit(128 + number),
    }
    Ok(())
}
