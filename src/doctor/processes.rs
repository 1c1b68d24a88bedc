//! The processes of a stack of this machine: whether each runs, and does not stand stopped.

use voteops_chaos::process::{Process, State as Running};
use voteops_local::StackFile;
use voteops_local::component::{Component, State};
use voteops_observability::doctor::{Check, Finding};

pub(super) fn check(stack: &StackFile) -> Vec<Finding> {
    let look = |component: &Component| {
        let process = Process {
            pid: i32::try_from(component.pid?).ok()?,
            start_ticks: component.start_ticks?,
        };
        process.state().ok()
    };
    let components: Vec<_> = stack.components.iter().map(|it| (it, look(it))).collect();
    judge(&components)
}

fn judge(components: &[(&Component, Option<Running>)]) -> Vec<Finding> {
    let mut findings: Vec<_> = components
        .iter()
        .filter_map(|(component, running)| trouble(component, *running))
        .collect();
    if findings.is_empty() {
        let restarted = components
            .iter()
            .filter(|(component, _)| component.restarts > 0);
        let restarted: Vec<_> = restarted
            .map(|(component, _)| format!("{} ({})", component.name, component.restarts))
            .collect();
        let restarted = if restarted.is_empty() {
            String::new()
        } else {
            format!("; started again, and how often: {}", restarted.join(", "))
        };
        let found = format!("all {} run{restarted}", components.len());
        findings.push(Finding::ok(Check::Processes, found));
    }
    findings
}

fn trouble(component: &Component, running: Option<Running>) -> Option<Finding> {
    let name = &component.name;
    let log = component.log.as_ref().map_or_else(
        || "`voteops down`, then `voteops up`".to_owned(),
        |log| format!("its last words: `tail {log}`"),
    );
    let (found, way_out) = match (running, component.pid) {
        (Some(Running::Stopped), Some(pid)) => (
            format!("{name} (pid {pid}) stands stopped"),
            format!("`kill -CONT {pid}`, or `voteops chaos status` if a fault did it"),
        ),
        (Some(Running::Running), _) => match component.state {
            State::Healthy => return None,
            State::Starting => {
                let found = format!("{name} was started and does not serve yet");
                return Some(Finding::warning(Check::Processes, found, log));
            }
            _ => (format!("{name} runs and does not answer"), log),
        },
        _ => (
            format!("{name} does not run ({})", component.state.word()),
            log,
        ),
    };
    Some(Finding::failed(Check::Processes, found, way_out))
}

#[cfg(test)]
mod tests {
    use voteops_local::component::Kind;
    use voteops_observability::doctor::Verdict;

    use super::*;

    fn component(state: State) -> Component {
        Component {
            name: "worker-1".into(),
            kind: Kind::Worker,
            pid: Some(7),
            start_ticks: Some(1),
            url: None,
            admin_url: None,
            log: Some("/data/logs/worker-1.log".into()),
            state,
            restarts: 0,
        }
    }

    #[test]
    fn a_process_that_is_stopped_deaf_or_gone_is_told() {
        for (state, running, found, way_out) in [
            (
                State::Healthy,
                Some(Running::Stopped),
                "(pid 7) stands stopped",
                "`kill -CONT 7`",
            ),
            (
                State::Unhealthy,
                Some(Running::Running),
                "does not answer",
                "tail /data/logs",
            ),
            (
                State::Healthy,
                Some(Running::Gone),
                "does not run",
                "tail /data/logs",
            ),
            (
                State::Backoff,
                None,
                "does not run (died)",
                "tail /data/logs",
            ),
        ] {
            let component = component(state);
            let findings = judge(&[(&component, running)]);
            assert_eq!(findings[0].verdict, Verdict::Failed);
            assert!(findings[0].found.contains(found), "{findings:?}");
            assert!(
                findings[0].way_out.as_ref().unwrap().contains(way_out),
                "{findings:?}"
            );
        }
    }

    #[test]
    fn processes_that_run_are_well_and_restarts_are_told() {
        let mut component = component(State::Healthy);
        component.restarts = 2;
        let findings = judge(&[(&component, Some(Running::Running))]);
        assert_eq!(findings[0].verdict, Verdict::Ok);
        assert!(findings[0].found.ends_with("worker-1 (2)"), "{findings:?}");
    }
}
