//! What is asked of Prometheus, by name.

use std::collections::BTreeSet;

use crate::promql;

/// Every metric that dashboards, rules, signals and objectives read, besides what the rules record and `ALERTS`,
/// which is there only while an alert is active. The tests hold that nothing else is read, and, on a running stack,
/// that each is there.
pub const METRICS: [&str; 33] = [
    "alertmanager_notification_requests_failed_total",
    "alertmanager_notification_requests_total",
    "http_request_duration_seconds_bucket",
    "http_request_duration_seconds_count",
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "prometheus_notifications_errors_total",
    "prometheus_notifications_sent_total",
    "prometheus_rule_evaluation_failures_total",
    "prometheus_rule_group_last_evaluation_timestamp_seconds",
    "redis_blocked_clients",
    "redis_commands_processed_total",
    "redis_connected_clients",
    "redis_evicted_keys_total",
    "redis_keyspace_hits_total",
    "redis_keyspace_misses_total",
    "redis_memory_max_bytes",
    "redis_memory_used_bytes",
    "redis_queue_length",
    "redis_rejected_connections_total",
    "redis_up",
    "redis_uptime_in_seconds",
    "up",
    "vote_processing_duration_seconds_bucket",
    "vote_processing_duration_seconds_count",
    "votes_accepted_total",
    "votes_dead_total",
    "votes_processed_total",
    "votes_reclaimed_total",
    "votes_rejected_total",
    "worker_errors_total",
];

/// The names of the metrics that `expr` reads.
///
/// # Errors
/// The parser's message when `expr` is not PromQL.
pub fn read_by(expr: &str) -> Result<BTreeSet<String>, String> {
    let selectors = promql::selectors(expr)?;
    let names = selectors.iter().map(|selector| {
        let end = selector.find('{').unwrap_or(selector.len());
        selector[..end].to_owned()
    });
    Ok(names.collect())
}
