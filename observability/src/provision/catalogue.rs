//! The texts and panels that only dashboards have (`catalogue.toml`).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::ProvisionError;
use crate::promql;
use crate::signals::Curve;
use crate::units::Unit;

const SHIPPED: &str = include_str!("catalogue.toml");

/// What is said of signals and objectives, and what is shown beside them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Catalogue {
    /// A text for each signal, by its identity.
    signals: BTreeMap<String, String>,
    slos: BTreeMap<String, SloText>,
    #[serde(rename = "detail")]
    pub(super) details: Vec<Detail>,
}

/// What is said of an objective.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SloText {
    pub(super) description: String,
    /// How the names of the alerts begin that watch its budget.
    pub(super) alerts: String,
}

/// A panel that the console has not.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Detail {
    pub(super) board: String,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) unit: Unit,
    /// Whether a ratio may be above 1.
    #[serde(default)]
    pub(super) open: bool,
    #[serde(rename = "curve")]
    pub(super) curves: Vec<Curve>,
}

impl Catalogue {
    /// The shipped one, with every range divided by `time_scale`.
    pub(super) fn shipped(time_scale: f64) -> Result<Self, ProvisionError> {
        let mut catalogue: Self = toml::from_str(SHIPPED)
            .map_err(|error| ProvisionError::Catalogue(error.to_string()))?;
        for detail in &mut catalogue.details {
            for curve in &mut detail.curves {
                let scaled = promql::scale(&curve.expr, time_scale);
                curve.expr = scaled.map_err(|reason| ProvisionError::Panel {
                    title: detail.title.clone(),
                    reason,
                })?;
            }
        }
        Ok(catalogue)
    }

    pub(super) fn of_signal(&self, id: &str) -> Result<&str, ProvisionError> {
        let text = self.signals.get(id).map(String::as_str);
        text.ok_or_else(|| ProvisionError::NoText(id.to_owned()))
    }

    pub(super) fn of_slo(&self, id: &str) -> Result<&SloText, ProvisionError> {
        self.slos
            .get(id)
            .ok_or_else(|| ProvisionError::NoText(id.to_owned()))
    }

    pub(super) fn of_board<'a>(&'a self, board: &'a str) -> impl Iterator<Item = &'a Detail> {
        self.details
            .iter()
            .filter(move |detail| detail.board == board)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{signals, slo};

    #[test]
    fn texts_are_of_what_there_is() {
        let catalogue = Catalogue::shipped(1.0).unwrap();
        let signals = signals::shipped(1.0).unwrap();
        for id in catalogue.signals.keys() {
            assert!(signals.iter().any(|signal| signal.id == *id), "{id}");
        }
        let slos = slo::shipped(1.0).unwrap();
        for id in catalogue.slos.keys() {
            assert!(slos.iter().any(|slo| slo.id == *id), "{id}");
        }
        for detail in &catalogue.details {
            let boards = ["overview", "vote_app", "redis", "worker"];
            assert!(boards.contains(&detail.board.as_str()), "{}", detail.board);
        }
    }
}
