//! What a trace comes to, told independently of the forecast.

use crate::replay::forecast::{Evaluation, Forecast, Step};
use crate::replay::machine::State;

/// When a rule first turns pending, fires and resolves from the onset on, in seconds.
pub(super) fn of(trace: &[Evaluation]) -> [Option<f64>; 3] {
    let changes: [fn(State, State) -> bool; 3] = [
        |was, is| was == State::Inactive && is != State::Inactive,
        |was, is| was != State::Firing && is == State::Firing,
        |was, is| was == State::Firing && is != State::Firing,
    ];
    changes.map(|changes| {
        let pairs = trace.iter().zip(&trace[1..]);
        let mut after_onset = pairs.filter(|(_, is)| is.at_s >= 0.0);
        let found = after_onset.find(|(was, is)| changes(was.state, is.state));
        found.map(|(_, is)| is.at_s)
    })
}

/// The steps of a forecast in the same order.
pub(super) fn steps(forecast: &Forecast) -> [Step; 3] {
    [forecast.pending, forecast.firing, forecast.resolved]
}
