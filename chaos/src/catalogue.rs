//! The faults there are: what each touches, how it is undone, and the alerts that it makes fire.

use serde::Serialize;
use voteops_observability::rules;

/// A fault of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its name, as commands, records and the audit log call it.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// What it touches.
    pub touches: &'static str,
    /// How that is undone.
    pub undone: &'static str,
    /// The alerts that it makes fire.
    pub alerts: &'static [&'static str],
}

/// How a process or a container that was stopped is let go on.
const CONTINUED: &str =
    "SIGCONT, or unpausing, by the runner, its guardian or `voteops chaos recover`";

/// Workers hang: they keep their connections and the votes that they have in hand.
pub const STALL_WORKER: Entry = Entry {
    name: "stall-worker",
    about: "workers hang: they keep their connections and the votes in hand",
    touches: "the workers: processes (SIGSTOP) or containers (paused)",
    undone: CONTINUED,
    alerts: &["CriticalVoteQueueBacklog", "WorkerDown", "TargetDown"],
};

/// Workers die, and nobody starts them again.
pub const KILL_WORKER: Entry = Entry {
    name: "kill-worker",
    about: "workers die, and nobody starts them again",
    touches: "the workers: processes that `voteops up` looks after, or containers (SIGKILL)",
    undone: "they are started again once the runner, its guardian or `voteops chaos recover` allows it \
             or asks for it; `voteops up` does so by itself when nobody has renewed it for 15 s",
    alerts: &["WorkerDown", "CriticalVoteQueueBacklog"],
};

/// Redis hangs: whoever asks it waits.
pub const STALL_REDIS: Entry = Entry {
    name: "stall-redis",
    about: "Redis hangs: whoever asks it waits",
    touches: "Redis: its process (SIGSTOP) or container (paused)",
    undone: CONTINUED,
    alerts: &["RedisDown", "VoteAppHighErrorRate"],
};

/// Nobody votes.
pub const MUTE_TRAFFIC: Entry = Entry {
    name: "mute-traffic",
    about: "nobody votes: the background voters hang",
    touches: "the process of the background voters (SIGSTOP)",
    undone: CONTINUED,
    alerts: &["VoteTrafficStopped"],
};

/// How a fault inside a service ends.
const LEASED: &str = "the runner, its guardian or `voteops chaos recover` asks the service to end it, \
                      and the service does so by itself when nobody has renewed it for 15 s";

/// Voters wait for the vote app.
pub const SLOW_VOTES: Entry = Entry {
    name: "slow-votes",
    about: "vote apps take their time for a share of the votes",
    touches: "the vote apps, through their admin listeners",
    undone: LEASED,
    alerts: &[
        "VoteAppHighLatency",
        "VoteAppLatencyBudgetBurnFast",
        "VoteAppLatencyBudgetBurnSlow",
    ],
};

/// The vote app refuses votes.
pub const FAIL_VOTES: Entry = Entry {
    name: "fail-votes",
    about: "vote apps refuse a share of the votes with a 5xx",
    touches: "the vote apps, through their admin listeners",
    undone: LEASED,
    alerts: &[
        "VoteAppHighErrorRate",
        "VoteAppErrorBudgetBurnFast",
        "VoteAppErrorBudgetBurnSlow",
    ],
};

/// The worker needs long for a vote.
pub const SLOW_WORKER: Entry = Entry {
    name: "slow-worker",
    about: "workers take their time before they record votes",
    touches: "the workers, through their admin listeners",
    undone: LEASED,
    alerts: &["WorkerSlowProcessing"],
};

/// Redis is nearly full.
pub const FILL_REDIS: Entry = Entry {
    name: "fill-redis",
    about: "Redis is filled with keys of no use, nearly up to its memory limit",
    touches: "Redis: keys of the fault's own",
    undone: "the runner, its guardian or `voteops chaos recover` removes the keys, and they expire by \
             themselves when nobody has renewed them for 15 s",
    alerts: &["RedisMemoryHigh"],
};

/// The results are never found in their cache.
pub const COLD_CACHE: Entry = Entry {
    name: "cold-cache",
    about: "results are read, and vote apps never find them in their cache",
    touches: "the vote apps, through their admin listeners and their own doors",
    undone: LEASED,
    alerts: &["RedisHitRatioLow"],
};

/// Votes come faster than usual.
pub const FLOOD: Entry = Entry {
    name: "flood",
    about: "votes come at their own pace, whether or not the answers keep up",
    touches: "nothing but the vote apps' own doors",
    undone: "it ends by itself; the votes count like any other",
    alerts: &["CriticalVoteQueueBacklog"],
};

