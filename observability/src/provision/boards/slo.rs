//! Objectives: what is left of each error budget, and how fast it burns.

use super::{Board, Dashboard, Kind, Limit, Makings, Panel, ProvisionError, budget, runbook};
use crate::provision::groups::Rule;
use crate::slo::Slo;
use crate::units::Unit;

/// The windows of burn rates, of the pages and of the ticket of the SRE Workbook.
const BURN_WINDOWS: [&str; 6] = ["5m", "30m", "1h", "2h", "6h", "1d"];

pub(super) fn board(makings: &Makings) -> Result<Dashboard, ProvisionError> {
    let mut board = Board::new(
        "voteops-slo",
        "SLO",
        "Service level objectives of the vote app. Budget and burn rate as in the Google SRE Workbook, chapter 5: \
         a burn rate of 1 spends the whole budget in the objective's window.",
        makings,
    );
    for slo in &makings.slos {
        let heading = format!(
            "{}: {} over {}",
            slo.title,
            Unit::Ratio.format(slo.objective),
            slo.window
        );
        board.row(&heading);
        board.panel(makings.budget_left(slo)?, 6, 8);
        board.panel(errors(slo)?, 9, 8);
        board.panel(burn_rates(makings, slo)?, 9, 8);
    }
    board.row("Alerts");
    let watched = |rule: &Rule| {
        let mut slos = makings.slos.iter();
        slos.any(|slo| watches(makings, slo, rule))
    };
    board.panel(makings.alert_states(watched), 24, 6);
    Ok(board.finish())
}

fn watches(makings: &Makings, slo: &Slo, rule: &Rule) -> bool {
    let text = makings.catalogue.of_slo(&slo.id);
    text.is_ok_and(|text| rule.name.starts_with(&text.alerts))
}

/// The share of bad answers, against the share that may be bad.
fn errors(slo: &Slo) -> Result<Panel, ProvisionError> {
    let text = "Share of the answers that are bad, over five minutes. Above the line the budget shrinks faster than \
                it may.";
    let title = format!("{}: bad answers", slo.title);
    let mut panel = Panel::new(Kind::Chart, title, text).unit(Unit::Ratio);
    panel.logs_of = Some("vote-app");
    panel.open = true;
    panel.limits = vec![Limit {
        comparison: crate::promql::Comparison::Above,
        value: budget(slo),
        critical: false,
    }];
    let bad = Makings::errors(slo, "5m")?;
    Ok(panel.asking("bad", format!("clamp_min({bad}, 0)")))
}

/// Burn rates over the windows of the alerts, with the rates at which these fire.
fn burn_rates(makings: &Makings, slo: &Slo) -> Result<Panel, ProvisionError> {
    let rules = makings.groups.iter().flat_map(|group| &group.rules);
    let rules: Vec<_> = rules.filter(|rule| watches(makings, slo, rule)).collect();
    let mut text = "Share of bad answers divided by the share that may be bad.".to_owned();
    let mut limits = Vec::new();
    let mut links = Vec::new();
    for rule in &rules {
        links.extend(runbook(rule));
        if let Some(limit) = Limit::of(rule) {
            let factor = (limit.value / budget(slo) * 1e3).round() / 1e3;
            text.extend([format!(
                "\n\nAlert {} at {factor}x, over its two windows.",
                rule.name
            )]);
            limits.push(Limit {
                value: factor,
                ..limit
            });
        }
    }
    let title = format!("{}: burn rates", slo.title);
    let mut panel = Panel::new(Kind::Chart, title, text);
    panel.limits = limits;
    panel.links = links;
    panel.logs_of = Some("vote-app");
    panel.alerts = rules.iter().map(|rule| rule.name.clone()).collect();
    for window in BURN_WINDOWS {
        panel = panel.asking(window, Makings::burn(slo, window)?);
    }
    Ok(panel)
}
