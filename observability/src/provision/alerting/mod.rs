//! Grafana's own alert rules, and whom they notify.
//!
//! The keys are those of Grafana's file provisioning (`pkg/services/provisioning/alerting`), which drops
//! any other without a word; the tests hold the files to them. In these files Grafana replaces `$NAME` by the
//! environment, in some fields and versions only, and takes `$$` for `$` in just those. Nothing that is made here
//! needs to know which: annotations are written without any `$`, and the queries' models are never replaced.

mod notifications;
mod rules;
mod template;

pub(super) use notifications::notifications;
pub(super) use rules::rules;

/// The folder of rules and dashboards, by which the rules are routed too.
pub(super) const FOLDER: &str = "voteops";
