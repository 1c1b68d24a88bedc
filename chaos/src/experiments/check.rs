//! From the text of a file to an experiment, or to all that is wrong with it.

use std::time::Duration;

use toml::de::DeTable;
use voteops_observability::{promql, rules};

use super::format::{Expect, Hypothesis, Script};
use super::problem::{Placed, Problem, Problems};
use super::table::Reader;
use super::{probes, steps};

/// How long the hypothesis may take to hold again when a file does not say.
const USUAL_WITHIN: Duration = Duration::from_mins(10);
/// No time in a file is longer; it is the longest that a fault may be asked to last.
pub(super) const LONGEST: Duration = Duration::from_hours(4);

/// Reads an experiment.
///
/// # Errors
/// All that is wrong with it, in the order of the file: either with its form as TOML, or else with
/// what it says.
pub fn parse(text: &str) -> Result<Script, Vec<Problem>> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let problems = Problems::of(text);
    for error in &errors {
        let at = error.span().map_or(0, |span| span.start);
        let told = error.message().replace('\n', ", ");
        problems.add(at, format!("this is not TOML: {told}"));
    }
    let script = if errors.is_empty() {
        read(Reader::new(root.get_ref(), 0, &problems), &problems)
    } else {
        None
    };
    match script {
        Some(script) if problems.is_empty() => Ok(script),
        _ => Err(problems.into_sorted()),
    }
}

/// Reads the file as a whole; `None` when it lacks what cannot be left out.
fn read(mut root: Reader<'_, '_>, problems: &Problems<'_>) -> Option<Script> {
    let title = root.text("title");
    if !root.has("title") {
        root.wrong("the experiment has no title; write title = \"…\" above everything else");
    }
    let description = root.text("description");
    let hypothesis = root.table("hypothesis");
    let expect = root.table("expect");
    let method = root.tables("method");
    let abort = root.table("abort");
    if !root.has("method") {
        root.wrong("there is no method; write [[method]] with a fault, a load, a wait or an until");
    }
    let at = root.at;
    root.finish();

    let expect = expect.map_or_else(Expect::default, |table| read_expect(table, problems));
    let has_load = method.iter().any(|step| step.has("load"));
    let method = steps::read(method, problems);
    let abort = abort.map_or_else(Vec::new, |table| read_abort(table, problems));
    let hypothesis = read_hypothesis(hypothesis, has_load, problems);
    if hypothesis.probes.is_empty() && expect.named().next().is_none() {
        let told = "nothing is expected of this experiment; write a [[hypothesis.probe]], or \
                    alerts under [expect]";
        // What was there and is wrong has been told already.
        if problems.is_empty() {
            problems.add(at, told);
        }
    }
    Some(Script {
        title: title?.value,
        description: description.map(|text| text.value),
        hypothesis,
        expect,
        method,
        abort,
    })
}

fn read_hypothesis(
    table: Option<Reader<'_, '_>>,
    has_load: bool,
    problems: &Problems<'_>,
) -> Hypothesis {
    let mut hypothesis = Hypothesis {
        within: USUAL_WITHIN,
        probes: Vec::new(),
        votes_conserved: false,
    };
    let Some(mut table) = table else {
        return hypothesis;
    };
    if let Some(within) = table.duration("within") {
        hypothesis.within = bounded(&within, "within", problems);
    }
    hypothesis.probes = probes::read(table.tables("probe"), problems);
    if let Some(conserved) = table.flag("votes_conserved") {
        hypothesis.votes_conserved = conserved.value;
        if conserved.value && !has_load {
            let told = "votes_conserved is about the votes of the experiment's own load, and the \
                        method has none; add a step with a load, or leave this out";
            problems.add(conserved.at, told);
        }
    }
    table.finish();
    hypothesis
}

fn read_expect(mut table: Reader<'_, '_>, problems: &Problems<'_>) -> Expect {
    let fires = table.texts("fires");
    let stays_quiet = table.texts("stays_quiet");
    table.finish();
    for alert in fires.iter().chain(&stays_quiet) {
        known_alert(alert, problems);
    }
    for alert in &stays_quiet {
        if fires.iter().any(|fires| fires.value == alert.value) {
            let told = format!(
                "{} cannot both fire and stay quiet; take it out of one of the two lists",
                alert.value
            );
            problems.add(alert.at, told);
        }
    }
    let names = |alerts: Vec<Placed<String>>| alerts.into_iter().map(|alert| alert.value);
    Expect {
        fires: names(fires).collect(),
        stays_quiet: names(stays_quiet).collect(),
    }
}

fn read_abort(mut table: Reader<'_, '_>, problems: &Problems<'_>) -> Vec<String> {
    let when = table.texts("when");
    table.finish();
    for expr in &when {
        parsable(expr, problems);
    }
    when.into_iter().map(|expr| expr.value).collect()
}

/// Tells of an expression that is not PromQL.
pub(super) fn parsable(expr: &Placed<String>, problems: &Problems<'_>) {
    if let Err(reason) = promql::normal(&expr.value) {
        let told = format!(
            "this is not PromQL: {reason}; try it with `:query` in the console, or as \
             Prometheus's own query"
        );
        problems.add(expr.at, told);
    }
}

/// Tells of an alert that no shipped rule is of. A heartbeat always fires, and is nothing to expect.
pub(super) fn known_alert(alert: &Placed<String>, problems: &Problems<'_>) {
    let rules = rules::shipped().unwrap_or_default();
    let alarms = rules
        .iter()
        .filter(|rule| !rules::is_heartbeat(&rule.labels));
    let names: Vec<&str> = alarms.map(|rule| rule.name.as_str()).collect();
    if !names.contains(&alert.value.as_str()) {
        let told = unknown("alert", &alert.value, &names);
        problems.add(alert.at, told);
    }
}

/// That there is nothing of a name, with the nearest one or with all there are.
pub(super) fn unknown(what: &str, given: &str, names: &[&str]) -> String {
    let hint = rules::nearest(given, names.iter().copied()).map_or_else(
        || format!("there are {}", names.join(", ")),
        |near| format!("did you mean {near}?"),
    );
    format!("there is no {what} {given:?}; {hint}")
}

/// A time that is not longer than any may be.
pub(super) fn bounded(given: &Placed<Duration>, key: &str, problems: &Problems<'_>) -> Duration {
    if given.value > LONGEST {
        let told = format!(
            "{key} is longer than {} h; write less",
            LONGEST.as_secs() / 3600
        );
        problems.add(given.at, told);
    }
    given.value
}
