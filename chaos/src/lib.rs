//! Faults, their undoing, load, and the proof of an alert end to end.
