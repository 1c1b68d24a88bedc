//! Reads the steps of a method, and sees that each is one that can be taken.

use std::time::Duration;

use super::check::{bounded, known_alert, unknown};
use super::format::{Act, AlertIs, End, FaultStep, LoadStep, Stage, Step, Until};
use super::loads;
use super::problem::{Placed, Problems};
use super::table::Reader;
use super::values;
use crate::catalogue::{
    COLD_CACHE, Entry, FAIL_VOTES, FAULTS, FILL_REDIS, FLOOD, KILL_WORKER, SLOW_VOTES, SLOW_WORKER,
    STALL_WORKER, find,
};

/// What steps are given besides what they do.
const PARAMETERS: [&str; 7] = [
    "targets", "seed", "latency", "share", "status", "to", "reads",
];

/// What a step says, before it is known to be one that can be taken.
struct Raw {
    at: usize,
    /// Which of the keys that say what is done are there.
    kinds: Vec<&'static str>,
    fault: Option<Placed<String>>,
    load: Option<LoadStep>,
    wait: Option<Placed<Duration>>,
    length: Option<Placed<Duration>>,
    has_length: bool,
    until: Option<Until>,
    has_until: bool,
    /// Where `for` or `until` stands.
    extra_at: usize,
    together: Option<Placed<String>>,
    /// The parameters that are there.
    given: Vec<Placed<&'static str>>,
    parameters: Parameters,
}

#[derive(Default)]
struct Parameters {
    targets: Vec<Placed<String>>,
    seed: Option<u64>,
    latency: Option<Duration>,
    share: Option<f64>,
    status: Option<u16>,
    to: Option<f64>,
    reads_per_s: Option<f64>,
}

/// Reads all steps into stages: neighbours of the same group are one.
pub(super) fn read(tables: Vec<Reader<'_, '_>>, problems: &Problems<'_>) -> Vec<Stage> {
    let mut stages: Vec<(Option<String>, Stage)> = Vec::new();
    for (number, table) in (1..).zip(tables) {
        let raw = read_raw(table, problems);
        let (at, together) = (raw.at, raw.together.clone());
        let Some(act) = act(raw, problems) else {
            continue;
        };
        let step = Step { number, act };
        let Some(group) = together else {
            stages.push((None, Stage { steps: vec![step] }));
            continue;
        };
        match stages.last_mut() {
            Some((Some(name), stage)) if *name == group.value => {
                same_fault(&step, stage, at, problems);
                stage.steps.push(step);
            }
            _ => {
                if stages
                    .iter()
                    .any(|(name, _)| name.as_ref() == Some(&group.value))
                {
                    let told = format!(
                        "steps of the group {:?} stand apart; put them one after the other, or \
                         name this group otherwise",
                        group.value
                    );
                    problems.add(group.at, told);
                }
                stages.push((Some(group.value), Stage { steps: vec![step] }));
            }
        }
    }
    stages.into_iter().map(|(_, stage)| stage).collect()
}

/// Tells of a fault that the group has already: undoing one of the two would undo both.
fn same_fault(step: &Step, stage: &Stage, at: usize, problems: &Problems<'_>) {
    let name = |step: &Step| match &step.act {
        Act::Fault { fault, .. } => Some(fault.fault.name),
        _ => None,
    };
    let Some(ours) = name(step) else { return };
    if stage.steps.iter().any(|other| name(other) == Some(ours)) {
        let told = format!(
            "{ours} is in this group twice, and undoing one would undo the other; name the targets \
             of both in one step, or take them one after the other"
        );
        problems.add(at, told);
    }
}

fn read_raw(mut table: Reader<'_, '_>, problems: &Problems<'_>) -> Raw {
    let kinds = ["fault", "load", "wait"].into_iter();
    let kinds: Vec<_> = kinds.filter(|key| table.has(key)).collect();
    let placed = |key| table.has(key).then(|| Placed::new(table.place(key), key));
    let given = PARAMETERS.into_iter().filter_map(placed).collect();
    let (has_length, has_until) = (table.has("for"), table.has("until"));
    let extra_at = table.place(if has_length { "for" } else { "until" });
    let raw = Raw {
        at: table.at,
        kinds,
        fault: table.text("fault"),
        load: table
            .table("load")
            .and_then(|load| loads::read(load, problems)),
        wait: table.duration("wait"),
        length: table.duration("for"),
        has_length,
        until: table
            .table("until")
            .and_then(|until| read_until(until, problems)),
        has_until,
        extra_at,
        together: table.text("together"),
        given,
        parameters: Parameters {
            targets: table.texts("targets"),
            seed: table.whole("seed").map(|seed| seed.value),
            latency: values::latency(&mut table, problems),
            share: values::share(&mut table, "share", problems),
            status: values::status(&mut table, problems),
            to: values::share(&mut table, "to", problems),
            reads_per_s: values::per_s(&mut table, "reads", problems),
        },
    };
    table.finish();
    raw
}

