//! A stand-in of Grafana: it evaluates rules over a real Prometheus as Grafana's scheduler and state manager do
//! (`pkg/services/ngalert/schedule`, `state`), answers in the shapes of its API (`api/tooling/definitions`) and notifies as
//! its Alertmanager does. It knows nothing of how voteops reads a rule: it asks the query itself.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};
use url::Url;
use voteops_observability::prometheus::{Labels, Prometheus};

/// Between two ticks of the scheduler, and two evaluations of every rule, in seconds.
const TICK_S: i64 = 10;
/// How long after its tick a rule is run, behind the others that are due.
const BEHIND: Duration = Duration::from_secs(4);
pub(crate) const TOKEN: &str = "glsa_of_a_test";

/// What it is to be.
pub(crate) struct Plan {
    pub(crate) prometheus: Url,
    /// Where its contact point posts to.
    pub(crate) webhook: Url,
    /// Its rules, as `GET /api/v1/provisioning/alert-rules` tells them.
    pub(crate) definitions: Vec<Value>,
    /// The rule that it evaluates, by its uid.
    pub(crate) evaluated: String,
    /// The tree of policies.
    pub(crate) policies: Value,
    /// Its time intervals.
    pub(crate) intervals: Value,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Normal,
    Pending,
    Alerting,
}

#[derive(Clone)]
struct Instance {
    labels: Labels,
    state: State,
    since: i64,
}

#[derive(Default)]
struct Known {
    instances: BTreeMap<Labels, Instance>,
    evaluated_at: Option<i64>,
    /// Alerts of its Alertmanager, with the instants of their beginning and of the last telling.
    held: BTreeMap<Labels, (i64, Timestamp)>,
    /// What is to be posted yet.
    untold: Vec<(Labels, &'static str, i64)>,
    flush_at: Option<Instant>,
}

struct Shared {
    plan: Mutex<Plan>,
    known: Mutex<Known>,
    is_over: AtomicBool,
}

/// A stand-in that runs until it is dropped.
pub(crate) struct StandIn {
    shared: Arc<Shared>,
    pub(crate) url: Url,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl StandIn {
    pub(crate) fn start(plan: Plan) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            plan: Mutex::new(plan),
            known: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let (server, scheduler, notifier) = (shared.clone(), shared.clone(), shared.clone());
        let threads = vec![
            std::thread::spawn(move || server.serve(&listener)),
            std::thread::spawn(move || scheduler.schedule()),
            std::thread::spawn(move || notifier.notify()),
        ];
        Self {
            shared,
            url: url.parse().unwrap(),
            threads,
        }
    }

    /// Whether it has evaluated its rule.
    pub(crate) fn has_evaluated(&self) -> bool {
        self.shared.known().evaluated_at.is_some()
    }

