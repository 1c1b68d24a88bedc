//! What every service of the stack is: configuration, JSON logs, metrics, health, shutdown.
