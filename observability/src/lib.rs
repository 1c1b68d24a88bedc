//! Clients of Prometheus and Alertmanager; signals, rules, predictions.