    /// Changes what it is.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Plan)) {
        change(&mut self.shared.plan.lock().unwrap());
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // The server waits for somebody to ask.
        let address = self.url.socket_addrs(|| None).unwrap();
        let _ = TcpStream::connect(address[0]);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap()
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    fn serve(&self, listener: &TcpListener) {
        for stream in listener.incoming() {
            if self.is_over() {
                return;
            }
            let Ok(mut stream) = stream else { continue };
            let reader = BufReader::new(stream.try_clone().unwrap());
            let mut lines = reader.lines().map_while(Result::ok);
            let first = lines.next().unwrap_or_default();
            let headers: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
            let login = format!("authorization: bearer {TOKEN}");
            let is_known = headers.iter().any(|line| line.to_lowercase() == login);
            let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
            let (status, body) = if is_known {
                self.answer(&path)
            } else {
                ("401 Unauthorized", json!({"message": "Invalid API key"}))
            };
            let body = body.to_string();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    }

    fn answer(&self, path: &str) -> (&'static str, Value) {
        let plan = self.plan.lock().unwrap();
        let body = match path {
            "/api/prometheus/grafana/api/v1/rules" => self.rules(&plan),
            "/api/v1/provisioning/alert-rules" => json!(plan.definitions),
            "/api/v1/provisioning/policies" => plan.policies.clone(),
            "/api/v1/provisioning/mute-timings" => plan.intervals.clone(),
            "/api/v1/provisioning/contact-points" => json!([{
                "uid": "voteops-webhook", "name": "voteops", "type": "webhook", "disableResolveMessage": false,
                "settings": {"httpMethod": "POST", "url": plan.webhook.as_str()},
            }]),
            "/api/alertmanager/grafana/api/v2/alerts" => self.held(),
            path if path.starts_with("/api/datasources/uid/") => {
                json!({"id": 1, "uid": "prometheus", "name": "Prometheus", "type": "prometheus"})
            }
            _ => return ("404 Not Found", json!({"message": "Not found"})),
        };
        ("200 OK", body)
    }

    /// `RuleResponse` of definitions/prom.go.
    fn rules(&self, plan: &Plan) -> Value {
        let known = self.known();
        let told = plan.definitions.iter().map(|definition| {
            let is_ours = definition["uid"] == plan.evaluated;
            let instances: Vec<_> = known.instances.values().filter(|_| is_ours).collect();
            let is_any = |state| instances.iter().any(|it| it.state == state);
            let alerts = instances.iter().map(|it| {
                let state = match it.state {
                    State::Normal => "Normal",
                    State::Pending => "Pending",
                    State::Alerting => "Alerting",
                };
                json!({
                    "labels": it.labels, "annotations": {}, "state": state,
                    "activeAt": instant(it.since), "value": if it.state == State::Normal { "" } else { "1e+00" },
                })
            });
            let alerts: Vec<_> = alerts.collect();
            let evaluated_at = known.evaluated_at.filter(|_| is_ours || definition["uid"] != "unevaluated");
            json!({
                "state": if is_any(State::Alerting) { "firing" } else if is_any(State::Pending) { "pending" } else { "inactive" },
                "name": definition["title"], "uid": definition["uid"], "folderUid": "voteops",
                "query": definition["data"][0]["model"]["expr"], "queriedDatasourceUIDs": ["prometheus"],
                "duration": 2, "annotations": {}, "alerts": alerts, "labels": definition["labels"],
                "totals": {}, "totalsFiltered": {}, "health": "ok", "isPaused": definition["isPaused"], "type": "alerting",
                "lastEvaluation": evaluated_at.map_or("0001-01-01T00:00:00Z".to_owned(), instant),
                "evaluationTime": 0.01,
            })
        });
        let rules: Vec<_> = told.collect();
        json!({
            "status": "success",
            "data": {
                "groups": [{
                    "name": "worker", "file": "voteops", "folderUid": "voteops", "rules": rules, "totals": {},
                    "interval": TICK_S, "lastEvaluation": "0001-01-01T00:00:00Z", "evaluationTime": 0.01,
                }],
                "totals": {},
            },
        })
    }

    /// `gettableAlerts` of Alertmanager's API v2.
    fn held(&self) -> Value {
        let known = self.known();
        let told = known.held.iter().map(|(labels, (since, told_at))| {
            json!({
                "labels": labels, "annotations": {}, "startsAt": instant(*since),
                "endsAt": instant(since + 86_400), "updatedAt": told_at.to_string(), "fingerprint": "c0ffee",
                "receivers": [{"name": "voteops"}],
                "status": {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []},
                "generatorURL": "http://localhost:3000/alerting/grafana/WorkerDown/view",
            })
        });
        told.collect()
    }

    fn schedule(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let prometheus = Prometheus::new(&self.plan.lock().unwrap().prometheus).unwrap();
        let now_s = || Timestamp::now().as_second();
        let mut next_s = (now_s() / TICK_S + 1) * TICK_S;
        while !self.is_over() {
            if now_s() < next_s {
                std::thread::sleep(Duration::from_millis(50));
                continue;
            }
            std::thread::sleep(BEHIND);
            let (expr, hold_s, labels) = self.evaluated();
            #[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
            let found = runtime.block_on(prometheus.query(&expr, Some(next_s as f64)));
            if let Ok(found) = found {
                let series = found.data.into_iter().map(|series| {
                    let mut all = series.labels;
                    all.remove("__name__");
                    all.extend(labels.clone());
                    all
                });
                self.step(&series.collect::<Vec<_>>(), next_s, hold_s);
            }
            next_s += TICK_S;
        }
    }

    /// The query of the rule, its pending period in seconds and the labels that it gives.
    fn evaluated(&self) -> (String, i64, Labels) {
        let plan = self.plan.lock().unwrap();
        let mut all = plan.definitions.iter();
        let definition = all.find(|it| it["uid"] == plan.evaluated).unwrap();
        let mut labels: Labels = serde_json::from_value(definition["labels"].clone()).unwrap();
        labels.insert(
            "alertname".into(),
            definition["title"].as_str().unwrap().into(),
        );
        labels.insert("grafana_folder".into(), "voteops".into());
        let hold = definition["for"].as_str().unwrap();
        let hold = voteops_observability::units::parse_duration(hold).unwrap();
        let expr = definition["data"][0]["model"]["expr"].as_str().unwrap();
        (expr.into(), i64::try_from(hold.as_secs()).unwrap(), labels)
    }

    /// One evaluation: every series that there is alerts; without any, all are normal (no data is OK), and one that is
    /// missing is resolved at once.
    fn step(&self, series: &[Labels], at_s: i64, hold_s: i64) {
        let mut known = self.known();
        known.evaluated_at = Some(at_s);
        for labels in series {
            let was = known.instances.get(labels).cloned();
            let (state, since) = match was.map(|was| (was.state, was.since)) {
                Some((State::Alerting, since)) => (State::Alerting, since),
                Some((State::Pending, since)) if at_s - since < hold_s => (State::Pending, since),
                None | Some((State::Normal, _)) if hold_s > 0 => (State::Pending, at_s),
                _ => (State::Alerting, at_s),
            };
            if state == State::Alerting && since == at_s {
                known.held.insert(labels.clone(), (at_s, Timestamp::now()));
                known.untold.push((labels.clone(), "firing", at_s));
            }
            let instance = Instance {
                labels: labels.clone(),
                state,
                since,
            };
            known.instances.insert(labels.clone(), instance);
        }
        let gone = known.instances.values();
        let gone: Vec<_> = gone
            .filter(|it| !series.contains(&it.labels) && it.state != State::Normal)
            .cloned()
            .collect();
        for instance in gone {
            if instance.state == State::Alerting {
                known.held.remove(&instance.labels);
                known
                    .untold
                    .push((instance.labels.clone(), "resolved", instance.since));
            }
            if series.is_empty() {
                let normal = Instance {
                    state: State::Normal,
                    since: at_s,
                    ..instance.clone()
                };
                known.instances.insert(instance.labels, normal);
            } else {
                known.instances.remove(&instance.labels);
            }
        }
        // A rule that has nothing to say has one instance, which is normal without data.
        if known.instances.is_empty() {
            let normal = Instance {
                labels: Labels::new(),
                state: State::Normal,
                since: at_s,
            };
            known.instances.insert(Labels::new(), normal);
        }
    }

    /// The group of its alerts: flushed `group_wait` after the first, and each `group_interval` from then on.
    fn notify(&self) {
        let (wait, interval) = (Duration::from_secs(1), Duration::from_secs(10));
        while !self.is_over() {
            std::thread::sleep(Duration::from_millis(20));
            let mut known = self.known();
            match known.flush_at {
                None if !known.untold.is_empty() => known.flush_at = Some(Instant::now() + wait),
                Some(at) if Instant::now() >= at => {
                    let untold = std::mem::take(&mut known.untold);
                    let is_alive = !known.held.is_empty() || !untold.is_empty();
                    known.flush_at = is_alive.then(|| at + interval);
                    drop(known);
                    if !untold.is_empty() {
                        self.post(&untold);
                    }
                }
                _ => {}
            }
        }
    }

    /// The payload of Grafana's webhook
    /// (<https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/>).
    fn post(&self, alerts: &[(Labels, &'static str, i64)]) {
        let webhook = self.plan.lock().unwrap().webhook.clone();
        let is_firing = alerts.iter().any(|(_, status, _)| *status == "firing");
        let status = if is_firing { "firing" } else { "resolved" };
        let told: Vec<_> = alerts
            .iter()
            .map(|(labels, status, since)| {
                let ends_at = match *status {
                    "firing" => "0001-01-01T00:00:00Z".to_owned(),
                    _ => Timestamp::now().to_string(),
                };
                json!({
                    "status": status, "labels": labels, "annotations": {"summary": "no worker"},
                    "startsAt": instant(*since), "endsAt": ends_at, "values": {"A": 0, "B": 1, "C": 1},
                    "generatorURL": "http://localhost:3000/alerting/grafana/WorkerDown/view", "fingerprint": "c0ffee",
                    "silenceURL": "http://localhost:3000/alerting/silence/new", "dashboardURL": "", "panelURL": "", "orgId": 1,
                })
            })
            .collect();
        let body = json!({
            "receiver": "voteops", "status": status, "orgId": 1, "alerts": told,
            "groupLabels": {"alertname": "WorkerDown"}, "commonLabels": {}, "commonAnnotations": {},
            "externalURL": "http://localhost:3000/", "appVersion": "13.2.0", "version": "1",
            "groupKey": "{}/{grafana_folder=\"voteops\"}:{alertname=\"WorkerDown\"}", "truncatedAlerts": 0,
            "title": "FIRING: WorkerDown", "state": "alerting", "message": "firing: no worker",
        })
        .to_string();
        let address = webhook.socket_addrs(|| None).unwrap();
        let mut stream = TcpStream::connect(address[0]).unwrap();
        write!(
            stream,
            "POST {} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            webhook.path(),
            address[0],
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

fn instant(second: i64) -> String {
    Timestamp::from_second(second).unwrap().to_string()
}
