//! Fits an experiment to a stack whose time is scaled. A file is written for an unscaled stack: its
//! times are divided, and so are the ranges in its expressions, as those of the rules are. Bounds,
//! rates, numbers of votes and what faults are given stay, as thresholds do.

use std::time::Duration;

use voteops_observability::{promql, units};

use super::format::{Act, End, Hypothesis, Probe, Script, Stage, Step, Until};

impl Script {
    /// The same experiment with every time divided by `time_scale`.
    ///
    /// # Errors
    /// The parser's message when an expression is not PromQL; that of a script that was read is.
    pub fn scaled(self, time_scale: f64) -> Result<Self, String> {
        let expr = |expr: &str| promql::scale(expr, time_scale);
        let time = |length| units::scaled(length, time_scale);
        let probes = self.hypothesis.probes.into_iter().map(|probe| {
            let promql = expr(&probe.promql)?;
            Ok::<_, String>(Probe { promql, ..probe })
        });
        let stages = self.method.into_iter().map(|stage| Stage {
            steps: stage
                .steps
                .into_iter()
                .map(|step| scaled(step, &time))
                .collect(),
        });
        let abort = self.abort.iter().map(|when| expr(when));
        Ok(Self {
            hypothesis: Hypothesis {
                within: time(self.hypothesis.within),
                probes: probes.collect::<Result<_, _>>()?,
                votes_conserved: self.hypothesis.votes_conserved,
            },
            method: stages.collect(),
            abort: abort.collect::<Result<_, _>>()?,
            ..self
        })
    }
}

fn scaled(step: Step, time: &impl Fn(Duration) -> Duration) -> Step {
    let until = |until: Until| Until {
        within: time(until.within),
        ..until
    };
    let act = match step.act {
        Act::Fault { fault, end } => Act::Fault {
            fault,
            end: match end {
                End::After(length) => End::After(time(length)),
                End::Until(state) => End::Until(until(state)),
            },
        },
        Act::Load(mut load) => {
            load.length = time(load.length);
            Act::Load(load)
        }
        Act::Wait(length) => Act::Wait(time(length)),
        Act::Until(state) => Act::Until(until(state)),
    };
    Step { act, ..step }
}
