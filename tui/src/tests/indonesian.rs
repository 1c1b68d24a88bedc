//! The console in Indonesian.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use voteops_observability::logs::Way;
use voteops_observability::rules;

use crate::lang::{Lang, speaking};
use crate::message::{Facts, Message};
use crate::model::logs::LogNews;
use crate::model::{Feed, Model};
use crate::screens::{alerts, chaos, component, logs, targets};
use crate::tests::fixtures;
use crate::tests::fixtures::{
    answered, at, connecting, error, firing, live, press, refusal, stale, text,
};
use crate::tests::frames::snapshot;
use crate::tests::grafana;
use crate::tests::lang::translations;
use crate::update::update;

const SIZES: [(u16, u16); 3] = [(40, 15), (80, 24), (120, 40)];

/// What is not said but named: addresses, commands, options, selectors, metrics, files.
const NAMED: &str = r"https?://\S*|:[a-z]+|--[a-z.]+|\{[a-z]\S*|\w+_\w+|\S+\.md\S*|\w*…";

/// Words of Prometheus, a label and a severity, what follows commands, a key, names of themes.
const NAMES: &str = "down unknown rate component warning NAME DURATION End high contrast none";

/// English of the fixtures: what servers, services, rules and the program say.
const DATA: [&str; 17] = [
    "0 workers answer, at least 1 expected.",
    "cannot be reached: connection refused",
    "refused the request",
    "Checkout is slower than 800 ms: look at it.",
    "Carts left: look at it.",
    "the query gave no data",
    "stops every worker (SIGSTOP), lets it go on (SIGCONT)",
    "undone after 1m; by its guardian, should anything else fail",
    "put on record",
    "injected into worker-1, worker-2",
    "no worker runs",
    "deploying the worker",
    "stops worker-1 (process 4711)",
    "24 Nov 2026 14:13:00.123 * Background saving terminated with success",
    "votes 39, duration ms",
    "label service vote-app",
    "logs, live, lang",
];

/// The words of a text in their order.
fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_ascii_alphabetic());
    let words = words.filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect()
}

/// What is English.
struct English {
    /// Words that no Indonesian text has.
    words: BTreeSet<String>,
    /// Words that follow each other in what others say.
    data: BTreeSet<(String, String)>,
    named: Regex,
}

impl English {
    fn new() -> Self {
        let placeholder = Regex::new(r"%\{\w+\}").unwrap();
        let words_of = |text: &String| words(&placeholder.replace_all(text, " "));
        let all = translations();
        let indonesian: BTreeSet<_> = all.values().flat_map(words_of).collect();
        let names = words(NAMES);
        let mut known: BTreeSet<_> = all.keys().flat_map(words_of).collect();
        known.retain(|word| word.len() > 2 && !indonesian.contains(word) && !names.contains(word));
        let shipped = rules::shipped().unwrap().into_iter();
        let annotations = shipped.flat_map(|rule| rule.annotations.into_values());
        let data = annotations.chain(DATA.map(str::to_owned));
        Self {
            words: known,
            data: data.flat_map(|text| pairs(&words(&text))).collect(),
            named: Regex::new(NAMED).unwrap(),
        }
    }

    /// The English words of a frame that nobody else says.
    fn left(&self, frame: &str) -> Vec<String> {
        let said = self.named.replace_all(frame, " ");
        let said = words(&said);
        let at_edge = String::new();
        let around = |at: usize| said.get(at).unwrap_or(&at_edge).clone();
        let is_data = |at: usize| {
            let word = around(at);
            let before = at.checked_sub(1).map(around).unwrap_or_default();
            self.data.contains(&(before, word.clone()))
                || self.data.contains(&(word, around(at + 1)))
        };
        let left = said.iter().enumerate();
        let left = left.filter(|(at, word)| self.words.contains(*word) && !is_data(*at));
        left.map(|(_, word)| word.clone()).collect()
    }
}

fn pairs(words: &[String]) -> Vec<(String, String)> {
    let pairs = words.windows(2);
    pairs
        .map(|pair| (pair[0].clone(), pair[1].clone()))
        .collect()
}