/// Every fault, in the order in which they are listed.
pub static FAULTS: [Entry; 10] = [
    STALL_WORKER,
    KILL_WORKER,
    SLOW_WORKER,
    STALL_REDIS,
    SLOW_VOTES,
    FAIL_VOTES,
    FILL_REDIS,
    COLD_CACHE,
    MUTE_TRAFFIC,
    FLOOD,
];

/// The fault that proves an alert: one that is there for it, or else one that makes it fire too.
#[must_use]
pub fn proving(alert: &str) -> Option<&'static Entry> {
    let mut faults = FAULTS.iter();
    let first = faults.find(|fault| fault.alerts.first() == Some(&alert));
    first.or_else(|| FAULTS.iter().find(|fault| fault.alerts.contains(&alert)))
}

/// Whether an alert is shipped and no fault is there for it: its rule is held by promtool alone. What
/// watches the watching cannot be broken without breaking the proof, and tickets take hours.
#[must_use]
pub fn is_held_by_promtool_alone(alert: &str) -> bool {
    let shipped = rules::shipped().unwrap_or_default();
    proving(alert).is_none() && shipped.iter().any(|rule| rule.name == alert)
}

/// The fault of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Entry> {
    FAULTS.iter().find(|fault| fault.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_fault_is_called_differently_and_the_alerts_it_proves_are_shipped() {
        let rules = rules::shipped().unwrap();
        let mut names: Vec<_> = FAULTS.iter().map(|fault| fault.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FAULTS.len());
        for alert in FAULTS.iter().flat_map(|fault| fault.alerts) {
            assert!(rules.iter().any(|rule| rule.name == *alert), "{alert}");
        }
    }

    #[test]
    fn alerts_without_a_fault_are_those_that_watch_the_watching_and_tickets() {
        let shipped = rules::shipped().unwrap();
        let names = shipped.iter().map(|rule| rule.name.as_str());
        let held: Vec<_> = names
            .filter(|name| is_held_by_promtool_alone(name))
            .collect();
        assert_eq!(
            held,
            [
                "VoteAppErrorBudgetBurnTicket",
                "VoteAppLatencyBudgetBurnTicket",
                "Watchdog",
                "PrometheusRuleFailures",
                "PrometheusNotificationsFailing",
                "AlertmanagerNotificationsFailing",
            ]
        );
        assert!(!is_held_by_promtool_alone("NoSuchAlert"));
    }

    /// The runbooks by the names of their files, the index aside.
    fn runbooks() -> BTreeMap<String, String> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/runbooks");
        let files = std::fs::read_dir(dir).unwrap().map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        });
        files.filter(|(name, _)| name != "README").collect()
    }

    #[test]
    fn every_alert_has_a_runbook_that_says_how_it_is_proven() {
        let runbooks = runbooks();
        let index = include_str!("../../docs/runbooks/README.md");
        let of_prometheus = rules::shipped().unwrap();
        let of_loki = rules::shipped_for_loki().unwrap();
        let all = || of_prometheus.iter().chain(&of_loki);
        let names: Vec<_> = all().map(|rule| &rule.name).collect();
        for name in runbooks.keys() {
            assert!(names.contains(&name), "{name} is no alert");
        }
        for name in names {
            let text = runbooks
                .get(name)
                .unwrap_or_else(|| panic!("{name} has none"));
            assert!(text.starts_with(&format!("# {name}\n")), "{name}");
            let sections = text.lines().filter_map(|line| line.strip_prefix("## "));
            let sections: Vec<_> = sections.collect();
            assert_eq!(
                sections,
                ["Meaning", "Impact", "Look", "Mend", "Proof"],
                "{name}"
            );
            assert!(text.contains("voteops"), "{name}");
            assert!(index.contains(&format!("[{name}]({name}.md)")), "{name}");
            let proof = text.split("## Proof\n").nth(1).unwrap();
            let told = match proving(name) {
                Some(fault) => {
                    format!("`voteops chaos verify {name}` (fault `{}`", fault.name)
                }
                None if is_held_by_promtool_alone(name) => "Held by promtool alone".into(),
                None => "Held by no test of its own".into(),
            };
            assert!(proof.contains(&told), "{name}: {told}");
        }
    }

    #[test]
    fn an_alert_is_proven_by_the_fault_that_is_there_for_it() {
        assert_eq!(proving("VoteAppHighErrorRate"), Some(&FAIL_VOTES));
        assert_eq!(proving("WorkerDown"), Some(&KILL_WORKER));
        assert_eq!(proving("NoSuchAlert"), None);
        assert_eq!(find("flood"), Some(&FLOOD));
    }
}