/// What a step does; `None` when that was told to be wrong.
fn act(raw: Raw, problems: &Problems<'_>) -> Option<Act> {
    match raw.kinds[..] {
        ["fault"] => act_of_fault(raw, problems),
        ["load"] => {
            let inside = "a load has its time inside: load = { rate = 100, for = \"60s\" }";
            no_more(&raw, inside, problems);
            raw.load.map(Act::Load)
        }
        ["wait"] => {
            no_more(
                &raw,
                "a wait has its time in itself: wait = \"30s\"",
                problems,
            );
            let wait = raw.wait?;
            Some(Act::Wait(bounded(&wait, "wait", problems)))
        }
        [] if raw.has_until => {
            let inside = "it waits for as long as its within says";
            parameters_of_faults(&raw, problems);
            if raw.has_length {
                let told = format!("until takes no for: {inside}; leave for out");
                problems.add(raw.extra_at, told);
            }
            raw.until.map(Act::Until)
        }
        [] => {
            let told = "the step does nothing; write one of fault, load, wait and until";
            problems.add(raw.at, told);
            None
        }
        _ => {
            let told = format!(
                "the step does more than one thing ({}); write a [[method]] for each, with the \
                 same together when they are to be at the same time",
                raw.kinds.join(", ")
            );
            problems.add(raw.at, told);
            None
        }
    }
}

/// Tells of keys that are for faults in a step that is none.
fn no_more(raw: &Raw, inside: &str, problems: &Problems<'_>) {
    parameters_of_faults(raw, problems);
    if raw.has_length || raw.has_until {
        let told = format!("for and until are for faults; {inside}");
        problems.add(raw.extra_at, told);
    }
}

fn parameters_of_faults(raw: &Raw, problems: &Problems<'_>) {
    if let Some(first) = raw.given.first() {
        let told = format!("{} is for faults; leave it out of this step", first.value);
        problems.add(first.at, told);
    }
}

fn act_of_fault(raw: Raw, problems: &Problems<'_>) -> Option<Act> {
    let named = raw.fault.as_ref()?;
    let fault = known_fault(named, problems);
    let end = match (raw.has_length, raw.has_until) {
        (true, false) => raw
            .length
            .as_ref()
            .map(|length| End::After(bounded(length, "for", problems))),
        (false, true) => raw.until.clone().map(End::Until),
        _ => {
            let told = "a fault lasts for a time or until an alert is in a state; write one of \
                        for = \"90s\" and until = { alert = \"…\", is = \"firing\", within = \"3m\" }";
            problems.add(raw.at, told);
            None
        }
    };
    let fault = fault?;
    for given in &raw.given {
        if !takes(fault).contains(&given.value) {
            let (name, takes) = (fault.name, takes(fault).join(", "));
            let only = if takes.is_empty() {
                String::new()
            } else {
                format!(", only {takes}")
            };
            let told = format!("{name} takes no {}{only}; leave it out", given.value);
            problems.add(given.at, told);
        }
    }
    let parameters = raw.parameters;
    values::targets(&parameters.targets, problems);
    let targets = parameters.targets.into_iter().map(|target| target.value);
    let mut targets: Vec<_> = targets.collect();
    if targets.is_empty() {
        targets.push("all".into());
    }
    let fault = FaultStep {
        fault,
        targets,
        seed: parameters.seed,
        latency: parameters.latency,
        share: parameters.share,
        status: parameters.status,
        to: parameters.to,
        reads_per_s: parameters.reads_per_s,
    };
    Some(Act::Fault { fault, end: end? })
}

/// The fault of a name, unless it is told that there is none.
fn known_fault(named: &Placed<String>, problems: &Problems<'_>) -> Option<&'static Entry> {
    if named.value == FLOOD.name {
        let told = "a flood is a load: write load = { rate = 100, for = \"60s\" } instead";
        problems.add(named.at, told);
        return None;
    }
    let found = find(&named.value);
    if found.is_none() {
        let held = FAULTS.iter().filter(|fault| **fault != FLOOD);
        let there: Vec<_> = held.map(|fault| fault.name).collect();
        problems.add(named.at, unknown("fault", &named.value, &there));
    }
    found
}

/// What a fault can be given.
fn takes(fault: &Entry) -> &'static [&'static str] {
    match fault {
        _ if [STALL_WORKER, KILL_WORKER].contains(fault) => &["targets", "seed"],
        _ if *fault == SLOW_WORKER => &["targets", "seed", "latency"],
        _ if *fault == SLOW_VOTES => &["targets", "seed", "latency", "share"],
        _ if *fault == FAIL_VOTES => &["targets", "seed", "status", "share"],
        _ if *fault == COLD_CACHE => &["targets", "seed", "reads"],
        _ if *fault == FILL_REDIS => &["to"],
        _ => &[],
    }
}

fn read_until(mut table: Reader<'_, '_>, problems: &Problems<'_>) -> Option<Until> {
    let alert = table.text("alert");
    let is = table.parsed("is", |text| {
        let states = AlertIs::ALL.into_iter();
        let mut states = states.filter(|state| state.name() == text);
        let names = AlertIs::ALL.map(AlertIs::name).join(", ");
        states
            .next()
            .ok_or_else(|| format!("an alert is one of {names}"))
    });
    let within = table.duration("within");
    for key in ["alert", "is", "within"] {
        if !table.has(key) {
            let told = "write until = { alert = \"…\", is = \"firing\", within = \"3m\" }";
            table.wrong(format!("until has no {key}; {told}"));
        }
    }
    table.finish();
    if let Some(alert) = &alert {
        known_alert(alert, problems);
    }
    let within = within.map(|within| bounded(&within, "within", problems));
    Some(Until {
        alert: alert?.value,
        is: is?.value,
        within: within?,
    })
}
