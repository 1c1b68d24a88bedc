//! The console's overview as panels, in its order.

use super::{Board, Dashboard, Kind, Makings, Panel, ProvisionError, logs_of};
use crate::marks;
use crate::signals::{Component, Signal};
use crate::units::Unit;

/// The way of a vote: the heading of each number, and the signal whose it is.
const PIPELINE: [(&str, &str); 5] = [
    ("Votes accepted", "vote_app.traffic"),
    ("Vote apps", "vote_app.instances"),
    ("Queue", "worker.queue_length"),
    ("Workers", "worker.instances"),
    ("Votes recorded", "worker.throughput"),
];

pub(super) fn board(makings: &Makings) -> Result<Dashboard, ProvisionError> {
    let mut board = Board::new(
        "voteops-overview",
        "Voting overview",
        "The way of a vote, every signal against the threshold of its alert, alerts, error budgets and experiments: \
         what voteops-tui shows first.",
        makings,
    );
    board.row("Pipeline: voters → vote app → queue → worker → ledger");
    for (title, id) in PIPELINE {
        let signal = makings.signals.iter().find(|signal| signal.id == id);
        let signal = signal.ok_or_else(|| ProvisionError::NoSignal(id.to_owned()))?;
        let mut panel = makings.now(signal)?;
        title.clone_into(&mut panel.title);
        board.panel(panel, 4, 4);
    }
    for detail in makings.catalogue.of_board("overview") {
        let mut growth = makings.detail(detail, Component::Worker);
        growth.kind = Kind::Stat;
        growth.open = true;
        board.panel(growth, 4, 4);
    }
    for component in Component::ALL {
        board.row(component.title());
        let signals: Vec<&Signal> = makings.signals_of(component).collect();
        for signal in &signals {
            board.panel(makings.now(signal)?, 6, 4);
        }
        board.line();
        for signal in &signals {
            board.panel(makings.course(signal)?, 6, 7);
        }
    }
    board.row("Alerts");
    board.panel(makings.alert_states(|_| true), 24, 10);
    board.row("Objectives");
    for slo in &makings.slos {
        board.panel(makings.budget_left(slo)?, 4, 5);
        let text = "How fast the error budget burns: at 1x it is spent at the end of its window.";
        let title = format!("{}: burn rate", slo.title);
        let mut panel = Panel::new(Kind::Stat, title, text).unit(Unit::Count);
        for window in ["5m", "1h", "6h"] {
            panel = panel.asking(window, Makings::burn(slo, window)?);
        }
        board.panel(panel, 8, 5);
    }
    board.row("Events");
    logs_of(&mut board, marks::SERVICE);
    Ok(board.finish())
}