/// A console after these keys.
fn pressed(mut model: Model, keys: &str) -> Model {
    press(&mut model, keys);
    model
}

/// Every screen of a console.
fn screens(model: &Model) -> Vec<Model> {
    let all = ('1'..='9').map(|key| pressed(model.clone(), &key.to_string()));
    all.collect()
}

fn charted(mut model: Model) -> Model {
    component::tests::answer(&mut model);
    model
}

/// The logs screen after some news.
fn told(source: &'static str, keys: &str, news: Vec<LogNews>) -> Model {
    let mut model = pressed(logs::tests::told(source), keys);
    for news in news {
        logs::tests::tell(&mut model, news);
    }
    model
}

fn overview_states() -> Vec<Model> {
    let mut warned = live();
    let warnings = vec!["W1".into(), "W2".into()];
    let facts = Facts::Signals(vec![Some(1.0); 12], warnings);
    update(&mut warned, answered(Feed::Signals, 1, Ok(facts)));
    let mut back = stale();
    let signals = Facts::Signals(vec![Some(1.0); 12], Vec::new());
    update(&mut back, answered(Feed::Signals, 20, Ok(signals)));
    update(
        &mut back,
        answered(Feed::Rules, 20, Ok(fixtures::rules(Vec::new()))),
    );
    vec![
        connecting(),
        live(),
        firing(),
        stale(),
        error(),
        warned,
        back,
        pressed(live(), " "),
        pressed(live(), "?"),
        grafana::asking(),
        grafana::live(),
        grafana::without_grafana(),
    ]
}

fn chart_states() -> Vec<Model> {
    vec![
        charted(pressed(live(), "2")),
        charted(pressed(live(), "2i")),
        charted(pressed(live(), "2\r")),
        charted(pressed(firing(), "4h[")),
        charted(pressed(live(), "4 ")),
        pressed(live(), ":query rate(x[1m])\r"),
    ]
}

fn alerts_states() -> Vec<Model> {
    let silences = alerts::silence::tests::model();
    let keys = [
        "s", "srilis\r", "s\r", "s\t\t", "S", "Sx", "Sjjx", "/zzz\r", "\rL",
    ];
    let mut states: Vec<_> = keys
        .iter()
        .map(|keys| pressed(silences.clone(), keys))
        .collect();
    states.push(alerts::tests::hub());
    states.push(pressed(grafana::live(), "\r"));
    states.push(pressed(grafana::live(), "s"));
    states
}

fn logs_states() -> Vec<Model> {
    let polling = || LogNews::By(Way::Polling("HTTP 404".into()));
    let more = || LogNews::More(logs::tests::some());
    let failed = || LogNews::Failed(refusal(), Some(at(3)));
    vec![
        logs::tests::on_logs(None),
        logs::tests::on_logs(Some("loki")),
        told("loki", "", vec![LogNews::Begin(Vec::new().into())]),
        told("log files", "e", Vec::new()),
        told("loki", "", vec![LogNews::By(Way::Tail)]),
        told("loki", "", vec![polling()]),
        told("loki", "kk", vec![more()]),
        told("loki", "kk", Vec::new()),
        told("loki", "", vec![failed()]),
        told("log files", "k\r", Vec::new()),
        told("loki", "kc", vec![more()]),
        told(
            "loki",
            "h",
            vec![LogNews::Begin(logs::tests::some().into())],
        ),
        pressed(told("loki", "", Vec::new()), "/zzz\r"),
        told("loki", "n", Vec::new()),
        told("loki", "szzz\r", Vec::new()),
        told("loki", "s", Vec::new()),
    ]
}

fn chaos_states() -> Vec<Model> {
    let planning = pressed(chaos::tests::allowed(), "bj\r");
    let mut asking = planning.clone();
    update(&mut asking, Message::Planned(Ok(chaos::tests::plan())));
    let mut refused = planning.clone();
    update(&mut refused, Message::Planned(Err("no worker runs".into())));
    let mut running = chaos::tests::with(chaos::tests::some());
    update(&mut running, Message::Running(2));
    vec![
        chaos::tests::with(chaos::tests::some()),
        pressed(chaos::tests::with(chaos::tests::some()), "j"),
        pressed(chaos::tests::with(chaos::tests::some()), "/zzz\r"),
        chaos::tests::with(Vec::new()),
        pressed(chaos::tests::with(Vec::new()), "b"),
        pressed(live(), "7"),
        chaos::tests::allowed(),
        pressed(chaos::tests::allowed(), "b"),
        pressed(chaos::tests::allowed(), "b\rx\r"),
        planning,
        asking,
        refused,
        pressed(running, "q"),
    ]
}

fn targets_states() -> Vec<Model> {
    vec![
        targets::tests::with_targets(live(), targets::tests::some()),
        targets::tests::with_targets(stale(), targets::tests::some()),
        targets::tests::with_targets(live(), Vec::new()),
        pressed(error(), "8"),
        pressed(connecting(), "8"),
    ]
}

/// What is answered to lines that cannot be taken.
fn lines() -> Vec<Model> {
    let lines = [
        "nope",
        "l",
        "range soon",
        "range 1s",
        "query",
        "alerts x",
        "mouse maybe",
        "lang",
        "theme pink",
        "context prod",
        "mouse off",
        "mouse on",
        "zzz\t",
    ];
    lines
        .iter()
        .map(|line| pressed(live(), &format!(":{line}\r")))
        .collect()
}

/// Every screen, and every state of each.
fn all() -> Vec<Model> {
    let mut all: Vec<_> = overview_states().iter().flat_map(screens).collect();
    all.extend(overview_states());
    all.extend(chart_states());
    all.extend(alerts_states());
    all.extend(logs_states());
    all.extend(chaos_states());
    all.extend(targets_states());
    all.extend(lines());
    all
}

#[test]
fn frames() {
    let form = || {
        let mut model = alerts::silence::tests::model();
        press(&mut model, "srilis");
        model
    };
    let chaos = || chaos::tests::with(chaos::tests::some());
    let targets = || targets::tests::with_targets(firing(), targets::tests::some());
    let framed: [(&str, &dyn Fn() -> Model); 9] = [
        ("overview", &firing),
        ("alerts", &|| pressed(firing(), "5")),
        ("hub", &alerts::tests::hub),
        ("logs", &|| told("loki", "kkk", Vec::new())),
        ("chaos", &chaos),
        ("offers", &|| pressed(chaos::tests::allowed(), "b")),
        ("targets", &targets),
        ("help", &|| pressed(firing(), "?")),
        ("silence", &form),
    ];
    for (name, model) in framed {
        let name = format!("indonesian_{name}");
        snapshot(&name, &speaking(Lang::Id, model), &SIZES[..2]);
    }
    snapshot(
        "indonesian_overview",
        &speaking(Lang::Id, firing),
        &SIZES[2..],
    );
    snapshot("indonesian_stale", &speaking(Lang::Id, stale), &SIZES[..2]);
}

#[test]
fn no_english_is_left() {
    let english = English::new();
    for word in [
        "firing",
        "waiting",
        "following",
        "last",
        "ago",
        "now",
        "stopped",
    ] {
        assert!(english.words.contains(word), "{word} is not looked for");
    }
    let phrases = ["FIRING ", "◌ no data", "alert if", "last 10m", "retry in"];
    let mut left: BTreeMap<String, String> = BTreeMap::new();
    for model in speaking(Lang::Id, all) {
        for size in SIZES {
            let frame = text(&model, size);
            for word in english.left(&frame) {
                left.entry(word).or_insert_with(|| frame.clone());
            }
            for phrase in phrases {
                assert!(!frame.contains(phrase), "{phrase:?} in\n{frame}");
            }
        }
    }
    let words: Vec<_> = left.keys().collect();
    let frames: Vec<_> = left.values().map(String::as_str).collect();
    assert!(left.is_empty(), "{words:?} in\n{}", frames.join("\n"));
}

#[test]
fn english_would_be_found() {
    let english = English::new();
    for model in all() {
        let frame = text(&model, (80, 24));
        assert!(!english.left(&frame).is_empty(), "{frame}");
    }
}
